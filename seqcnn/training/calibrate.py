"""Calibration: settings drawn at random, judged by cross-validation, the best of them trained on everything.

Alipanahi et al. 2015 (doi:10.1038/nbt.3300, Online Methods, "Calibration") drew 30 settings and trained three folds of
each. Trials of one shape are members of one fit here, so that they share the batches, and the scan. A fold is a fit of
its own: as members of the same fit its trials would scan the examples that are held out from them, a third of all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.errors import TrainingError
from seqcnn.models.network import Network
from seqcnn.training.digest import digest
from seqcnn.training.fit import Watcher
from seqcnn.training.history import Epoch, History
from seqcnn.training.keeping import Keeper
from seqcnn.training.members import Member, fit_members, member
from seqcnn.training.options import TrainOptions
from seqcnn.training.search import SHAPE, Space, draw


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """How settings are searched.

    Parameters
    ----------
    space : Space
    trials, folds : int
    epochs : int
        Of each trial.
    checkpoints : int
        Times in that course, evenly spaced, at which a trial is judged; where it is best decides how long its settings
        are trained in the end. 1: at its end alone.
    best : int
        Settings whose restarts make the model.
    restarts : int
        Of each of them.
    keep : {"ensemble", "best"}
        All restarts, or the one with the lowest training loss.
    trial_filters : int, optional
        Motif detectors of a trial, where they are not searched, if others than those of the model.
    incumbent : frozenset of str
        Settings that the first trial does not draw, but has as they are without a search.
    at_once : int, optional
        Most trials in a fit; None for all of a shape.
    """

    space: Space
    trials: int
    folds: int
    epochs: int
    checkpoints: int
    best: int
    restarts: int
    keep: str
    trial_filters: int | None = None
    incumbent: frozenset[str] = frozenset()
    at_once: int | None = None

    def checks(self) -> tuple[int, ...]:
        """Return the epochs after which trials are judged."""
        n = min(self.checkpoints, self.epochs)
        return tuple(sorted({round(self.epochs * (i + 1) / n) for i in range(n)}))


@dataclass(slots=True)
class Trial:
    """One setting and how it did.

    Parameters
    ----------
    number : int
        From 0.
    settings : dict
        Fields of :class:`seqcnn.training.options.TrainOptions`.
    scores : dict
        For each fold done, the validation score at each checkpoint; NaN where its member was lost.
    """

    number: int
    settings: dict[str, Any]
    scores: dict[int, list[float]] = field(default_factory=dict)

    def best_checkpoint(self) -> tuple[int, float]:
        """Return the checkpoint at which the mean over folds is highest, and that mean; NaN if a fold was lost."""
        means = np.array([self.scores[fold] for fold in sorted(self.scores)]).mean(0)
        if np.isnan(means).all():
            return len(means) - 1, math.nan
        best = int(np.nanargmax(means))
        return best, float(means[best])

    @property
    def shape(self) -> tuple[Any, ...]:
        """What must be the same for trials to be members of one fit."""
        return tuple(self.settings.get(name) for name in SHAPE)


@dataclass(frozen=True, slots=True)
class Piece:
    """Trials of one shape on one fold: one fit.

    Parameters
    ----------
    number : int
        Of all pieces, done or not, from 0.
    trials : tuple of Trial
    fold : int
    """

    number: int
    trials: tuple[Trial, ...]
    fold: int


def draw_trials(options: CalibrateOptions, base: TrainOptions) -> list[Trial]:
    """Return all trials of a calibration, none of them done."""
    trials = [Trial(number, draw(options.space, base.seed, number)) for number in range(options.trials)]
    trials[0].settings |= {name: getattr(base, name) for name in options.space if name in options.incumbent}
    return trials


def trial_options(base: TrainOptions, options: CalibrateOptions, settings: Mapping[str, Any]) -> TrainOptions:
    """Return what a trial is trained with."""
    n_filters = options.trial_filters or base.n_filters
    return replace(base, **{"n_filters": n_filters} | dict(settings))


def pieces(trials: Sequence[Trial], options: CalibrateOptions) -> Iterator[Piece]:
    """Yield the fits that are left to do; which trials share one does not depend on what is done."""
    number = 0
    for shape in dict.fromkeys(trial.shape for trial in trials):
        alike = [trial for trial in trials if trial.shape == shape]
        size = options.at_once or len(alike)
        for start in range(0, len(alike), size):
            for fold in range(options.folds):
                left = tuple(trial for trial in alike[start : start + size] if fold not in trial.scores)
                if left:
                    yield Piece(number, left, fold)
                number += 1


def fingerprint(
    options: CalibrateOptions, base: TrainOptions, examples: Examples, folds: NDArray[np.int64], task: str, strands: bool
) -> dict[str, Any]:
    """Return what two calibrations that come to the same have in common, named as in a message; as JSON has it."""
    said = asdict(base) | {name: value for name, value in asdict(options).items() if name not in ("space", "at_once")}
    said |= {"search": {name: str(choice) for name, choice in options.space.items()}, "task": task}
    said |= {"trial_epochs": said.pop("epochs"), "both_strands": strands, "incumbent": sorted(options.incumbent)}
    data = {"examples": digest(examples), "division into folds": NDArrayDigest}
    through: dict[str, Any] = json.loads(json.dumps(said | data))
    return through


def run_piece(
    piece: Piece,
    base: TrainOptions,
    options: CalibrateOptions,
    examples: Examples,
    folds: NDArray[np.int64],
    *,
    task: str,
    both_strands: bool,
    device: torch.device,
    on_batch: Watcher | None = None,
) -> None:
    """Train trials on all folds but one, and put their scores on that one into them.

    Parameters
    ----------
    piece : Piece
    base : TrainOptions
        What trials do not search.
    options : CalibrateOptions
    examples : Examples
        With targets; nothing that is to test the model.
    folds : ndarray of int64, shape (n,)
    task : str
    both_strands : bool
    device : torch.device
    on_batch : callable, optional
    """
    checks = options.checks()
    shared = trial_options(base, options, _of(piece.trials[0].settings, SHAPE))
    members = [_member(base, trial.settings) for trial in piece.trials]
    held_out = folds == piece.fold
    try:
        _, history = fit_members(
            shared,
            members,
            examples.take(~held_out),
            examples.take(held_out),
            task=task,
            both_strands=both_strands,
            epochs=options.epochs,
            device=device,
            bears_loss=True,
            checks=checks,
            on_batch=on_batch,
        )
    except TrainingError:  # all were lost
        for trial in piece.trials:
            trial.scores[piece.fold] = [math.nan] * len(checks)
        return
    for i, trial in enumerate(piece.trials):
        trial.scores[piece.fold] = [history.epochs[check - 1].validation_score[i] for check in checks]


def rank(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials, best first; those that were lost on a fold last."""
    scores = {trial.number: trial.best_checkpoint()[1] for trial in trials}
    return sorted(trials, key=lambda t: (math.isnan(scores[t.number]), -scores[t.number], t.number))


def choose(trials: Sequence[Trial], n: int) -> list[Trial]:
    """Return the `n` best trials that have the shape of the very best.

    Raises
    ------
    TrainingError
        If every trial was lost.
    """
    ranked = rank(trials)
    if math.isnan(ranked[0].best_checkpoint()[1]):
        raise TrainingError("no trial has a score: all left the numbers; search lower learning rates")
    alike = [trial for trial in ranked if trial.shape == ranked[0].shape]
    return [trial for trial in alike if not math.isnan(trial.best_checkpoint()[1])][:n]


def train_best(
    chosen: Sequence[Trial],
    base: TrainOptions,
    options: CalibrateOptions,
    examples: Examples,
    *,
    task: str,
    both_strands: bool,
    epochs: int,
    device: torch.device,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[Network, History]:
    """Train the restarts of the chosen settings on all examples.

    Parameters
    ----------
    chosen : sequence of Trial
        Of one shape.
    base, options, examples, task, both_strands, device, on_batch
        As for :func:`run_piece`.
    epochs : int
    on_epoch : callable, optional

    Returns
    -------
    network : Network
        The members that are kept.
    history : History
        Of all restarts, in order: those of the first setting come first.
    """
    shared = replace(base, **_of(chosen[0].settings, SHAPE))
    members = [
        replace(_member(base, trial.settings), seed=base.seed * 1_000_003 + restart)
        for trial in chosen
        for restart in range(options.restarts)
    ]
    network, history = fit_members(
        shared,
        members,
        examples,
        None,
        task=task,
        both_strands=both_strands,
        epochs=epochs,
        device=device,
        bears_loss=True,
        on_batch=on_batch,
        on_epoch=on_epoch,
    )
    final = np.array(history.epochs[-1].training_loss)
    kept = [i for i in range(len(members)) if i not in history.lost and math.isfinite(final[i])]
    if options.keep == "best":
        kept = [min(kept, key=lambda i: float(final[i]))]
    return network.members(kept), history


def final_epochs(chosen: Trial, options: CalibrateOptions, usual: int) -> int:
    """Return for how long the best settings are trained: the usual time, or the share of it that was best."""
    return max(1, round(usual * options.checks()[chosen.best_checkpoint()[0]] / options.epochs))


def _member(base: TrainOptions, settings: Mapping[str, Any]) -> Member:
    """Return a trial's member; all trials have the same seed, so that they differ by their settings alone."""
    return member(replace(base, **settings), base.seed * 1_000_003)


def _of(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: settings[name] for name in names if name in settings}

"""Calibration: settings drawn at random, judged by cross-validation, the best of them trained on everything.

Alipanahi et al. 2015 (doi:10.1038/nbt.3300, Online Methods, "Calibration") drew 30 settings and trained three folds of
each. Trials of one shape are members of one fit here, so that they share the batches, and the scan. A fold is a fit of
its own: as members of the same fit its trials would scan the examples that are held out from them, a third of all.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
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
from seqcnn.training.search import shared
from seqcnn.training.trials import CalibrateOptions, Piece, Trial, trial_options


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
    n_scores: int | None = None,
    on_batch: Watcher | None = None,
    keeper: Keeper | None = None,
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
    n_scores : int, optional
        The number of classes, of which a fold may lack some.
    on_batch : callable, optional
    keeper : Keeper, optional
        Of this fit.
    """
    checks = options.checks()
    held_out = folds == piece.fold
    _, history = fit_members(
        trial_options(base, options, shared(piece.trials[0].settings)),
        [_member(base, trial.settings) for trial in piece.trials],
        examples.take(~held_out),
        examples.take(held_out),
        task=task,
        both_strands=both_strands,
        epochs=options.epochs,
        device=device,
        n_scores=n_scores,
        bears_loss=True,
        checks=checks,
        on_batch=on_batch,
        keeper=keeper,
    )
    curves = [epoch.validation_score for epoch in history.epochs]
    curves += [[math.nan] * len(piece.trials)] * (options.epochs - len(curves))  # all were lost
    for i, trial in enumerate(piece.trials):
        trial.scores[piece.fold] = [curves[check - 1][i] for check in checks]


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
    n_scores: int | None = None,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    keeper: Keeper | None = None,
) -> tuple[Network, History]:
    """Train the restarts of the chosen settings on all examples.

    Parameters
    ----------
    chosen : sequence of Trial
        Of one shape.
    base, options, examples, task, both_strands, device, n_scores, on_batch, keeper
        As for :func:`run_piece`.
    epochs : int
    on_epoch : callable, optional

    Returns
    -------
    network : Network
        The members that are kept.
    history : History
        Of all restarts, in order: those of the first setting come first.

    Raises
    ------
    TrainingError
        If all restarts were lost.
    """
    members = [
        replace(_member(base, trial.settings), seed=base.seed * 1_000_003 + restart)
        for trial in chosen
        for restart in range(options.restarts)
    ]
    network, history = fit_members(
        base.changed(shared(chosen[0].settings)),
        members,
        examples,
        None,
        task=task,
        both_strands=both_strands,
        epochs=epochs,
        device=device,
        n_scores=n_scores,
        bears_loss=True,
        on_batch=on_batch,
        on_epoch=on_epoch,
        keeper=keeper,
    )
    final = history.epochs[-1].training_loss
    kept = [i for i, loss in enumerate(final) if math.isfinite(loss)]
    if not kept:
        raise TrainingError("all networks of the best settings left the numbers; search lower learning rates")
    if options.keep == "best":
        kept = [min(kept, key=lambda i: final[i])]
    return network.members(kept), history


def final_epochs(chosen: Trial, options: CalibrateOptions, usual: int) -> int:
    """Return for how long the best settings are trained: the usual time, or the share of it that was best."""
    return max(1, round(usual * options.checks()[chosen.best_checkpoint()[0]] / options.epochs))


def _member(base: TrainOptions, settings: Mapping[str, Any]) -> Member:
    """Return a trial's member; all trials have the same seed, so that they differ by their settings alone."""
    return member(base.changed(settings), base.seed * 1_000_003)


def fingerprint(
    options: CalibrateOptions, base: TrainOptions, examples: Examples, folds: NDArray[np.int64], task: str
) -> dict[str, Any]:
    """Return what two calibrations that come to the same have in common, named as in a message; as JSON has it.

    Which trials share a fit is not part of it: it changes their scores by no more than rounding.
    """
    names = ("trials", "folds", "checkpoints", "best", "restarts", "keep", "trial_filters")
    said = asdict(base) | {name: getattr(options, name) for name in names}
    said |= {
        "task": task,
        "trial_epochs": options.epochs,
        "incumbent": sorted(options.incumbent),
        "search": {name: str(choice) for name, choice in options.space.items()},
        "examples or their order": digest(examples),
        "division into folds": hashlib.blake2b(folds.tobytes(), digest_size=16).hexdigest(),
    }
    through: dict[str, Any] = json.loads(json.dumps(said))
    return through

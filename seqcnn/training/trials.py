"""Trials of a calibration: how they are drawn, which share a fit, and which is best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcnn.errors import TrainingError
from seqcnn.training.options import TrainOptions
from seqcnn.training.search import Space, draw, shared


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
        return tuple(sorted(shared(self.settings).items()))


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
    trials[0].settings |= {name: base.get(name) for name in options.space if name in options.incumbent}
    return trials


def trial_options(base: TrainOptions, options: CalibrateOptions, settings: Mapping[str, Any]) -> TrainOptions:
    """Return what a trial is trained with."""
    n_filters = options.trial_filters or base.get("n_filters")
    return base.changed(({} if n_filters is None else {"n_filters": n_filters}) | dict(settings))


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

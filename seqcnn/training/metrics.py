"""How good scores are, in single numbers; examples may be weighted, a weight of 2 being the same as the row twice."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.models.tasks import respond

SCORE_NAMES: Final = {
    "binary": "AUROC",
    "regression": "Pearson",
    "poisson": "explained deviance",
    "multiclass": "mean AUROC",
}
"""What :func:`validation_score` is, for each task."""

Array = NDArray[np.floating[Any]]
Weights = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


class Ranking:
    """Rows in falling order of their scores, to judge how well these tell two classes apart.

    Parameters
    ----------
    truth : ndarray, shape (n,)
        Above 0.5 for positives.
    scores : ndarray, shape (n,)

    Attributes
    ----------
    order : ndarray of intp, shape (n,)
        The rows, those of the highest scores first.
    truth, scores : ndarray, shape (n,)
        In that order.
    last : ndarray of bool, shape (n,)
        Whether the next row has another score: the end of each tie.
    """

    def __init__(self, truth: Array | NDArray[np.bool_], scores: Array) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.truth, self.scores = truth[self.order] > 0.5, scores[self.order]
        self.last = np.append(self.scores[1:] != self.scores[:-1], True)

    def areas(self, weights: Weights) -> tuple[float, float]:
        """Return AUROC and average precision for weights, shape (n,), in the ranking's order; NaN for one class."""
        hits = np.cumsum(weights * self.truth)[self.last].astype(np.float64)
        misses = np.cumsum(weights * ~self.truth)[self.last].astype(np.float64)
        if not len(hits) or hits[-1] == 0 or misses[-1] == 0:
            return float("nan"), float("nan")
        called = hits + misses
        new = np.diff(hits, prepend=0.0)
        area = np.sum(np.diff(misses, prepend=0.0) * (2 * hits - new)) / (2 * hits[-1] * misses[-1])
        precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
        return float(area), float(np.sum(new * precision) / hits[-1])

    def best_threshold(self, weights: Weights) -> tuple[float, float]:
        """Return the threshold (call at or above it) of highest accuracy, and that accuracy."""
        none_called = (weights * ~self.truth).sum()
        right = np.cumsum(np.where(self.truth, weights, -weights))[self.last] + none_called
        best = int(right.argmax())
        if none_called >= right[best]:
            return float(np.nextafter(self.scores[0], np.inf)), float(none_called / weights.sum())
        return float(self.scores[self.last][best]), float(right[best] / weights.sum())


def auroc(truth: Array | NDArray[np.bool_], scores: Array, weights: Weights | None = None) -> float:
    """Return the area under the ROC curve; NaN if there is one class only, or a score is not finite."""
    if not len(scores) or not np.isfinite(scores).all():
        return float("nan")
    ranking = Ranking(truth, scores)
    return ranking.areas(np.ones(len(scores), dtype=np.int64) if weights is None else weights[ranking.order])[0]


def pearson(truth: Array, scores: Array, weights: Weights | None = None) -> float:
    """Return Pearson's correlation; NaN if either does not vary, or is not finite."""
    if weights is not None:
        there = weights > 0
        truth, scores, weights = truth[there], scores[there], weights[there]
    for values in (truth, scores):  # not their standard deviation: of equal numbers it can be rounded to more than 0
        if len(values) < 2 or values.min() == values.max() or not np.isfinite(values).all():
            return float("nan")
    a, b = truth.astype(np.float64), scores.astype(np.float64)
    a, b = a - np.average(a, weights=weights), b - np.average(b, weights=weights)
    weighted_a, weighted_b = (a, b) if weights is None else (weights * a, weights * b)
    together = (weighted_a @ b) / (np.sqrt(weighted_a @ a) * np.sqrt(weighted_b @ b))
    return float(np.clip(together, -1, 1))


def ranks(values: Array, weights: Weights | None = None) -> NDArray[np.float64]:
    """Return the rank of each value, that of equal ones being their middle, so that correlations are Spearman's.

    The rank is the weight of what is lower and half that of what is equal.
    """
    _, which = np.unique(values, return_inverse=True)
    weight = np.bincount(which, weights=weights).astype(np.float64)
    middle: NDArray[np.float64] = (np.cumsum(weight) - weight / 2)[which]
    return middle


def poisson_deviance(counts: Array, rates: Array) -> NDArray[np.float64]:
    """Return the deviance of each count from its rate, ``2 (t log(t / r) - t + r)``, shape (n,)."""
    from scipy.special import xlogy

    counts, rates = counts.astype(np.float64), rates.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        each: NDArray[np.float64] = 2 * (xlogy(counts, counts) - xlogy(counts, rates) - counts + rates)
    return each


def explained_deviance(counts: Array, rates: Array, weights: Weights | None = None) -> float:
    """Return by which share rates bring the Poisson deviance below that of the mean count, at most 1.

    NaN if the counts do not vary, or a rate is not finite.
    """
    if weights is not None:
        there = weights > 0
        counts, rates, weights = counts[there], rates[there], weights[there]
    if len(counts) < 2 or counts.min() == counts.max() or not np.isfinite(rates).all():
        return float("nan")
    mean = np.full(len(counts), np.average(counts.astype(np.float64), weights=weights))
    left, of_mean = (np.average(poisson_deviance(counts, each), weights=weights) for each in (rates, mean))
    return float(1 - left / of_mean)


def mean_auroc(classes: Array, scores: Array, weights: Weights | None = None) -> float:
    """Return the mean over classes of the AUROC of each against all others, classes that are not there left out.

    Parameters
    ----------
    classes : ndarray, shape (n,)
        Class numbers.
    scores : ndarray, shape (n, n_classes)
        Such as the probabilities, which can be compared between examples.
    """
    return _mean(auroc(classes == i, column, weights) for i, column in enumerate(scores.T))


def validation_score(task: str, targets: Array, scores: Array, weights: Weights | None = None) -> float:
    """Return the one number by which models of a task are compared, greater being better; missing targets left out.

    The mean over targets of AUROC (binary), Pearson's correlation (regression) or the share of the deviance that is
    explained (poisson), or the mean over classes of the AUROC of a class's probability (multiclass). NaN if none is
    known.

    Parameters
    ----------
    task : str
    targets : ndarray, shape (n, n_targets)
    scores : ndarray, shape (n, n_scores)
    weights : ndarray, shape (n,), optional
    """
    with np.errstate(over="ignore"):  # of rates; it is not a number to compare by
        predicted = respond(task, scores) if task in ("poisson", "multiclass") else scores
    if task == "multiclass":
        there = ~np.isnan(targets[:, 0])
        return mean_auroc(targets[there, 0], predicted[there], None if weights is None else weights[there])
    metric = {"binary": auroc, "regression": pearson, "poisson": explained_deviance}[task]
    each = []
    for truth, column in zip(targets.T, predicted.T, strict=True):
        there = ~np.isnan(truth)
        each.append(metric(truth[there], column[there], None if weights is None else weights[there]))
    return _mean(each)


def _mean(values: Any) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")

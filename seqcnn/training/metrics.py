"""How good predictions are: scikit-learn's metrics, each with a bootstrap interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

N_BOOTSTRAP: Final = 1000
"""Resamples of the examples; fewer where there are so many examples that the interval is narrow anyway."""

BOOTSTRAP_WORK: Final = 200_000_000
"""Resamples times examples, at most."""

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95% bootstrap interval (percentiles 2.5 and 97.5)."""

    value: float
    low: float
    high: float


def auroc(truth: Array | NDArray[np.bool_], scores: Array) -> float:
    """Return the area under the ROC curve; NaN if there is one class only, or a score is not finite."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(truth)) < 2 or not np.isfinite(scores).all():
        return float("nan")
    return float(roc_auc_score(truth, scores))


def pearson(truth: Array, scores: Array) -> float:
    """Return Pearson's correlation; NaN if either does not vary, or is not finite."""
    for values in (truth, scores):  # not their standard deviation: of equal numbers it can be rounded to more than 0
        if len(values) < 2 or values.min() == values.max() or not np.isfinite(values).all():
            return float("nan")
    return float(np.corrcoef(truth, scores)[0, 1])


def validation_score(task: str, targets: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """Return the mean over targets of AUROC (binary) or Pearson's correlation (regression), missing targets left out.

    Parameters
    ----------
    targets, scores : ndarray, shape (n, n_targets)
    """
    metric = auroc if task == "binary" else pearson
    each = []
    for truth, score in zip(targets.T, scores.T, strict=True):
        there = ~np.isnan(truth)
        each.append(metric(truth[there], score[there]))
    known = [value for value in each if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def binary_metrics(truth: Array, scores: Array, seed: int = 0) -> dict[str, Any]:
    """Judge scores of one binary target.

    Parameters
    ----------
    truth : ndarray of 0 and 1, shape (n,)
    scores : ndarray, shape (n,)
        Any monotone score; the threshold reported is on its scale.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``n``, ``positives``, ``prevalence``, ``auroc``, ``auprc`` (average precision), ``accuracy`` at the
        ``threshold`` that is best on these examples; the three as value, low, high over resampled examples. The two
        areas are NaN if there is one class only.
    """
    from sklearn.metrics import average_precision_score

    order = np.argsort(-scores, kind="stable")
    bound, scores = truth[order] > 0.5, scores[order]
    last = np.append(scores[1:] != scores[:-1], True)
    n, positives = len(bound), int(bound.sum())
    threshold, accuracy = _best_threshold(bound, scores, last)
    rng = np.random.default_rng([seed, 95])
    resampled: dict[str, list[float]] = {"auroc": [], "auprc": [], "accuracy": []}
    predicted = scores >= threshold
    for _ in range(_n_bootstrap(n)):
        weight = np.bincount(rng.integers(0, n, n), minlength=n)
        area, precision = _weighted_areas(bound, weight, last)
        resampled["auroc"].append(area)
        resampled["auprc"].append(precision)
        resampled["accuracy"].append(float(weight @ (predicted == bound)) / n)
    values = {
        "auroc": auroc(bound, scores),
        "auprc": float(average_precision_score(bound, scores)) if 0 < positives < n else float("nan"),
        "accuracy": accuracy,
    }
    result: dict[str, Any] = {"n": n, "positives": positives, "prevalence": positives / n}
    result |= {name: asdict(_interval(value, resampled[name])) for name, value in values.items()}
    return result | {"threshold": threshold}


def regression_metrics(truth: Array, scores: Array, seed: int = 0) -> dict[str, Any]:
    """Judge predictions of one numeric target: ``n``, ``pearson``, ``spearman`` and ``mse`` with intervals.

    Spearman's correlation is resampled on the ranks of the full set.
    """
    from scipy.stats import rankdata

    n = len(truth)
    ranks = rankdata(truth), rankdata(scores)
    rng = np.random.default_rng([seed, 95])
    truth, scores = truth.astype(np.float64), scores.astype(np.float64)
    resampled: dict[str, list[float]] = {"pearson": [], "spearman": [], "mse": []}
    for _ in range(_n_bootstrap(n)):
        rows = rng.integers(0, n, n)
        resampled["pearson"].append(pearson(truth[rows], scores[rows]))
        resampled["spearman"].append(pearson(ranks[0][rows], ranks[1][rows]))
        resampled["mse"].append(float(np.mean((truth[rows] - scores[rows]) ** 2)))
    values = {
        "pearson": pearson(truth, scores),
        "spearman": pearson(*ranks),
        "mse": float(np.mean((truth - scores) ** 2)),
    }
    result: dict[str, Any] = {"n": n}
    return result | {name: asdict(_interval(value, resampled[name])) for name, value in values.items()}


def _n_bootstrap(n: int) -> int:
    return int(np.clip(BOOTSTRAP_WORK // max(n, 1), 50, N_BOOTSTRAP))


def _interval(value: float, resampled: list[float]) -> Interval:
    known = np.asarray(resampled)[~np.isnan(resampled)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def _best_threshold(truth: NDArray[np.bool_], scores: Array, last: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the threshold (call at or above it) of highest accuracy, and that accuracy; rows sorted downwards."""
    right = np.cumsum(np.where(truth, 1, -1))[last] + np.count_nonzero(~truth)
    best = int(right.argmax())
    none_called = np.count_nonzero(~truth)
    if none_called >= right[best]:
        return float(np.nextafter(scores[0], np.inf)), none_called / len(truth)
    return float(scores[last][best]), int(right[best]) / len(truth)


def _weighted_areas(truth: NDArray[np.bool_], weight: NDArray[np.intp], last: NDArray[np.bool_]) -> tuple[float, float]:
    """Return AUROC and average precision of rows sorted downwards, with weights; `last` marks the end of each tie."""
    hits = np.cumsum(weight * truth)[last].astype(np.float64)
    called = np.cumsum(weight)[last].astype(np.float64)
    misses = called - hits
    if hits[-1] == 0 or misses[-1] == 0:
        return float("nan"), float("nan")
    before = np.concatenate([[0.0], hits[:-1]])
    area = np.sum(np.diff(misses, prepend=0.0) * (hits + before)) / (2 * hits[-1] * misses[-1])
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    return float(area), float(np.sum((hits - before) * precision) / hits[-1])

"""How good predictions are, with a bootstrap interval for every number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.models.tasks import respond
from seqcnn.training.metrics import Array, Ranking, Weights, pearson, poisson_deviance, ranks

N_BOOTSTRAP: Final = 1000
"""Resamples of the examples; fewer where there are so many examples that the interval is narrow anyway."""

BOOTSTRAP_WORK: Final = 200_000_000
"""Resamples times examples, at most."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95% bootstrap interval (percentiles 2.5 and 97.5)."""

    value: float
    low: float
    high: float


def binary_metrics(truth: Array, scores: Array, seed: int = 0, weights: Weights | None = None) -> dict[str, Any]:
    """Judge scores of one binary target.

    Parameters
    ----------
    truth : ndarray of 0 and 1, shape (n,)
    scores : ndarray, shape (n,)
        Any monotone score; the threshold reported is on its scale.
    seed : int
        Of the bootstrap.
    weights : ndarray, shape (n,), optional
        Of the examples, above 0.

    Returns
    -------
    dict
        ``n``, ``positives``, ``prevalence``, ``auroc``, ``auprc`` (average precision), ``accuracy`` at the
        ``threshold`` that is best on these examples; the three as value, low, high over resampled examples. The two
        areas are NaN if there is one class only.
    """
    ranking = Ranking(truth, scores)
    weights = _ones(truth) if weights is None else weights[ranking.order]
    threshold, _ = ranking.best_threshold(weights)
    right = (ranking.scores >= threshold) == ranking.truth

    def measure(rows: Rows) -> dict[str, float]:
        weight = weights * np.bincount(rows, minlength=len(truth))
        area, precision = ranking.areas(weight)
        return {"auroc": area, "auprc": precision, "accuracy": _share(right, weight)}

    counts = {"n": len(truth), "positives": int(ranking.truth.sum()), "prevalence": _share(ranking.truth, weights)}
    return counts | _with_intervals(len(truth), seed, measure) | {"threshold": threshold}


def base_metrics(
    truth: NDArray[np.uint8],
    scores: Array,
    sequence: NDArray[np.intp],
    seed: int = 0,
    weights: Weights | None = None,
) -> dict[str, Any]:
    """Judge the scores of bases.

    Parameters
    ----------
    truth : ndarray, shape (n,)
        1 for bases that are bound, 0 for others.
    scores : ndarray, shape (n,)
    sequence : ndarray of int, shape (n,)
        Which sequence each base is of: it is sequences that are resampled, as neighbouring bases are alike.
    seed : int
    weights : ndarray, shape (n,), optional

    Returns
    -------
    dict
        ``bases_n``, ``bases_bound``, ``bases_prevalence``, and with intervals ``bases_auroc`` and ``bases_auprc``
        (average precision), NaN if there is one class only.
    """
    ranking = Ranking(truth == 1, scores)
    weights = np.ones(len(truth), dtype=np.int64) if weights is None else weights[ranking.order]
    _, of_base = np.unique(sequence[ranking.order], return_inverse=True)
    n_sequences = int(of_base.max(initial=-1)) + 1

    def measure(rows: Rows) -> dict[str, float]:
        drawn = np.bincount(rows, minlength=n_sequences)
        return dict(zip(("bases_auroc", "bases_auprc"), ranking.areas(weights * drawn[of_base]), strict=True))

    counts: dict[str, Any] = {"bases_n": len(truth), "bases_bound": int(ranking.truth.sum())}
    counts["bases_prevalence"] = _share(ranking.truth, weights) if n_sequences else float("nan")
    return counts | _with_intervals(n_sequences, seed, measure, columns=4 * len(truth) // max(1, n_sequences))


def regression_metrics(truth: Array, scores: Array, seed: int = 0, weights: Weights | None = None) -> dict[str, Any]:
    """Judge predictions of one numeric target: ``n``, ``pearson``, ``spearman`` and ``mse`` with intervals.

    Spearman's correlation is resampled on the ranks of the full set.
    """
    truth, scores = truth.astype(np.float64), scores.astype(np.float64)
    correlations = _correlations(truth, scores, weights)
    squared = (truth - scores) ** 2

    def measure(rows: Rows) -> dict[str, float]:
        return correlations(rows) | {"mse": _average(squared, rows, weights)}

    return {"n": len(truth)} | _with_intervals(len(truth), seed, measure)


def poisson_metrics(truth: Array, scores: Array, seed: int = 0, weights: Weights | None = None) -> dict[str, Any]:
    """Judge log rates for one target of counts.

    Returns
    -------
    dict
        ``n``, and with intervals: ``pearson`` of counts and rates, ``spearman``, the mean ``deviance`` and
        ``explained_deviance``, the share by which it is below that of the mean count.
    """
    from scipy.special import xlogy

    counts, rates = truth.astype(np.float64), respond("poisson", scores)
    correlations = _correlations(counts, rates, weights)
    each, log_counts = poisson_deviance(counts, rates), xlogy(counts, counts)

    def measure(rows: Rows) -> dict[str, float]:
        left, mean = _average(each, rows, weights), _average(counts, rows, weights)
        of_mean = 2 * (_average(log_counts, rows, weights) - float(xlogy(mean, mean)))
        explained = 1 - left / of_mean if counts[rows].min() < counts[rows].max() else float("nan")
        return correlations(rows) | {"deviance": left, "explained_deviance": explained}

    return {"n": len(truth)} | _with_intervals(len(truth), seed, measure)


def multiclass_metrics(
    truth: Array, scores: Array, names: Sequence[str], seed: int = 0, weights: Weights | None = None
) -> dict[str, Any]:
    """Judge scores of several classes.

    Parameters
    ----------
    truth : ndarray, shape (n,)
        Class numbers.
    scores : ndarray, shape (n, n_classes)
    names : sequence of str
        Of the classes.
    seed : int
    weights : ndarray, shape (n,), optional

    Returns
    -------
    dict
        ``n``; with intervals ``accuracy`` of the class of the highest score, ``auroc``, the mean over the classes that
        are there of that of each against all others, and ``log_loss``, the mean of minus the log probability of the
        true class; ``confusion``, for each true class how many examples are taken for which; ``classes``, for each
        ``n``, ``positives``, ``prevalence`` and, with intervals, ``auroc`` and ``auprc`` of its probability.
    """
    n, label = len(truth), truth.astype(np.int64)
    probability = respond("multiclass", scores)
    predicted = scores.argmax(1)
    weights = _ones(truth) if weights is None else weights
    with np.errstate(divide="ignore"):
        surprise = -np.log(probability[np.arange(n), label])
    rankings = [Ranking(label == i, column) for i, column in enumerate(probability.T)]

    def measure(rows: Rows) -> dict[str, float]:
        weight = weights * np.bincount(rows, minlength=n)
        areas = [ranking.areas(weight[ranking.order]) for ranking in rankings]
        known = [area for area, _ in areas if not np.isnan(area)]
        values = {
            "accuracy": _share(predicted == label, weight),
            "auroc": float(np.mean(known)) if known else float("nan"),
            "log_loss": float(weight @ surprise / weight.sum()),
        }
        for name, (area, precision) in zip(names, areas, strict=True):
            values |= {f"auroc {name}": area, f"auprc {name}": precision}
        return values

    found = _with_intervals(n, seed, measure, columns=len(names))
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (label, predicted), 1)
    of_each = {
        name: {"n": n, "positives": int((label == i).sum()), "prevalence": _share(label == i, weights)}
        | {metric: found[f"{metric} {name}"] for metric in ("auroc", "auprc")}
        for i, name in enumerate(names)
    }
    return {
        "n": n,
        **{metric: found[metric] for metric in ("accuracy", "auroc", "log_loss")},
        "confusion": {
            name: dict(zip(names, row, strict=True)) for name, row in zip(names, counts.tolist(), strict=True)
        },
        "classes": of_each,
    }


def _correlations(truth: Array, scores: Array, weights: Weights | None) -> Callable[[Rows], dict[str, float]]:
    """Return what gives the two correlations of resampled rows."""
    of_truth, of_scores = ranks(truth, weights), ranks(scores, weights)

    def measure(rows: Rows) -> dict[str, float]:
        weight = None if weights is None else weights[rows]
        return {
            "pearson": pearson(truth[rows], scores[rows], weight),
            "spearman": pearson(of_truth[rows], of_scores[rows], weight),
        }

    return measure


def _with_intervals(
    n: int, seed: int, measure: Callable[[Rows], dict[str, float]], *, columns: int = 1
) -> dict[str, dict[str, float]]:
    """Measure all rows, and for the interval rows drawn with replacement."""
    values = measure(np.arange(n))
    rng = np.random.default_rng([seed, 95])
    drawn = [measure(rng.integers(0, n, n)) for _ in range(_n_bootstrap(n * columns))]
    return {name: asdict(_interval(value, [each[name] for each in drawn])) for name, value in values.items()}


def _n_bootstrap(n: int) -> int:
    return int(np.clip(BOOTSTRAP_WORK // max(n, 1), 50, N_BOOTSTRAP))


def _interval(value: float, resampled: list[float]) -> Interval:
    known = np.asarray(resampled)[~np.isnan(resampled)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def _ones(rows: Array) -> NDArray[np.int64]:
    return np.ones(len(rows), dtype=np.int64)


def _share(which: NDArray[np.bool_], weights: Weights) -> float:
    return float(weights @ which / weights.sum())


def _average(values: NDArray[np.float64], rows: Rows, weights: Weights | None) -> float:
    return float(np.average(values[rows], weights=None if weights is None else weights[rows]))

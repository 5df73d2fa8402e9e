"""What the plots of a report show, as numbers: ROC and precision-recall with bands, histograms, reliability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.training.metrics import Ranking

Array = NDArray[np.float64]

GRID: Final = np.linspace(0, 1, 101)
"""False-positive rates, or recalls, at which bands are known."""

MOST_POINTS: Final = 300
"""Of a curve that is drawn."""

_RESAMPLES: Final = (20, 300)
_WORK: Final = 20_000_000  # resamples times examples, at most


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve, and the 95% band of its y at :data:`GRID`.

    Parameters
    ----------
    x, y : ndarray, shape (n_points,)
    low, high : ndarray, shape (101,)
        Percentiles 2.5 and 97.5 over resampled examples; empty where none were drawn.
    """

    x: Array
    y: Array
    low: Array
    high: Array


def roc_and_pr(
    truth: Array, scores: Array, weights: Array | None = None, *, bands: bool = True, seed: int = 0
) -> tuple[Curve, Curve] | None:
    """Return true against false positive rate, and precision against recall; None if there is one class only.

    Bands are pointwise, at a false positive rate or a recall, over examples drawn with replacement.

    Parameters
    ----------
    truth, scores : ndarray, shape (n,)
        Above 0.5 for positives.
    weights : ndarray, shape (n,), optional
    bands : bool
    seed : int
    """
    ranking = Ranking(truth, scores)
    own = np.ones(len(truth)) if weights is None else weights[ranking.order]
    whole = _rates(ranking, own)
    if whole is None:
        return None
    false, true, precision = whole
    empty = np.zeros(0)
    roc_band = pr_band = (empty, empty)
    if bands:
        n_drawn = int(np.clip(_WORK // max(1, len(truth)), *_RESAMPLES))
        rng = np.random.default_rng([seed, 96])
        of_roc, of_pr = [], []
        for _ in range(n_drawn):
            drawn = _rates(ranking, own * np.bincount(rng.integers(0, len(truth), len(truth)), minlength=len(truth)))
            if drawn is not None:
                of_roc.append(np.interp(GRID, drawn[0], drawn[1]))
                of_pr.append(drawn[2][np.searchsorted(drawn[1], GRID, side="left").clip(max=len(drawn[2]) - 1)])
        if of_roc:
            roc_low, roc_high = np.percentile(of_roc, [2.5, 97.5], axis=0)
            pr_low, pr_high = np.percentile(of_pr, [2.5, 97.5], axis=0)
            roc_band, pr_band = (roc_low, roc_high), (pr_low, pr_high)
    kept = _thinned(len(false))
    roc = Curve(false[kept], true[kept], *roc_band)
    kept = _thinned(len(true) - 1) + 1  # a precision is not known before the first call
    return roc, Curve(true[kept], precision[kept], *pr_band)


def _rates(ranking: Ranking, weights: Array) -> tuple[Array, Array, Array] | None:
    """Return false and true positive rates and precisions, from nothing called to everything."""
    hits = np.append(0.0, np.cumsum(weights * ranking.truth)[ranking.last])
    misses = np.append(0.0, np.cumsum(weights * ~ranking.truth)[ranking.last])
    if hits[-1] == 0 or misses[-1] == 0:
        return None
    called = hits + misses
    precision = np.divide(hits, called, out=np.ones_like(hits), where=called > 0)
    return misses / misses[-1], hits / hits[-1], precision


def _thinned(n: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(np.intp))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of values in bins, of several groups.

    Parameters
    ----------
    edges : ndarray, shape (n_bins + 1,)
    shares : list of ndarray, shape (n_bins,)
        Of each group; they sum to 1.
    """

    edges: Array
    shares: list[Array]


def histogram(groups: list[Array], n_bins: int = 36) -> Histogram | None:
    """Put values into bins between their percentiles 0.5 and 99.5; what is beyond counts in the outermost bins."""
    groups = [values[np.isfinite(values)] for values in groups]
    everything = np.concatenate(groups) if groups else np.zeros(0)
    if not len(everything):
        return None
    low, high = np.percentile(everything, [0.5, 99.5])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, n_bins + 1)
    shares = []
    for values in groups:
        counts, _ = np.histogram(values.clip(low, high), edges)
        shares.append(counts / max(1, len(values)))
    return Histogram(edges, shares)


@dataclass(frozen=True, slots=True)
class Reliability:
    """What was said and what was true, in bins of about as many examples each.

    Parameters
    ----------
    said, seen : ndarray, shape (n_bins,)
        Mean prediction, mean truth.
    low, high : ndarray, shape (n_bins,)
        95% interval of what was seen (Wilson's for shares, else that of a mean).
    n : ndarray of int, shape (n_bins,)
    error : float
        Mean absolute difference of the two, weighed by n: the expected calibration error.
    """

    said: Array
    seen: Array
    low: Array
    high: Array
    n: NDArray[np.int64]
    error: float


def reliability(truth: Array, predicted: Array, *, shares: bool = True) -> Reliability | None:
    """Compare predictions with the truth in at most ten bins; None if there are fewer than 20 examples."""
    n = len(truth)
    if n < 20:
        return None
    order = np.argsort(predicted, kind="stable")
    bins = np.array_split(order, int(np.clip(n // 20, 2, 10)))
    said = np.array([predicted[rows].mean() for rows in bins])
    seen = np.array([truth[rows].mean() for rows in bins])
    sizes = np.array([len(rows) for rows in bins])
    if shares:
        low, high = wilson(seen, sizes)
    else:
        margin = 1.96 * np.array([truth[rows].std(ddof=1) for rows in bins]) / np.sqrt(sizes)
        low, high = seen - margin, seen + margin
    return Reliability(said, seen, low, high, sizes, float(np.average(np.abs(said - seen), weights=sizes)))


def wilson(share: Array, n: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the 95% interval of shares (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z = 1.959964
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def known(truth: Array, scores: Array, weights: Array | None) -> NDArray[Any]:
    """Return the rows that have a truth, a score and a weight above 0."""
    rows = ~np.isnan(truth) & ~np.isnan(scores)
    return rows if weights is None else rows & (weights > 0)

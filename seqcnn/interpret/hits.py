"""Windows of a genome scan that score high, and better than all windows that overlap them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SAME: Final = 1e-5
"""Scores that differ by less, by rounding, count as one."""


class Hits(NamedTuple):
    """Hits on one chromosome.

    Parameters
    ----------
    chrom : str
    start : ndarray of int64, shape (n,)
        Where each window begins, 0-based; ascending.
    score : ndarray of float32, shape (n,)
    """

    chrom: str
    start: NDArray[np.int64]
    score: NDArray[np.float32]


class HitFinder:
    """Finds the hits of one track while its scores come in.

    Parameters
    ----------
    length : int
        Of the windows, bp.
    step : int
        Bases between the starts of windows.
    threshold : float
        Least score of a hit.
    overlaps : bool
        Report every window that reaches the threshold, overlapping ones too.
    """

    def __init__(self, length: int, step: int, threshold: float, *, overlaps: bool = False) -> None:
        self.length, self.step, self.threshold, self.overlaps = length, step, threshold, overlaps
        self._chrom = ""
        self._start: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._score: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def add(self, chrom: str, start: int, values: NDArray[np.float32]) -> Iterator[Hits]:
        """Take the scores of the windows that begin at ``start, start + step, ...``; yield the hits known by then."""
        if chrom != self._chrom:
            yield from self.finish()
            self._chrom = chrom
        rows = np.flatnonzero(values >= self.threshold)
        self._start = np.concatenate([self._start, start + rows * self.step])
        self._score = np.concatenate([self._score, values[rows]])
        # A later window may overlap those that reach to where it begins.
        following = start + len(values) * self.step
        gaps = np.flatnonzero(np.diff(np.append(self._start, following)) >= self.length)
        if len(gaps):
            yield from self._take(int(gaps[-1]) + 1)

    def finish(self) -> Iterator[Hits]:
        """Yield the hits that are left at the end of a chromosome."""
        yield from self._take(len(self._start))

    def _take(self, n: int) -> Iterator[Hits]:
        start, score = self._start[:n], self._score[:n]
        self._start, self._score = self._start[n:], self._score[n:]
        if n:
            kept = slice(None) if self.overlaps else best_apart(start, score, self.length, self.step)
            yield Hits(self._chrom, start[kept], score[kept])


def best_apart(start: NDArray[np.int64], score: NDArray[np.float32], length: int, step: int = 1) -> NDArray[np.intp]:
    """Choose windows: again and again the best of those that overlap none chosen before.

    Of neighbours that score the same, such as windows that hold one site, the one in the middle is chosen.

    Parameters
    ----------
    start : ndarray of int64, shape (n,)
        Ascending.
    score : ndarray of float32, shape (n,)
    length : int
        Of the windows, bp.
    step : int
        Distance of neighbours.

    Returns
    -------
    ndarray of int, ascending
    """
    key = np.rint(score.astype(np.float64) / SAME).astype(np.int64)
    new_run = np.flatnonzero((np.diff(start) != step) | (np.diff(key) != 0))
    run_end = np.append(new_run, len(start) - 1)[np.searchsorted(new_run, np.arange(len(start)))]
    left, right = np.searchsorted(start, start - length, "right"), np.searchsorted(start, start + length)
    free = np.ones(len(start), dtype=np.bool_)
    chosen = []
    for row in np.argsort(-key, kind="stable").tolist():
        if not free[row]:
            continue
        last = min(int(run_end[row]), int(right[row]) - 1)
        middle = (row + last) // 2
        if not free[row : last + 1].all():
            middle = row
        chosen.append(middle)
        free[left[middle] : right[middle]] = False
    return np.sort(np.array(chosen, dtype=np.intp))

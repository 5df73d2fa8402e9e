"""Which intervals overlap others, by sorting and binary search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.windows import Intervals


def overlapping(intervals: Intervals, others: Intervals) -> NDArray[np.bool_]:
    """Say which intervals share at least one base with any of the others.

    Parameters
    ----------
    intervals, others : Intervals
        0-based, half-open; strands do not matter.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    ends: dict[str, int] = {}
    for part in (intervals, others):
        for name, end in zip(part.chrom.tolist(), part.end.tolist(), strict=True):
            ends[name] = max(ends.get(name, 0), end)
    line = Line(ends)
    covered = Cover(*line.place(others))
    return covered.touches(*line.place(intervals))


def clusters(intervals: Intervals) -> NDArray[np.int64]:
    """Number intervals so that those which share a base, directly or through others, have one number; shape (n,)."""
    _, chrom = np.unique(intervals.chrom.astype(str), return_inverse=True)
    order = np.lexsort((intervals.start, chrom))
    chrom, start, end = chrom[order], intervals.start[order], intervals.end[order]
    # The chromosomes are put end to end, so that the furthest end so far is a running maximum.
    begins = chrom * (int(end.max(initial=0)) + 1 - int(start.min(initial=0)))
    reach = np.maximum.accumulate(end + begins)
    fresh = np.append(True, (start + begins)[1:] >= reach[:-1])
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    return number


class Line:
    """All chromosomes end to end, so that a place in the genome is one number.

    Parameters
    ----------
    sizes : mapping of str to int
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.names = np.array(list(sizes), dtype=object)
        self.sizes = np.array(list(sizes.values()), dtype=np.int64)
        # A base between two chromosomes: intervals that end and begin there do not touch.
        self.begins = np.append(0, np.cumsum(self.sizes + 1)[:-1]) if len(self.sizes) else np.zeros(0, dtype=np.int64)
        self._row = {name: i for i, name in enumerate(sizes)}

    def rows(self, chrom: Iterable[str]) -> NDArray[np.int64]:
        """Return the number of each chromosome."""
        return np.array([self._row[name] for name in chrom], dtype=np.int64)

    def place(self, intervals: Intervals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return starts and ends on the line; what lies outside a chromosome is cut off."""
        rows = self.rows(intervals.chrom.tolist())
        sizes, begins = self.sizes[rows], self.begins[rows]
        return begins + np.clip(intervals.start, 0, sizes), begins + np.clip(intervals.end, 0, sizes)


class Cover:
    """What a set of intervals on the line covers.

    Parameters
    ----------
    start, end : ndarray of int64, shape (n,)
    """

    def __init__(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> None:
        start, end = start[end > start], end[end > start]
        order = np.argsort(start, kind="stable")
        start, end = start[order], np.maximum.accumulate(end[order])
        first = np.ones(len(start), dtype=np.bool_)
        first[1:] = start[1:] > end[:-1]
        last = np.append(first[1:], True)[: len(first)]
        self.start: NDArray[np.int64] = start[first]
        self.end: NDArray[np.int64] = end[last]

    def touches(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which intervals share at least one base with the cover."""
        behind = np.searchsorted(self.end, start, side="right")
        return (behind < np.searchsorted(self.start, end, side="left")) & (start < end)

    def with_more(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> Cover:
        """Return the cover of these intervals as well."""
        return Cover(np.append(self.start, start), np.append(self.end, end))

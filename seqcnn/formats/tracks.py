"""Scores along a genome as text: bedGraph, and BED of hits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def bedgraph_lines(chrom: str, start: int, values: NDArray[np.float32], step: int, size: int) -> str:
    """Return bedGraph lines: each value holds for the `step` bases from its own on.

    Parameters
    ----------
    chrom : str
    start : int
        Base of the first value, 0-based; the next are `step` bases apart.
    values : ndarray of float32, shape (n,)
        NaN has no line.
    step : int
    size : int
        Length of the chromosome: the last line ends there at the latest.
    """
    known = np.flatnonzero(~np.isnan(values))
    begin = start + known * step
    end = np.minimum(begin + step, size)
    return "".join(
        f"{chrom}\t{a}\t{b}\t{value:.6g}\n"
        for a, b, value in zip(begin.tolist(), end.tolist(), values[known].tolist(), strict=True)
    )


def bed_lines(
    chrom: str, start: NDArray[np.int64], length: int, name: str, score: NDArray[np.float32], strand: Iterable[str]
) -> str:
    """Return BED6 lines of windows of one length; their scores stand as they are, not scaled to 0 to 1000."""
    rows = zip(start.tolist(), score.tolist(), strand, strict=True)
    return "".join(f"{chrom}\t{a}\t{a + length}\t{name}\t{value:.6g}\t{sign}\n" for a, value, sign in rows)


def known_runs(values: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return where values are known (not NaN): the bounds of each run of them."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    bounds = np.flatnonzero(known[1:] != known[:-1]).reshape(-1, 2)
    return [(int(a), int(b)) for a, b in bounds]

"""Intervals on chromosomes as arrays, and windows of one length around the middle of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray


class Intervals(Protocol):
    """Anything with chromosome names (objects), starts and ends (int64; 0-based, half-open), one row an interval."""

    @property
    def chrom(self) -> NDArray[np.object_]: ...
    @property
    def start(self) -> NDArray[np.int64]: ...
    @property
    def end(self) -> NDArray[np.int64]: ...


NO_END: Final = np.iinfo(np.int64).max
"""Size of a chromosome that is not known."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Intervals to cut out of a genome.

    Parameters
    ----------
    chrom : ndarray of object (str), shape (n,)
    start, end : ndarray of int64, shape (n,)
        0-based, half-open.
    strand : ndarray of str, shape (n,), optional
        "+", "-" or "."; "-" rows are reverse-complemented when they are cut out. All "+" unless said.
    chrom_size : ndarray of int64, shape (n,), optional
        Bases of the chromosome, where they are known.
    """

    chrom: NDArray[np.object_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.str_] | None = None
    chrom_size: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[Any]) -> Windows:
        """Return the rows at these indices, or where the mask is true."""
        strand = None if self.strand is None else self.strand[rows]
        size = None if self.chrom_size is None else self.chrom_size[rows]
        return Windows(self.chrom[rows], self.start[rows], self.end[rows], strand, size)

    def last(self) -> NDArray[np.int64]:
        """Return where the chromosomes end, as far as is known; else a number that is larger than any."""
        return np.full(len(self), NO_END) if self.chrom_size is None else self.chrom_size


def concatenate(parts: Sequence[Windows]) -> Windows:
    """Put windows one after another."""
    return Windows(
        np.concatenate([part.chrom for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([np.full(len(part), "+") if part.strand is None else part.strand for part in parts]),
        np.concatenate([part.last() for part in parts]),
    )


def centred_windows(
    start: NDArray[np.int64], end: NDArray[np.int64], summit: NDArray[np.int64] | None, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place a window of `length` bases around the centre of each interval.

    The centre is the summit where there is one, else base ``(start + end) // 2`` (0-based): the middle base of an
    interval with an odd number of bases, the right one of the two middle bases of an even one. It becomes base
    ``length // 2`` of the window: the middle one for an odd length, the right one of the middle two for an even one.
    Windows are placed on the plus strand whatever the strand of the interval, and reverse-complemented afterwards;
    in a window of even length on the minus strand the centre is therefore read as base ``length // 2 - 1``.

    Parameters
    ----------
    start, end : ndarray of int64, shape (n,)
        0-based, half-open.
    summit : ndarray of int64, shape (n,), optional
        Position of the summit on the chromosome, 0-based; negative where there is none.
    length : int
        Bases; at least 1.

    Returns
    -------
    start, end : ndarray of int64, shape (n,)
        They may lie outside the chromosome.

    Raises
    ------
    ValueError
        If `length` is less than 1.
    """
    if length < 1:
        raise ValueError(f"a window needs at least 1 base, not {length}")
    centre = (start + end) // 2
    if summit is not None:
        centre = np.where(summit >= 0, summit, centre)
    first = centre - length // 2
    return first, first + length

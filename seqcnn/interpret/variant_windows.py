"""The sequences that variants are scored in: the genome around each, with the reference and with the alternate allele.

Both alleles have the same flanks: of a window of L bp, L // 2 bases before the first base that changes and
(L - 1) // 2 after the last, or as many as the chromosome has. So a substitution is in the middle of L bases, and where
letters come or go the sequences differ in these letters alone: nothing is pushed out at the ends, or drawn in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.genome import Genome
from seqcnn.interpret.edits import Edits, apply
from seqcnn.sequence.ragged import Ragged, offsets_of

Integers = NDArray[np.int64]


def flanks(length: int) -> tuple[int, int]:
    """Return how many bases of a window are before and after the base in its middle."""
    return length // 2, (length - 1) // 2


@dataclass(frozen=True, slots=True)
class Sites:
    """Windows, and what changes in each.

    Parameters
    ----------
    windows : Ragged
        Codes of the genome.
    left, removed : ndarray of int64, shape (n,)
        Bases before those that go, and those that go.
    alt : Ragged
        Codes that come in their place.
    """

    windows: Ragged
    left: Integers
    removed: Integers
    alt: Ragged

    def __len__(self) -> int:
        return len(self.left)

    @property
    def column(self) -> int | None:
        """The base that changes, if all are substitutions of one base at one place of windows of one length."""
        lengths, alt = self.windows.lengths, self.alt.lengths
        if not len(self) or (self.left != self.left[0]).any() or (lengths != lengths[0]).any():
            return None
        return int(self.left[0]) if (self.removed == 1).all() and (alt == 1).all() else None

    def take(self, rows: NDArray[np.intp]) -> Sites:
        """Return some of them, in that order."""
        return Sites(self.windows.take(rows), self.left[rows], self.removed[rows], self.alt.take(rows))

    def cut(self, left: int, right: int) -> Sites:
        """Return them with no more than so many bases on either side."""
        lengths = self.windows.lengths
        before = np.minimum(self.left, left)
        after = np.minimum(lengths - self.left - self.removed, right)
        kept = before + self.removed + after
        if (kept == lengths).all():
            return self
        first = self.left - before
        if (lengths == lengths[0]).all() and (kept == kept[0]).all() and (first == first[0]).all():
            square = self.windows.data.reshape(len(self), -1)[:, first[0] : first[0] + kept[0]]
            return Sites(Ragged(square.reshape(-1), offsets_of(kept)), before, self.removed, self.alt)
        offsets = offsets_of(kept)
        begin = self.windows.offsets[:-1] + first
        data = self.windows.data[np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], kept)]
        return Sites(Ragged(data, offsets), before, self.removed, self.alt)

    def alternates(self) -> Ragged:
        """Return the windows with the alternate alleles."""
        column = self.column
        if column is None:
            rows = np.arange(len(self))
            return apply(self.windows, Edits(rows, self.left, self.left + self.removed, self.alt))
        data = self.windows.data.reshape(len(self), -1).copy()
        data[:, column] = self.alt.data
        return Ragged(data.reshape(-1), self.windows.offsets)


def cut_sites(
    genome: Genome,
    chrom: NDArray[np.object_],
    start: Integers,
    stop: Integers,
    alt: Ragged,
    around: tuple[int, int],
) -> Sites:
    """Cut the windows of variants out of a genome.

    Parameters
    ----------
    genome : Genome
    chrom : ndarray of object (str), shape (n,)
        Names in the genome.
    start, stop : ndarray of int64, shape (n,)
        The bases that go, 0-based, half-open, inside the chromosome.
    alt : Ragged
        Codes that come.
    around : tuple of int
        Most bases before and after.
    """
    size = np.fromiter(map(genome.chroms.__getitem__, chrom.tolist()), dtype=np.int64, count=len(chrom))
    first = np.maximum(start - around[0], 0)
    last = np.minimum(stop + around[1], size)
    empty = first == last  # an insertion where no base is to be had
    windows = genome.extract(chrom[~empty], first[~empty], last[~empty])
    if empty.any():
        windows = Ragged(windows.data, offsets_of(last - first))
    return Sites(windows, start - first, stop - start, alt)

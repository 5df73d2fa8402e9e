"""Which bases of windows are bound: those in peaks, a byte a base beside the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import UNKNOWN, Examples, Origin
from seqcnn.dataset.overlaps import Cover
from seqcnn.dataset.reading import BoundOptions
from seqcnn.formats.bed import Regions
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.counter import random_unit
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.windows import Windows, centred_windows

_STREAM: Final = 11
"""Of the random numbers that place windows."""


def bound_parts(regions: Regions, options: BoundOptions) -> Windows:
    """Return what of each region is bound: all of it, or so many bp around its summit or midpoint."""
    start, end = regions.start, regions.end
    if options.width is not None:
        start, end = centred_windows(start, end, regions.summit, options.width)
    return Windows(regions.chrom, start, end)


def scatter(windows: Windows, parts: Windows, options: BoundOptions) -> Windows:
    """Move windows so that their bound parts lie anywhere in them, at random, and wholly where there is room.

    Else the middle of a window would be bound more often than its ends, and a network would learn that.

    Parameters
    ----------
    windows : Windows
        Of one length, around the centres of regions.
    parts : Windows
        From :func:`bound_parts`, a row for each window.
    options : BoundOptions
    """
    index = np.arange(len(windows))
    before, after = parts.start - windows.start, windows.end - parts.end
    room = np.where((before >= 0) & (after >= 0), before + after + 1, 1)
    drawn = np.floor(random_unit(options.seed, (np.full(len(index), _STREAM), index), 0) * room).astype(np.int64)
    shift = np.where(room > 1, before - drawn, 0)
    return replace(windows, start=windows.start + shift, end=windows.end + shift)


class BoundBases:
    """Marks which bases of examples are bound.

    Parameters
    ----------
    parts : sequence of Windows
        What is bound in the genome, see :func:`bound_parts`.

    Attributes
    ----------
    n_bound, n_known : int
        Bases that were marked as bound so far, and all that are not N.
    """

    def __init__(self, parts: Sequence[Windows]) -> None:
        chrom = np.concatenate([part.chrom for part in parts])
        start = np.concatenate([part.start for part in parts])
        end = np.concatenate([part.end for part in parts])
        self._covers = {name: Cover(start[rows], end[rows]) for name, rows in _by_chromosome(chrom).items()}
        self.n_bound = self.n_known = 0

    def mark(self, examples: Examples) -> Examples:
        """Return examples with their bound bases; none of shuffles and of what has no place, N unknown."""
        sequences = examples.sequences
        data = self._marks(examples)
        data[sequences.data == N_CODE] = UNKNOWN
        self.n_bound += int(np.count_nonzero(data == 1))
        self.n_known += int(np.count_nonzero(data != UNKNOWN))
        return replace(examples, bound=Ragged(data, sequences.offsets))

    def _marks(self, examples: Examples) -> NDArray[np.uint8]:
        windows, offsets = examples.windows, examples.sequences.offsets
        changes = np.zeros(int(offsets[-1]) + 1, dtype=np.int32)
        if windows is not None:
            given = examples.origin != Origin.DINUCLEOTIDE
            for name, rows in _by_chromosome(windows.chrom).items():
                if name in self._covers:
                    self._add(changes, self._covers[name], windows, rows[given[rows]], offsets)
        return (np.cumsum(changes[:-1]) > 0).astype(np.uint8)

    def _add(
        self,
        changes: NDArray[np.int32],
        cover: Cover,
        windows: Windows,
        rows: NDArray[np.intp],
        offsets: NDArray[np.int64],
    ) -> None:
        """Add 1 where a bound part of a window begins, and take it off behind its end."""
        start, end = windows.start[rows], windows.end[rows]
        first = np.searchsorted(cover.end, start, side="right")
        counts = np.maximum(0, np.searchsorted(cover.start, end, side="left") - first)
        which = np.repeat(np.arange(len(rows)), counts)
        of = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
        low = np.maximum(cover.start[of], start[which]) - start[which]
        high = np.minimum(cover.end[of], end[which]) - start[which]
        if windows.strand is not None:
            length, back = (end - start)[which], windows.strand[rows][which] == "-"
            low, high = np.where(back, length - high, low), np.where(back, length - low, high)
        at = offsets[:-1][rows][which]
        np.add.at(changes, at + low, 1)
        np.add.at(changes, at + high, -1)

    def describe(self) -> str:
        """Say how many bases are bound."""
        share = self.n_bound / max(1, self.n_known)
        return f"{self.n_bound:,} of {self.n_known:,} bases ({share:.2%}) are in bound parts"


def none_bound(sequences: Ragged) -> Ragged:
    """Return what is known of negatives' bases: that none is bound, and nothing of N."""
    return Ragged(np.where(sequences.data == N_CODE, UNKNOWN, 0).astype(np.uint8), sequences.offsets)


def _by_chromosome(chrom: NDArray[np.object_]) -> dict[str, NDArray[np.intp]]:
    """Return the rows of each chromosome; those without one left out."""
    names, number = np.unique(chrom.astype(str), return_inverse=True)
    return {name: np.flatnonzero(number == i) for i, name in enumerate(names.tolist()) if name}

"""Windows around regions, cut out of a genome, N beyond a chromosome's end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.bed import Regions
from seqcnn.formats.genome import Genome
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged, offsets_of
from seqcnn.sequence.windows import Windows, centred_windows

_WINDOWS_AT_ONCE: Final = 50_000
_BASES_AT_ONCE: Final = 1 << 23


def place_windows(regions: Regions, length: int | None) -> Windows:
    """Return the windows of `length` bp around the centres of regions, or the regions as they are."""
    start, end = regions.start, regions.end
    if length is not None:
        start, end = centred_windows(start, end, regions.summit, length)
    return Windows(regions.chrom, start, end, regions.strand)


def region_weights(regions: Regions, path: str, column: str | None) -> NDArray[np.float32] | None:
    """Return how much each region counts, shape (n,), by the values that were read; None if there are none.

    Raises
    ------
    InputError
        If one is not a number of 0 or more; names the line.
    """
    if regions.value is None:
        return None
    wrong = ~((regions.value >= 0) & (regions.value <= np.finfo(np.float32).max))
    if wrong.any():
        i = int(wrong.argmax())
        found = "no number" if np.isnan(regions.value[i]) else f"{regions.value[i]:g}"
        message = f"column {column!r} holds {found}, but a weight is a number of 0 or more"
        raise InputError(message, path, int(regions.line[i]))
    return regions.value.astype(np.float32)


def cut_out(genome: Genome, windows: Windows) -> tuple[Ragged, int]:
    """Cut windows out of a genome; what lies beyond a chromosome's end is N.

    Returns
    -------
    sequences : Ragged
    n_beyond : int
        Windows that reach beyond an end.
    """
    size = windows.chrom_size
    if size is None:
        size = np.array([genome.chroms[name] for name in windows.chrom.tolist()], dtype=np.int64)
    start, end = np.clip(windows.start, 0, size - 1), np.clip(windows.end, 1, size)
    beyond = np.flatnonzero((start != windows.start) | (end != windows.end))
    inner = genome.extract(windows.chrom, start, end, windows.strand)
    if not len(beyond):
        return inner, 0
    offsets = offsets_of(windows.end - windows.start)
    data = np.full(int(offsets[-1]), N_CODE, dtype=np.uint8)
    left = start - windows.start
    if windows.strand is not None:
        left = np.where(windows.strand == "-", windows.end - end, left)
    for first, following in pairwise(sorted({0, *beyond.tolist(), len(windows)})):
        # A window that reaches beyond an end, then all up to the next such one, which lie end to end.
        letters = inner.data[inner.offsets[first] : inner.offsets[following]]
        n = int(inner.offsets[first + 1] - inner.offsets[first])
        at = int(offsets[first] + left[first])
        data[at : at + n] = letters[:n]
        data[offsets[first + 1] : offsets[following]] = letters[n:]
    return Ragged(data, offsets), len(beyond)


def pieces(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Cut rows of these lengths into pieces of some megabytes."""
    bounds = offsets_of(lengths)
    start = 0
    while start < len(lengths):
        by_bases = int(np.searchsorted(bounds, bounds[start] + _BASES_AT_ONCE, side="right")) - 1
        stop = max(start + 1, min(start + _WINDOWS_AT_ONCE, by_bases))
        yield np.arange(start, stop)
        start = stop

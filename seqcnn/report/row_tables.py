"""Columns of tables with a row for each example: its place in a genome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from seqcnn.dataset.examples import Examples

PLACE: Final = ("chrom", "start", "end", "strand")


def place_columns(chunk: Examples) -> list[list[str]]:
    """Return the cells of :data:`PLACE`; what has no place in a genome is at ``. -1 -1 .``, as in bedtools."""
    import numpy as np

    windows = chunk.windows
    if windows is None:
        return [[cell] * len(chunk) for cell in (".", "-1", "-1", ".")]
    strand = windows.strand if windows.strand is not None else np.full(len(windows), "+")
    # A window may begin before its chromosome, and end after it; a BED line may not.
    start, end = np.maximum(windows.start, 0), np.minimum(windows.end, windows.last())
    known = windows.chrom != ""
    places = (windows.chrom, np.where(known, start, -1), np.where(known, end, -1), strand)
    return [[str(cell) or "." for cell in column.tolist()] for column in places]

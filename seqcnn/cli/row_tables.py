"""Tables with a row for each example: places in a genome, and text to a file or standard output as it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from seqcnn.formats.output import atomic_path

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
    start = np.maximum(windows.start, 0)  # a window may begin before its chromosome, a BED line not
    known = windows.chrom != ""
    places = (windows.chrom, np.where(known, start, -1), np.where(known, windows.end, -1), strand)
    return [[str(cell) or "." for cell in column.tolist()] for column in places]


@contextmanager
def opened(output: str) -> Iterator[BinaryIO]:
    """Open a file that is written under its name when it is whole, or standard output (-)."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        with atomic_path(output) as path, open(path, "wb") as file:
            yield file


def write_text(out: BinaryIO, text: str) -> None:
    """Write all of a text; an unbuffered standard output (PYTHONUNBUFFERED) may take a part only."""
    left = memoryview(text.encode())
    while left:
        left = left[out.write(left) :]

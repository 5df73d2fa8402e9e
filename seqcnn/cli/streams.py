"""Results to a file, or to standard output as they come."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from seqcnn.formats.output import atomic_path


@contextmanager
def opened(output: str) -> Iterator[BinaryIO]:
    """Open a file that is written under its name when it is whole, or standard output (-)."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        with atomic_path(output) as path, open(path, "wb") as file:
            yield file


def write_all(out: BinaryIO, data: bytes) -> None:
    """Write all of it; an unbuffered standard output (PYTHONUNBUFFERED) may take a part only."""
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]


def write_text(out: BinaryIO, text: str) -> None:
    """Write all of a text."""
    write_all(out, text.encode())

"""Results to a file, or to standard output as they come."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from seqcnn.formats.output import atomic_path


@contextmanager
def opened(output: str) -> Iterator[BinaryIO]:
    """Open a file that is written under its name when it is whole, compressed if it ends in .gz, or stdout (-)."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    with atomic_path(output) as path, open(path, "wb") as file:
        if output.endswith(".gz"):
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        else:
            yield file


def write_all(out: BinaryIO, data: bytes) -> None:
    """Write all of it; an unbuffered standard output (PYTHONUNBUFFERED) may take a part only."""
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]


def write_text(out: BinaryIO, text: str) -> None:
    """Write all of a text."""
    write_all(out, text.encode())

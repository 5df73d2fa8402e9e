"""Results to a file, or to standard output as they come."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from seqcnn.formats.output import atomic_path


@contextmanager
def opened(output: str, *, as_it_is: bool = False) -> Iterator[BinaryIO]:
    """Open a file that is written under its name when it is whole, or standard output (-).

    It is compressed if its name ends in .gz, unless what is written is to stay as it is.
    """
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    with atomic_path(output) as path, open(path, "wb") as file:
        if output.endswith(".gz") and not as_it_is:
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

"""Reading back the values of a bigWig file that seqcnn wrote: runs of equal steps, not compressed, in their order."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from os import PathLike
from typing import BinaryIO, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.bigwig import FIXED_STEP, HEADER, MAGIC, SECTION, SECTION_HEADER
from seqcnn.formats.bigwig_index import TREE_HEADER, TREE_MAGIC
from seqcnn.formats.output import describe

_SECTIONS_AT_ONCE: Final = 1024
_FULL: Final = np.dtype([("header", SECTION_HEADER), ("values", "<f4", (SECTION,))])


class Run(NamedTuple):
    """Values of `step` bases each from `start` (0-based) on."""

    chrom: str
    start: int
    step: int
    values: NDArray[np.float32]


class BigWigRuns:
    """A bigWig file that is open for reading; a context manager.

    Parameters
    ----------
    path : str or path

    Attributes
    ----------
    sizes : dict of str to int
        Lengths of the chromosomes, in the order of their values.

    Raises
    ------
    InputError
        If the file cannot be read, or is not as seqcnn writes it.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path
        try:
            self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 (closed by the context)
        except OSError as error:
            raise InputError(describe(error), path) from error
        try:
            head = self._file.read(HEADER.size)
            if len(head) < HEADER.size or struct.unpack_from("<I", head)[0] != MAGIC:
                raise InputError("is not a bigWig file", path)
            fields = HEADER.unpack(head)
            tree_at, self._data_at, self._index_at, packed = fields[3], fields[4], fields[5], fields[10]
            if packed:
                raise self._foreign()
            if not 0 < tree_at < self._data_at <= self._index_at < os.fstat(self._file.fileno()).st_size:
                raise InputError("is truncated", path)
            named = self._read_tree(tree_at)
        except BaseException:
            self.close()
            raise
        self._names = [name for _, name, _ in sorted(named)]
        self.sizes = {name: size for _, name, size in sorted(named)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Run]:
        """Yield the values: a thousand sections at a time where these follow each other."""
        at = self._data_at + 8
        while at < self._index_at:
            self._file.seek(at)
            data = self._file.read(min(_SECTIONS_AT_ONCE * _FULL.itemsize, self._index_at - at))
            n, run = self._first_run(data)
            at += n
            yield run

    def _first_run(self, data: bytes) -> tuple[int, Run]:
        """Return the longest run that some bytes begin with, and how many bytes it takes."""
        if len(data) < SECTION_HEADER.itemsize:
            raise InputError("is truncated", self.path)
        head = np.frombuffer(data, SECTION_HEADER, 1)[0]
        if head["kind"] != FIXED_STEP or head["chrom"] >= len(self._names) or not head["step"]:
            raise self._foreign()
        chrom, start, step = self._names[int(head["chrom"])], int(head["start"]), int(head["step"])
        if head["count"] != SECTION:
            size = SECTION_HEADER.itemsize + 4 * int(head["count"])
            if len(data) < size:
                raise InputError("is truncated", self.path)
            return size, Run(chrom, start, step, np.frombuffer(data[SECTION_HEADER.itemsize : size], "<f4"))
        sections = np.frombuffer(data, _FULL, len(data) // _FULL.itemsize)
        if not len(sections):
            raise InputError("is truncated", self.path)
        headers = sections["header"]
        alike = (headers["kind"] == FIXED_STEP) & (headers["count"] == SECTION) & (headers["step"] == step)
        alike &= headers["chrom"] == head["chrom"]
        alike &= headers["start"] == start + np.arange(len(headers)) * (SECTION * step)
        n = len(alike) if alike.all() else int(np.argmin(alike))
        return n * _FULL.itemsize, Run(chrom, start, step, sections["values"][:n].reshape(-1))

    def _read_tree(self, at: int) -> list[tuple[int, str, int]]:
        """Return number, name and length of every chromosome."""
        self._file.seek(at)
        magic, _, width, _, n, _ = TREE_HEADER.unpack(self._file.read(TREE_HEADER.size))
        if magic != TREE_MAGIC:
            raise self._foreign()
        found: list[tuple[int, str, int]] = []
        nodes = [self._file.tell()]
        while nodes:
            self._file.seek(nodes.pop())
            leaf, _, count = struct.unpack("<BBH", self._file.read(4))
            for _ in range(count):
                name = self._file.read(width).rstrip(b"\0").decode()
                value = self._file.read(8)
                if leaf:
                    number, size = struct.unpack("<II", value)
                    found.append((number, name, size))
                else:
                    nodes.append(struct.unpack("<Q", value)[0])
        if len(found) != n:
            raise InputError("is truncated", self.path)
        return found

    def _foreign(self) -> InputError:
        return InputError("is a bigWig file, but not as seqcnn scan writes it", self.path)

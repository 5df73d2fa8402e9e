"""Writing bigWig: scores along chromosomes with the summaries that browsers draw from, in constant memory.

Values come as runs of equal steps and are written as they come, uncompressed: scores of single bases hardly compress,
and compressing them takes longer than computing them. Summaries wait in temporary files until the values are written.

References
----------
Kent, Zweig, Barber, Hinrichs and Karolchik 2010, doi:10.1093/bioinformatics/btq351, and its supplement: the layout.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import IO, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import OutputError
from seqcnn.formats.bigwig_index import Index, chromosome_tree
from seqcnn.formats.output import atomic_path

SECTION: Final = 1024
"""Values, or summaries, that an entry of the index stands for."""

FIRST_REDUCTION: Final = 32
REDUCTIONS: Final = 8
"""Summaries of 32 values each, of four times as many, and so on: this many times."""

HEADER: Final = struct.Struct("<IHHQQQHHQQIQ")
_ZOOM: Final = struct.Struct("<IIQQ")
_TOTALS: Final = struct.Struct("<Qdddd")
FIXED_STEP: Final = 3
SECTION_HEADER: Final = np.dtype(
    [("chrom", "<u4"), ("start", "<u4"), ("end", "<u4"), ("step", "<u4"), ("span", "<u4"), ("kind", "u1"), ("_", "u1"),
     ("count", "<u2")]
)  # fmt: skip
_SUMMARY: Final = np.dtype(
    [("chrom", "<u4"), ("start", "<u4"), ("end", "<u4"), ("count", "<u4"), ("low", "<f4"), ("high", "<f4"),
     ("total", "<f4"), ("squares", "<f4")]
)  # fmt: skip
MAGIC: Final = 0x888FFC26


@contextmanager
def open_bigwig(path: str | PathLike[str], sizes: Mapping[str, int], step: int = 1) -> Iterator[BigWig]:
    """Write a bigWig file, which appears under its name when the block ends without an error.

    Parameters
    ----------
    path : str or path
    sizes : mapping of str to int
        Length of every chromosome, in the order in which values will come.
    step : int
        Bases from one value to the next.

    Raises
    ------
    OutputError
        If a chromosome is too long for the format.
    """
    if max(sizes.values(), default=0) >= 1 << 32:
        raise OutputError(f"{path}: bigWig holds chromosomes of less than 4.3 Gb; write bedGraph")
    with atomic_path(path) as temporary, open(temporary, "wb") as file, ExitStack() as closing:
        n_levels = sum(reduction < 1 << 32 for reduction in _reductions(step))  # what a number of the format holds
        spares = [closing.enter_context(tempfile.TemporaryFile(dir=temporary.parent)) for _ in range(n_levels)]
        writer = BigWig(file, sizes, step, spares)
        yield writer
        writer.finish()


class BigWig:
    """A bigWig file that is being written, see :func:`open_bigwig`."""

    def __init__(self, file: BinaryIO, sizes: Mapping[str, int], step: int, spares: Sequence[IO[bytes]]) -> None:
        self._file, self.sizes, self.step = file, dict(sizes), step
        self._number = {name: i for i, name in enumerate(self.sizes)}
        self._index = Index()
        self._chrom = -1
        self._n_covered, self._low, self._high, self._total, self._squares = 0, np.inf, -np.inf, 0.0, 0.0
        self._levels = [_Level(reduction, spare) for reduction, spare in zip(_reductions(step), spares, strict=False)]
        self._summary_at = HEADER.size + _ZOOM.size * len(spares)
        self._tree_at = self._summary_at + _TOTALS.size
        tree = chromosome_tree(self.sizes, self._tree_at)
        self._data_at = self._tree_at + len(tree)
        file.write(bytes(self._tree_at) + tree + bytes(8))

    def add(self, chrom: str, start: int, values: NDArray[np.float32]) -> None:
        """Add a run of values, `step` bases each from `start` on; runs come in order and do not overlap.

        The last value may stand for fewer bases, up to the end of the chromosome.
        """
        if not len(values):
            return
        number = self._number[chrom]
        if number != self._chrom:
            self._end_chromosome()
            self._chrom = number
        last = start + (len(values) - 1) * self.step
        last_span = min(self.step, self.sizes[chrom] - last)
        if last_span < self.step:
            self._write(start, values[:-1], self.step)
            self._write(last, values[-1:], last_span)
        else:
            self._write(start, values, self.step)
        self._summarise(start, last_span, values)

    def _write(self, start: int, values: NDArray[np.float32], span: int) -> None:
        """Write whole sections, and one with what is left."""
        whole = len(values) - len(values) % SECTION
        for part, size in ((values[:whole], SECTION), (values[whole:], len(values) - whole)):
            if not len(part):
                continue
            sections = np.zeros(len(part) // size, dtype=[("header", SECTION_HEADER), ("values", "<f4", (size,))])
            header = sections["header"]
            header["chrom"] = self._chrom
            header["start"] = start + np.arange(len(header)) * (size * self.step)
            header["end"] = header["start"] + (size - 1) * self.step + span
            header["step"], header["span"], header["kind"], header["count"] = self.step, span, FIXED_STEP, size
            sections["values"] = part.reshape(len(header), size)
            self._index.add(self._chrom, header["start"], header["end"], self._file.tell(), sections.itemsize)
            self._file.write(sections.tobytes())
            start += len(part) * self.step

    def _summarise(self, start: int, last_span: int, values: NDArray[np.float32]) -> None:
        """Summarise values by bins of FIRST_REDUCTION: those of which all values are here quickly."""
        size = min(FIRST_REDUCTION * self.step, (1 << 32) - 1)  # longer than any chromosome
        n_whole = len(values) - (last_span < self.step)
        first = min(n_whole, -(-(-start % size) // self.step))
        n_bins = (n_whole - first) // FIRST_REDUCTION
        last = first + n_bins * FIRST_REDUCTION
        body = np.empty(n_bins, dtype=_SUMMARY)
        rows = values[first:last].reshape(n_bins, FIRST_REDUCTION)
        body["start"] = start + (first + np.arange(n_bins) * FIRST_REDUCTION) * self.step
        body["end"], body["count"] = body["start"] + size, size
        body["low"], body["high"] = rows.min(1, initial=np.inf), rows.max(1, initial=-np.inf)
        body["total"] = rows.sum(1) * self.step
        body["squares"] = np.einsum("ij,ij->i", rows, rows) * self.step
        for begin, end in ((0, first), (first, last), (last, len(values))):
            if begin == end:
                continue
            records = (
                body
                if (begin, end) == (first, last)
                else self._single(start, begin, end, len(values), last_span, values)
            )
            self._count(records)
            self._pass_on(records)

    def _single(
        self, start: int, begin: int, end: int, n: int, last_span: int, values: NDArray[np.float32]
    ) -> NDArray[np.void]:
        """Return the values from `begin` to `end` as summaries of one value each."""
        records = np.empty(end - begin, dtype=_SUMMARY)
        records["start"] = start + np.arange(begin, end) * self.step
        records["count"] = self.step
        if end == n:
            records["count"][-1] = last_span
        records["end"] = records["start"] + records["count"]
        records["low"] = records["high"] = values[begin:end]
        records["total"] = values[begin:end] * records["count"]
        records["squares"] = values[begin:end] * records["total"]
        return records

    def _count(self, records: NDArray[np.void]) -> None:
        """Add to the summary of everything."""
        self._n_covered += int(records["count"].sum(dtype=np.int64))
        self._low = min(self._low, float(records["low"].min()))
        self._high = max(self._high, float(records["high"].max()))
        self._total += float(records["total"].sum(dtype=np.float64))
        self._squares += float(records["squares"].sum(dtype=np.float64))

    def _pass_on(self, records: NDArray[np.void]) -> None:
        """Give summaries to the finest level, and what it has completed to the next."""
        records["chrom"] = self._chrom
        for level in self._levels:
            records = level.add(records)

    def _end_chromosome(self) -> None:
        for i, level in enumerate(self._levels):
            records = level.end_chromosome()
            for coarser in self._levels[i + 1 :]:
                records = coarser.add(records)

    def finish(self) -> None:
        """Write what can be known last: indices, summaries, header."""
        self._end_chromosome()
        index_at = self._file.tell()
        self._file.write(self._index.to_bytes(index_at, SECTION))
        zooms = b"".join(level.write(self._file) for level in self._levels)
        self._file.write(struct.pack("<I", MAGIC))
        places = (self._tree_at, self._data_at, index_at)
        self._file.seek(0)
        self._file.write(HEADER.pack(MAGIC, 4, len(self._levels), *places, 0, 0, 0, self._summary_at, 0, 0) + zooms)
        limits = (self._low, self._high) if self._n_covered else (0.0, 0.0)
        self._file.write(_TOTALS.pack(self._n_covered, *limits, self._total, self._squares))
        self._file.seek(self._data_at)
        self._file.write(struct.pack("<Q", self._index.n))


def _reductions(step: int) -> list[int]:
    """Return how many bases each level of summaries takes together."""
    return [FIRST_REDUCTION * 4**i * step for i in range(REDUCTIONS)]


class _Level:
    """Summaries of one size: written to a temporary file, but for the last, which may not be complete."""

    def __init__(self, reduction: int, file: IO[bytes]) -> None:
        self.reduction, self._file = reduction, file
        self._index, self._n = Index(), 0
        self._open = self._waiting = np.zeros(0, dtype=_SUMMARY)

    def add(self, finer: NDArray[np.void]) -> NDArray[np.void]:
        """Take finer summaries of one chromosome, in order; return the ones of this size that are complete."""
        if not len(finer):
            return finer
        finer = np.concatenate([self._open, finer])
        names = ("start", "end", "count", "low", "high", "total", "squares")
        records = _bin(self.reduction, *(finer[name] for name in names))
        records["chrom"] = finer["chrom"][0]
        self._open = records[-1:]
        self._write(records[:-1], everything=False)
        return records[:-1]

    def end_chromosome(self) -> NDArray[np.void]:
        """Return what was not known to be complete."""
        rest, self._open = self._open, self._open[:0]
        self._write(rest, everything=True)
        return rest

    def _write(self, records: NDArray[np.void], *, everything: bool) -> None:
        waiting = np.concatenate([self._waiting, records])
        n = len(waiting) if everything else len(waiting) - len(waiting) % SECTION
        for first in range(0, n, SECTION):
            part = waiting[first : min(first + SECTION, n)]
            start, end = part["start"][:1], part["end"][-1:]
            self._index.add(int(part["chrom"][0]), start, end, self._file.tell(), part.nbytes)
            self._file.write(part.tobytes())
            self._n += len(part)
        self._waiting = waiting[n:]

    def write(self, file: BinaryIO) -> bytes:
        """Copy the summaries and their index to the end of a file; return the entry for its header."""
        data_at = file.tell()
        file.write(struct.pack("<I", self._n))
        self._file.seek(0)
        shutil.copyfileobj(self._file, file, 1 << 20)
        index_at = file.tell()
        file.write(self._index.to_bytes(index_at, SECTION, shift=data_at + 4))
        return _ZOOM.pack(self.reduction, 0, data_at, index_at)


def _bin(
    reduction: int,
    start: NDArray[Any],
    end: NDArray[Any],
    count: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    total: NDArray[Any],
    squares: NDArray[Any],
) -> NDArray[np.void]:
    """Summarise neighbours that begin in the same `reduction` bases; at least one, in order."""
    bins = start // reduction
    first = np.flatnonzero(np.append(True, bins[1:] != bins[:-1]))
    records = np.empty(len(first), dtype=_SUMMARY)
    records["start"], records["end"] = start[first], end[np.append(first[1:], len(end)) - 1]
    records["count"] = np.add.reduceat(count, first)
    records["low"], records["high"] = np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)
    records["total"], records["squares"] = np.add.reduceat(total, first), np.add.reduceat(squares, first)
    return records

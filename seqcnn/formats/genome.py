"""Cut intervals out of a genome FASTA, many at once, without reading the rest of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise, repeat
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError, OutputError
from seqcnn.formats.fai import read_or_build
from seqcnn.formats.output import describe
from seqcnn.formats.stream import open_input
from seqcnn.sequence.alphabet import ENCODE_TABLE, INVALID, N_CODE, reverse_complement
from seqcnn.sequence.ragged import Ragged, offsets_of
from seqcnn.sequence.windows import Windows

_AMBIGUOUS: Final = N_CODE + 1
_BLOCK_BASES: Final = 1 << 20
_BLOCK_ROWS: Final = 1 << 10
# Reading this many bytes too many takes about as long as a second call. (Mapping the file into memory is as fast, but
# some systems map 2 MB around each byte that is touched.)
_GAP: Final = 1 << 14


def _letters() -> bytes:
    """Return ENCODE_TABLE with the IUPAC letters that are read as N, but are not N, told apart: they are counted."""
    table = bytearray(ENCODE_TABLE)
    for byte, code in enumerate(ENCODE_TABLE):
        if code == N_CODE and byte not in b"Nn":
            table[byte] = _AMBIGUOUS
    return bytes(table)


_TABLE: Final = _letters()
_MASKED_TABLE: Final = bytes(
    N_CODE if bytes([i]).islower() and code != INVALID else code for i, code in enumerate(_TABLE)
)
"""The same, lower case read as N."""


class Genome:
    """A genome FASTA that is open for reading; use it in a ``with`` block, one per process.

    The file is read through its ``.fai`` index, only where it is needed. An index that is missing, older than the FASTA
    or of another FASTA is made anew. A compressed FASTA is unpacked into a temporary file first.

    Parameters
    ----------
    path : str or path
        FASTA, or FASTA compressed by gzip or bgzip.
    index_folder : str or path, optional
        Where the index is; beside the FASTA unless said. An index that cannot be written there is made in a temporary
        folder.
    soft_mask : bool
        Read lower case as N.

    Attributes
    ----------
    chroms : dict of str to int
        Length of each sequence, in the order of the file.
    notes : list of str
        What was done on opening that the user should know.
    n_ambiguous : int
        IUPAC letters other than A C G T U N in what was cut out so far; they are read as N.
    ambiguous_places : set of (str, int)
        Where they are, each once however often it was cut out.

    Raises
    ------
    InputError
        If the file cannot be read or is not a FASTA of lines of equal length with unique names.
    """

    def __init__(
        self, path: str | PathLike[str], index_folder: str | PathLike[str] | None = None, *, soft_mask: bool = False
    ) -> None:
        self.path = os.fspath(path)
        self._table = _MASKED_TABLE if soft_mask else _TABLE
        self.notes: list[str] = []
        self.n_ambiguous = 0
        self.ambiguous_places: set[tuple[str, int]] = set()
        self._closing = ExitStack()
        try:
            self._open(None if index_folder is None else Path(index_folder))
        except BaseException:
            self.close()
            raise

    def _open(self, index_folder: Path | None) -> None:
        fasta = Path(self.path)
        spare = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="seqcnn-genome-")))
        with open_input(self.path) as stream:
            if not stream.peek(1)[:1] == b">":
                raise InputError("is not a FASTA file", self.path, hint="a FASTA file begins with >name")
            if _must_unpack(fasta):
                fasta = _unpack(stream, spare / "genome.fa")
                index_folder = spare
                size = fasta.stat().st_size / 1e6
                self.notes.append(
                    f"unpacked {Path(self.path).name} to a temporary file ({size:.3g} Mb); "
                    "an uncompressed FASTA starts faster"
                )
        self._file = os.open(fasta, os.O_RDONLY | os.O_CLOEXEC)
        self._closing.callback(os.close, self._file)
        records, note = read_or_build(fasta, self._file, index_folder or fasta.parent, spare, self.path)
        if note:
            self.notes.append(note)
        self.chroms = {name: record.length for name, record in records.items()}
        self._row = {name: i for i, name in enumerate(records)}
        self._records = np.array(list(records.values()), dtype=np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and delete what was unpacked."""
        self._closing.close()

    def extract(
        self,
        chrom: NDArray[np.object_],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
        strand: NDArray[np.str_] | None = None,
    ) -> Ragged:
        """Cut intervals out.

        Parameters
        ----------
        chrom : ndarray of object (str), shape (n,)
        start, end : ndarray of int64, shape (n,)
            0-based, half-open, of any mixture of lengths, in any order.
        strand : ndarray of str, shape (n,), optional
            Rows that say "-" are reverse-complemented.

        Returns
        -------
        Ragged
            Codes 0..4, one row an interval, in the order given.

        Raises
        ------
        ValueError
            If an interval is empty or not inside a sequence of the genome.
        InputError
            If a letter is not an IUPAC nucleotide letter.
        """
        offset, bases, width = self._geometry(chrom, start, end)
        first = offset + start // bases * width + start % bases
        last = offset + (end - 1) // bases * width + (end - 1) % bases + 1
        offsets = offsets_of(end - start)
        out = np.empty(int(offsets[-1]), dtype=np.uint8)
        minus = np.zeros(len(start), dtype=np.bool_) if strand is None else strand == "-"
        even = len(start) > 0 and bool((end - start == end[0] - start[0]).all())
        # In the order of the file, so that neighbours are read together.
        for rows in _blocks(np.argsort(first, kind="stable"), end - start):
            codes = self._read(Windows(chrom[rows], start[rows], end[rows]), first[rows], last[rows])
            if even:
                _place_even(codes, rows, minus[rows], out)
            else:
                _place(codes, offsets[rows], offsets[rows + 1], minus[rows], out)
        return Ragged(out, offsets)

    def _geometry(
        self, chrom: NDArray[np.object_], start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return offset, bases and width of each interval's record, shape (3, n), or raise ValueError."""
        row = np.fromiter(map(self._row.get, chrom.tolist(), repeat(-1)), dtype=np.int64, count=len(chrom))
        length, *geometry = self._records[row].T
        wrong = (row < 0) | (start < 0) | (start >= end) | (end > length)
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ValueError(f"{chrom[i]}:{start[i]}-{end[i]} is empty or not inside a sequence of {self.path}")
        return np.array(geometry)

    def _read(self, windows: Windows, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the codes of windows, which lie in these bytes of the file, end to end, all on the plus strand."""
        spans = self._spans(first, last)
        codes = np.frombuffer(b"".join(spans).translate(self._table, b"\r\n"), dtype=np.uint8)
        bounds = offsets_of(windows.end - windows.start)
        if len(codes) != bounds[-1]:
            raise InputError("the lines of a sequence differ in length, or the file changed meanwhile", self.path)
        if codes.max() <= N_CODE:
            return codes
        wrong = np.flatnonzero(codes == INVALID)
        if len(wrong):
            i = int(np.searchsorted(bounds, wrong[0], "right")) - 1
            along = int(wrong[0] - bounds[i])
            letter = chr(spans[i].translate(None, b"\r\n")[along])
            place = f"position {windows.start[i] + along + 1} of {windows.chrom[i]}"
            raise InputError(f"{letter!r} at {place} is not a nucleotide letter", self.path)
        ambiguous = np.flatnonzero(codes == _AMBIGUOUS)
        self.n_ambiguous += len(ambiguous)
        of = np.searchsorted(bounds, ambiguous, "right") - 1
        positions = windows.start[of] + ambiguous - bounds[of]
        self.ambiguous_places.update(zip(windows.chrom[of].tolist(), positions.tolist(), strict=True))
        return np.minimum(codes, N_CODE)

    def _spans(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> list[bytes]:
        """Return the bytes of the file from each `first` (ascending) to before its `last`."""
        reach = np.maximum.accumulate(last)
        apart = np.flatnonzero(first[1:] - reach[:-1] > _GAP) + 1
        spans: list[bytes] = []
        for i, j in pairwise([0, *apart.tolist(), len(first)]):
            begin = int(first[i])
            try:
                text = os.pread(self._file, int(reach[j - 1]) - begin, begin)
            except OSError as error:
                raise InputError(f"cannot be read ({describe(error)})", self.path) from error
            spans += [
                text[a:b] for a, b in zip((first[i:j] - begin).tolist(), (last[i:j] - begin).tolist(), strict=True)
            ]
        return spans


def _must_unpack(path: Path) -> bool:
    """Say whether a copy is needed: of a compressed file or a pipe; pyfaidx goes by the name."""
    if not path.is_file() or path.suffix.lower() in (".gz", ".bgz", ".bz2", ".zip"):
        return True
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _unpack(stream: BinaryIO, path: Path) -> Path:
    try:
        with open(path, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        hint = "set TMPDIR to a folder with room"
        raise OutputError(f"{path}: cannot unpack the genome here ({describe(error)}); {hint}") from error
    return path


def _blocks(order: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut an order of rows into pieces of bounded numbers of rows and bases, but at least one row."""
    bounds = offsets_of(lengths[order])
    first = 0
    while first < len(order):
        by_bases = int(np.searchsorted(bounds, bounds[first] + _BLOCK_BASES, "right")) - 1
        stop = max(first + 1, min(first + _BLOCK_ROWS, by_bases))
        yield order[first:stop]
        first = stop


def _place_even(
    codes: NDArray[np.uint8], rows: NDArray[np.int64], minus: NDArray[np.bool_], out: NDArray[np.uint8]
) -> None:
    """Put rows of one length where they belong in `out`, on their strand."""
    square = codes.reshape(len(rows), -1)
    if minus.any():
        square = np.where(minus[:, None], reverse_complement(square), square)
    out.reshape(-1, square.shape[1])[rows] = square


def _place(
    codes: NDArray[np.uint8],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    minus: NDArray[np.bool_],
    out: NDArray[np.uint8],
) -> None:
    """Put rows of any lengths where they belong in `out`, on their strand."""
    at = 0
    for a, b, reverse in zip(begin.tolist(), end.tolist(), minus.tolist(), strict=True):
        row = codes[at : at + b - a]
        out[a:b] = reverse_complement(row) if reverse else row
        at += b - a

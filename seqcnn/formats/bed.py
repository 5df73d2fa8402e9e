"""BED3 and wider, and narrowPeak: text to regions as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any, BinaryIO, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.fields import Fields, find_fields, gather
from seqcnn.sequence.ragged import Ragged, concatenate

Path = str | PathLike[str]

COLUMNS: Final = (
    *("chrom", "start", "end", "name", "score", "strand"),
    *("signalValue", "pValue", "qValue", "peak"),
)
"""What the columns are called; the last four of narrowPeak, and all of them but ``peak`` of broadPeak."""

_CHUNK: Final = 1 << 22
_STRANDS: Final = frozenset((b"+", b"-", b".", b""))
_LINE_FEED: Final = ord("\n")
# First letters of lines that may be headers or blank: these need a closer look.
_SUSPECT: Final = np.isin(np.arange(256), list(b"#tb \t\r\n"))


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of one file, in its order.

    Parameters
    ----------
    chrom : ndarray of object (str), shape (n,)
    start, end : ndarray of int64, shape (n,)
        0-based, half-open.
    strand : ndarray of str, shape (n,)
        "+", "-", or "." where the file does not say.
    name : Ragged
        UTF-8; ``chrom:start-end`` (start 0-based, as in bedtools) where column 4 is absent, empty or ".".
    score : ndarray of float64, shape (n,)
        NaN where column 5 is absent or not a number.
    summit : ndarray of int64, shape (n,)
        0-based position on the chromosome; -1 where there is none.
    line : ndarray of int64, shape (n,)
        1-based line in the file.
    value : ndarray of float64, shape (n,), or None
        The numbers of a column that was asked for; NaN where there is none.
    """

    chrom: NDArray[np.object_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.str_]
    name: Ragged
    score: NDArray[np.float64]
    summit: NDArray[np.int64]
    line: NDArray[np.int64]
    value: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[Any]) -> Regions:
        """Return the regions at these indices, or where the mask is true."""
        return Regions(
            self.chrom[rows],
            self.start[rows],
            self.end[rows],
            self.strand[rows],
            self.name.take(rows),
            self.score[rows],
            self.summit[rows],
            self.line[rows],
            None if self.value is None else self.value[rows],
        )


def read_bed(stream: BinaryIO, path: Path, value_column: str | None = None) -> Regions:
    """Read all regions of a BED or narrowPeak file.

    Columns are separated by tabs, or by any white space in a line without tabs. Lines that are blank or begin with
    ``#``, ``track`` or ``browser`` are passed over. A file is narrowPeak when its first region has ten columns, or more
    than twelve, 7 to 9 numbers and 10 an integer; column 10 is then the summit's distance from the start, or -1.

    Parameters
    ----------
    stream : binary file object
        Uncompressed bytes.
    path : str or path
        The name to give in messages.
    value_column : str, optional
        Column of numbers to keep, by its name in :data:`COLUMNS` or its number from 1.

    Returns
    -------
    Regions

    Raises
    ------
    InputError
        If the file is not text, holds no regions, has no such column, or a line has fewer than three columns, a start
        or end that is not a whole number, start >= end, an unknown strand, or a summit outside its region.
    """
    parts: list[Regions] = []
    narrow: bool | None = None
    wanted: int | None = None
    for numbers, text in _chunks(stream, path):
        if narrow is None:
            first = _split(text[: text.index(b"\n")])
            narrow = _is_narrow_peak(first)
            wanted = None if value_column is None else _find_column(value_column, len(first), path)
        try:
            parts.append(_parse(find_fields(text), numbers, narrow, wanted))
        except ValueError:
            text = _even(text)
            try:
                parts.append(_parse(find_fields(text), numbers, narrow, wanted))
            except ValueError:
                _explain(text, numbers, narrow, path)
    if not parts:
        raise InputError("holds no regions", path, hint="a BED line is: chromosome, start, end, separated by tabs")
    if len(parts) == 1:
        return parts[0]
    return Regions(
        np.concatenate([part.chrom for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.strand for part in parts]),
        concatenate([part.name for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.summit for part in parts]),
        np.concatenate([part.line for part in parts]),
        None if wanted is None else np.concatenate([part.value for part in parts if part.value is not None]),
    )


def _find_column(wanted: str, width: int, path: Path) -> int:
    """Return which column is asked for, from 0."""
    called = COLUMNS if width in (9, 10) else COLUMNS[:6]
    lowered = [name.lower() for name in called[:width]]
    if wanted.lower() in lowered:
        return lowered.index(wanted.lower())
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= width:
        return int(wanted) - 1
    hint = f"there are: {', '.join(called[:width])}, and the numbers 1 to {width}"
    raise InputError(f"there is no column {wanted!r}", path, hint=hint)


def _chunks(stream: BinaryIO, path: Path) -> Iterator[tuple[NDArray[np.int64], bytes]]:
    """Yield some megabytes of whole lines, each ending in a line feed, and their numbers; no headers or blank lines."""
    first = 1
    while text := stream.read(_CHUNK):
        text += stream.readline()
        if b"\0" in text:
            raise InputError("is binary, not a BED file", path)
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        text = text.removesuffix(b"\n") + b"\n"
        starts = np.append(0, np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _LINE_FEED) + 1)
        numbers = np.arange(first, first + len(starts) - 1)
        first += len(numbers)
        suspects = np.flatnonzero(_SUSPECT[np.frombuffer(text, dtype=np.uint8)[starts[:-1]]])
        headers = [i for i in suspects.tolist() if _is_header(text[starts[i] : starts[i + 1]])]
        if headers:
            kept = np.delete(np.arange(len(numbers)), headers)
            numbers = numbers[kept]
            text = Ragged(np.frombuffer(text, dtype=np.uint8), starts).take(kept).data.tobytes()
        if text:
            yield numbers, text


def _is_header(line: bytes) -> bool:
    words = line.split(None, 1)
    return not words or words[0][:1] == b"#" or words[0] in (b"track", b"browser")


def _split(line: bytes) -> list[bytes]:
    return line.rstrip().split(b"\t") if b"\t" in line else line.split()


def _even(text: bytes) -> bytes:
    """Return the lines separated by tabs and with equally many fields: what a line lacks is empty."""
    rows = [_split(line) for line in text[:-1].split(b"\n")]
    width = max(map(len, rows))
    return b"".join(b"\t".join(row) + b"\t" * (width - len(row)) + b"\n" for row in rows)


def _is_narrow_peak(row: list[bytes]) -> bool:
    if len(row) != 10 and len(row) <= 12:  # BED12 has numbers there too; more columns are those of tools like idr
        return False
    return _whole(row[9]) is not None and not any(np.isnan(_number(field)) for field in row[6:9])


def _parse(fields: Fields, numbers: NDArray[np.int64], narrow: bool, wanted: int | None) -> Regions:
    """Turn fields into arrays; ValueError where anything is wrong."""
    n = len(numbers)
    start, end = fields.integers(1), fields.integers(2)
    summit = np.full(n, -1, dtype=np.int64)
    if narrow:
        if fields.width < 10:
            raise ValueError
        offset = fields.integers(9)
        summit = np.where(offset >= 0, start + offset, -1)
        if (offset < -1).any() or (summit >= end).any():
            raise ValueError
    chroms, which = np.unique(fields.fixed(0), return_inverse=True)
    if (start < 0).any() or (start >= end).any() or b"" in chroms:
        raise ValueError
    chrom = np.array([raw.decode("utf-8", "replace") for raw in chroms.tolist()], dtype=object)[which]
    strand = np.full(n, ".", dtype="U1")
    if fields.width > 5:
        sign = fields.fixed(5)
        if not np.isin(sign, list(_STRANDS)).all():
            raise ValueError
        strand = np.where(sign == b"", b".", sign).astype("U1")
    score = _column(fields, 4)
    value = None if wanted is None else _column(fields, wanted)
    return Regions(chrom, start, end, strand, _labels(fields), score, summit, numbers, value)


def _labels(fields: Fields) -> Ragged:
    """Return column 4, or ``chrom:start-end`` where it says nothing."""
    data, begin, end = fields.data, fields.begin, fields.end
    if fields.width < 4:
        silent = np.ones(len(begin), dtype=np.bool_)
        first, last = begin[:, 0], end[:, 2]
    else:
        first, last = begin[:, 3], end[:, 3]
        silent = (last == first) | ((last == first + 1) & (data[first] == ord(".")))
        first, last = np.where(silent, begin[:, 0], first), np.where(silent, end[:, 2], last)
    if silent.any():
        # The first three fields are next to each other: only the tabs between them need changing.
        data = data.copy()
        data[end[silent, 0]] = ord(":")
        data[end[silent, 1]] = ord("-")
    return gather(data, first, last)


def _column(fields: Fields, j: int) -> NDArray[np.float64]:
    """Return the numbers of a column, NaN where there are none."""
    return _numbers(fields.fixed(j)) if fields.width > j else np.full(len(fields.begin), np.nan)


def _numbers(text: NDArray[np.bytes_]) -> NDArray[np.float64]:
    stated = np.where((text == b"") | (text == b"."), b"nan", text)
    try:
        return stated.astype(np.float64)
    except ValueError:
        return np.array([_number(field) for field in text.tolist()], dtype=np.float64)


def _number(field: bytes) -> float:
    try:
        return float(field)
    except ValueError:
        return float("nan")


def _explain(text: bytes, numbers: NDArray[np.int64], narrow: bool, path: Path) -> NoReturn:
    """Raise for the first line that is wrong."""
    for number, line in zip(numbers.tolist(), text[:-1].split(b"\n"), strict=True):
        fault = _fault(_split(line), narrow)
        if fault:
            raise InputError(fault, path, number)
    raise InputError("has a field of millions of letters; is it a BED file?", path)


def _whole(raw: bytes) -> int | None:
    """Read a whole number as :meth:`Fields.integers` does; int() would also take 1_000, +1 and " 1"."""
    digits = raw.removeprefix(b"-")
    return int(raw) if digits.isdigit() and len(digits) <= 18 else None


def _fault(row: list[bytes], narrow: bool) -> str | None:
    """Say what is wrong in a line, or None."""
    text = [field.decode("utf-8", "replace") for field in row]
    if len(row) < 3:
        columns = "1 column" if len(row) == 1 else f"{len(row)} columns"
        return f"{columns}, but a BED line has at least 3: chromosome, start, end; separate them by tabs"
    if not text[0]:
        return "the chromosome (column 1) is empty"
    start, end = _whole(row[1]), _whole(row[2])
    for name, value, field in (("start", start, text[1]), ("end", end, text[2])):
        if value is None:
            return f"{name} is not a whole number: {field!r}"
        if value < 0:
            return f"{name} is negative: {field}"
    assert start is not None
    assert end is not None
    if start >= end:
        return f"start {start} is not less than end {end}; BED counts from 0 and leaves the end out"
    if len(row) > 5 and row[5] not in _STRANDS:
        return f"strand (column 6) is {text[5]!r}, not '+', '-' or '.'"
    if not narrow:
        return None
    if len(row) < 10:
        return f"{len(row)} columns, but the file began as narrowPeak, which has 10"
    offset = _whole(row[9])
    if offset is None:
        return f"summit (column 10) is not a whole number: {text[9]!r}"
    if offset < -1 or start + offset >= end:
        return f"summit (column 10) is {offset}, outside the region of {end - start} bases (-1 means none)"
    return None

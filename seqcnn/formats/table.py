"""Tables of sequences and targets to records: TSV, CSV or separated by blanks."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from os import PathLike
from typing import BinaryIO, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.letters import encode_strings
from seqcnn.formats.records import Records
from seqcnn.formats.stream import shown_path
from seqcnn.formats.table_layout import Header, Layout, Wanted, find_layout, split_line
from seqcnn.sequence.ragged import from_text

CHUNK_ROWS: Final = 50_000
MISSING: Final = frozenset({"", ".", "na", "n/a", "nan", "null", "none"})
"""What a target without a value looks like, in any case."""


class TableReader:
    """The rows of a table, to be iterated once, as Records.

    Each chunk has the columns "targets" (float32, shape (n, n_targets), NaN where missing; absent without targets)
    and, where they were asked for, "split" (object array of str) and "weights" (float32). Rows without a name column
    are called row_1, row_2, ...

    Attributes
    ----------
    column_names : list of str
        From the header; column_1, column_2, ... without one.
    sequence_name : str
    target_names : list of str
        Empty if the table has no targets.
    has_header : bool
    """

    def __init__(
        self,
        lines: Iterable[tuple[int, str]],
        layout: Layout,
        path: str,
        chunk_rows: int,
        read_target: Callable[[str], float] | None,
        text: io.TextIOWrapper,
    ) -> None:
        self._text = text  # which closes the stream when nothing refers to it any more
        self._lines = lines
        self._layout = layout
        self._path = path
        self._chunk_rows = chunk_rows
        self._read_target = read_target
        self.column_names = layout.column_names
        self.has_header = layout.has_header
        self.sequence_name = layout.column_names[layout.sequence]
        self.target_names = [layout.column_names[i] for i in layout.targets]

    def __iter__(self) -> Iterator[Records]:
        rows, done = self._rows(), 0
        while chunk := list(islice(rows, self._chunk_rows)):
            yield self._records(chunk, done)
            done += len(chunk)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line number and cells of each row that is not blank."""
        separator, width = self._layout.separator, len(self._layout.column_names)
        for number, line in self._lines:
            try:
                cells = split_line(line, separator)
            except csv.Error as error:
                hint = "a cell in quotation marks must end on its line"
                raise InputError(f"cannot be split into cells ({error})", self._path, number, hint) from error
            if len(cells) != width:
                if not line.strip(" "):
                    continue
                expected = f"{width} as in the {'header' if self.has_header else 'first line'}"
                hint = "is the separator the same in every line?"
                raise InputError(f"found {len(cells)} columns, expected {expected}", self._path, number, hint)
            yield number, cells

    def _records(self, rows: Sequence[tuple[int, list[str]]], done: int) -> Records:
        layout = self._layout
        lines = [number for number, _ in rows]
        strings = [cells[layout.sequence].strip() for _, cells in rows]
        if not all(strings):
            hint = f"column {self.sequence_name!r} must not be empty"
            raise InputError("row without a sequence", self._path, lines[strings.index("")], hint)
        sequences, counts = encode_strings(strings, self._path, lines)
        if layout.name is None:
            names = from_text(f"row_{i}" for i in range(done + 1, done + 1 + len(rows)))
        else:
            names = from_text(cells[layout.name].strip() for _, cells in rows)
        columns: dict[str, NDArray[np.float32] | NDArray[np.object_]] = {}
        if layout.targets:
            columns["targets"] = np.column_stack([self._targets(rows, i) for i in layout.targets])
        if layout.weight is not None:
            columns["weights"] = self._weights(rows, layout.weight)
        if layout.split is not None:
            columns["split"] = np.array([cells[layout.split].strip() for _, cells in rows], dtype=object)
        return Records(sequences, names, columns, counts.n_ambiguous, counts.n_u, counts.n_t)

    def _targets(self, rows: Sequence[tuple[int, list[str]]], column: int) -> NDArray[np.float32]:
        """Return a column as float32, NaN where missing."""
        if self._read_target is not None:
            return self._read_by(self._read_target, rows, column)
        values = _numbers([cells[column] for _, cells in rows])
        wrong = np.abs(values) > np.finfo(np.float32).max
        if wrong.any():
            hint = "targets are finite numbers; a missing one is empty, NA, nan or '.'; classes need --task multiclass"
            self._refuse(rows, column, wrong, "is not a number", hint)
        return values.astype(np.float32)

    def _read_by(
        self, read: Callable[[str], float], rows: Sequence[tuple[int, list[str]]], column: int
    ) -> NDArray[np.float32]:
        """Return what `read` makes of the cells of a column."""
        values = np.empty(len(rows), dtype=np.float32)
        for i, (number, cells) in enumerate(rows):
            try:
                values[i] = read(cells[column])
            except ValueError as error:
                raise InputError(f"column {self.column_names[column]!r}: {error}", self._path, number) from error
        return values

    def _weights(self, rows: Sequence[tuple[int, list[str]]], column: int) -> NDArray[np.float32]:
        """Return a column of weights."""
        values = _numbers([cells[column] for _, cells in rows])
        wrong = ~((values >= 0) & (values <= np.finfo(np.float32).max))
        if wrong.any():
            self._refuse(rows, column, wrong, "is not a weight", "weights are numbers of 0 or more, none missing")
        return values.astype(np.float32)

    def _refuse(
        self, rows: Sequence[tuple[int, list[str]]], column: int, wrong: NDArray[np.bool_], what: str, hint: str
    ) -> NoReturn:
        """Raise for the first row that is wrong."""
        number, cells = rows[int(wrong.argmax())]
        message = f"{cells[column]!r} in column {self.column_names[column]!r} {what}"
        raise InputError(message, self._path, number, hint)


def read_table(
    stream: BinaryIO,
    path: str | PathLike[str],
    *,
    sequence_column: str | None = None,
    target_columns: Sequence[str] | None = None,
    name_column: str | None = None,
    split_column: str | None = None,
    weight_column: str | None = None,
    likely_targets: Sequence[str] = (),
    read_target: Callable[[str], float] | None = None,
    header: Header = "auto",
    chunk_rows: int = CHUNK_ROWS,
) -> TableReader:
    """Open a table of sequences; see :func:`seqcnn.formats.table_layout.find_layout` for what is found by itself.

    Parameters
    ----------
    stream : binary file
        UTF-8 text. Lines that start with ``#`` before the first row and blank lines are left out.
    path : str or path
        For messages.
    sequence_column, name_column, split_column, weight_column : str, optional
        Name, or number from 1, of a column.
    target_columns : sequence of str, optional
        Names or numbers; empty for none.
    likely_targets : sequence of str
        Names of the target columns where `target_columns` is None and the table has them all.
    read_target : callable, optional
        What a target is from the text of its cell; its ValueError is reported with the line. None: a number.
    header : {"auto", True, False}
        Whether the first line holds the names of the columns.
    chunk_rows : int
        Rows in a chunk.

    Returns
    -------
    TableReader

    Raises
    ------
    InputError
        Here if the columns cannot be found; while iterating, with the line, for a wrong number of cells, an empty
        sequence, a byte that is no nucleotide letter, a target that is neither a finite number nor missing, and a
        weight that is not a number of 0 or more.
    """
    shown = shown_path(path)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace")
    lines = ((number, line.rstrip("\n")) for number, line in enumerate(text, start=1))
    comment, head = _head(lines)
    if not head:
        raise InputError("table holds no rows", shown)
    wanted = Wanted(sequence_column, target_columns, name_column, split_column, likely_targets, weight_column)
    layout = find_layout(head, comment, wanted, header, shown)
    rows = head[1:] if layout.has_header and not layout.header_is_comment else head
    return TableReader(chain(rows, lines), layout, shown, chunk_rows, read_target, text)


def _head(lines: Iterator[tuple[int, str]]) -> tuple[str | None, list[tuple[int, str]]]:
    """Read the comments at the top, of which the last is returned, and the first two lines that are not blank."""
    comment: str | None = None
    head: list[tuple[int, str]] = []
    for number, line in lines:
        if line.startswith("#") and not head:
            comment = line
        elif line.strip():
            head.append((number, line))
            if len(head) == 2:
                break
    return comment, head


def _numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers in cells, NaN where missing, infinity for what is neither."""
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return np.array([_number_or_inf(cell) for cell in cells])


def _number_or_inf(cell: str) -> float:
    """Return the number in a cell, NaN if it is missing, infinity if it is neither."""
    if cell.strip().lower() in MISSING:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        return float("inf")

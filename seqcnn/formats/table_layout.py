"""What the columns of a table are: separator, header line, and which column holds what."""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from seqcnn.errors import InputError
from seqcnn.formats.stream import SEQUENCE_NAMES, looks_like_sequence

TARGET_NAMES: Final = ("bound", "label", "target", "class", "score", "intensity", "signal", "y", "value")
ROW_NAMES: Final = ("eventid", "name", "id", "probe_id", "sequence_id")
"""Names, in any case, by which a column is found when none is asked for; the first that is there counts."""

Header = Literal["auto"] | bool

csv.field_size_limit(sys.maxsize)  # of a cell in quotation marks; a chromosome may be one


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns a user asks for, each by its name or, where no column is called so, by its number from 1.

    Parameters
    ----------
    sequence, name, split, weight : str, optional
        None: found as :func:`find_layout` says (`split` and `weight`: there is none).
    targets : sequence of str, optional
        None: found as :func:`find_layout` says; empty: none.
    likely : sequence of str
        Names of columns that are the targets, where `targets` is None and all of them are there.
    """

    sequence: str | None = None
    targets: Sequence[str] | None = None
    name: str | None = None
    split: str | None = None
    likely: Sequence[str] = ()
    weight: str | None = None

    def all(self) -> list[str]:
        """Return every column that is asked for, or likely to be there."""
        targets = self.likely if self.targets is None else self.targets
        return [c for c in (self.sequence, *targets, self.name, self.split, self.weight) if c is not None]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a row; columns count from 0, and a separator of None is any run of blanks."""

    separator: str | None
    has_header: bool
    header_is_comment: bool
    column_names: list[str]
    sequence: int
    targets: list[int]
    name: int | None
    split: int | None
    weight: int | None = None


def split_line(line: str, separator: str | None) -> list[str]:
    """Split a line into its cells.

    Raises
    ------
    csv.Error
        If a quotation mark is not closed on the line.
    """
    if '"' not in line:
        return line.split(separator)
    blanks = separator is None
    return next(
        csv.reader([line.strip() if blanks else line], delimiter=separator or " ", skipinitialspace=blanks, strict=True)
    )


def find_layout(
    head: Sequence[tuple[int, str]], comment: str | None, wanted: Wanted, header: Header, path: str
) -> Layout:
    """Find out the layout from the first lines.

    Parameters
    ----------
    head : sequence of (line number, text)
        The first one or two lines that are neither blank nor comments.
    comment : str or None
        The last line that starts with ``#`` before them: it is the header if one of its cells is a column that is asked
        for or known by name, and it has as many cells as the rows.
    wanted : Wanted
    header : "auto" or bool
        "auto": the first line is a header if one of its cells is a column that is asked for by name or is called as in
        :data:`SEQUENCE_NAMES`; otherwise if no column already holds a sequence or a number in this line as in the next.
    path : str
        For messages.

    Returns
    -------
    Layout
        By default the sequence is the column called so, or else the only one that looks like sequences; the targets are
        the columns that are likely, if all are there; otherwise the target is the one column called as in
        :data:`TARGET_NAMES` or, in a table without header, the first column of numbers after the sequence, or else
        before it, the one of the weights left out; the name is the column called as in :data:`ROW_NAMES`.

    Raises
    ------
    InputError
    """
    separator = _separator([line for _, line in head])
    try:
        cells = [_stripped(line, separator) for _, line in head]
    except csv.Error as error:
        raise InputError(f"quotation mark that is not closed ({error})", path, head[0][0]) from error
    names, is_comment = None, False
    if header is True or (header == "auto" and _is_header(cells[0], cells[1:], wanted)):
        names = cells.pop(0)
    elif header == "auto" and comment is not None:
        titles = _stripped(comment.lstrip("# "), separator)
        is_comment = len(titles) == len(cells[0]) and _has_known_name(titles, wanted)
        names = titles if is_comment else None
    if not cells:
        raise InputError("table holds no rows", path, hint="the only line is a header")
    columns = names if names is not None else [f"column_{i + 1}" for i in range(len(cells[0]))]
    finder = _Finder(columns, path, None if names is None or is_comment else head[0][0])
    sequence = finder.sequence(wanted.sequence, cells)
    name = finder.optional(wanted.name, ROW_NAMES, "name")
    split = finder.optional(wanted.split, (), "split")
    weight = finder.optional(wanted.weight, (), "weight")
    if wanted.targets is not None:
        targets = [finder.asked(target, "target") for target in wanted.targets]
    elif wanted.likely and all(columns.count(target) == 1 for target in wanted.likely):
        targets = [columns.index(target) for target in wanted.likely]
    elif names is None:
        taken = {sequence, name, split, weight}
        numeric = [i for i in range(len(columns)) if i not in taken and any(map(_is_number, _column(cells, i)))]
        targets = sorted(numeric, key=lambda i: (i < sequence, i))[:1]
    else:
        targets = [i for i in [finder.known(TARGET_NAMES, taken=weight)] if i is not None]
    return Layout(separator, names is not None, is_comment, columns, sequence, targets, name, split, weight)


@dataclass(frozen=True, slots=True)
class _Finder:
    columns: list[str]
    path: str
    line: int | None

    def asked(self, wanted: str, role: str) -> int:
        matches = [i for i, column in enumerate(self.columns) if column == wanted]
        if len(matches) > 1:
            hint = "say which one by its number"
            raise InputError(f"{len(matches)} columns are called {wanted!r}", self.path, self.line, hint)
        if matches:
            return matches[0]
        if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(self.columns):
            return int(wanted) - 1
        raise InputError(f"there is no column {wanted!r} ({role})", self.path, self.line, self._there())

    def known(self, known: Sequence[str], taken: int | None = None) -> int | None:
        lowered = ["" if i == taken else column.lower() for i, column in enumerate(self.columns)]
        return next((lowered.index(name) for name in known if name in lowered), None)

    def optional(self, wanted: str | None, known: Sequence[str], role: str) -> int | None:
        return self.known(known) if wanted is None else self.asked(wanted, role)

    def sequence(self, wanted: str | None, cells: list[list[str]]) -> int:
        if wanted is not None:
            return self.asked(wanted, "sequence")
        called = self.known(SEQUENCE_NAMES)
        if called is not None:
            return called
        alike = [i for i in range(len(self.columns)) if any(map(looks_like_sequence, _column(cells, i)))]
        if len(alike) == 1:
            return alike[0]
        found = "several columns look like sequences" if alike else "no column is called or looks like a sequence"
        raise InputError(found, self.path, self.line, f"choose one with --sequence-column; {self._there()}")

    def _there(self) -> str:
        shown = self.columns[:20]
        more = f" and {len(self.columns) - 20} more" if len(self.columns) > 20 else ""
        return f"columns are: {', '.join(shown)}{more}"


def _stripped(line: str, separator: str | None) -> list[str]:
    return [cell.strip() for cell in split_line(line, separator)]


def _separator(lines: Sequence[str]) -> str | None:
    """Return a tab if there is one, else the first of comma and semicolon that splits all lines alike."""
    if "\t" in lines[0]:
        return "\t"
    candidates = [separator for separator in ",;" if separator in lines[0]]
    for separator in [*candidates, None]:
        try:
            counts = {len(split_line(line, separator)) for line in lines}
        except csv.Error:
            continue
        if len(counts) == 1 and counts != {1}:
            return separator
    return candidates[0] if candidates else None


_BASES: Final = re.compile("[ACGTUN]+", re.IGNORECASE)


def _is_header(first: list[str], rest: list[list[str]], wanted: Wanted) -> bool:
    if any(name in first and not name.isdigit() for name in wanted.all()):
        return True
    if any(cell.lower() in SEQUENCE_NAMES for cell in first):
        return True
    if any(len(cell) >= 10 and looks_like_sequence(cell) for cell in first):
        return False
    if len(first) == 1 and _BASES.fullmatch(first[0]):  # a short sequence, in a list of nothing else
        return False
    # Without a second line the first is compared with itself: a header holds neither sequences nor numbers.
    pairs = list(zip(first, rest[0] if rest else first, strict=False))
    return not any(all(map(kind, pair)) for pair in pairs for kind in (looks_like_sequence, _is_number))


def _has_known_name(titles: list[str], wanted: Wanted) -> bool:
    known = {*SEQUENCE_NAMES, *TARGET_NAMES, *ROW_NAMES}
    return any(title in wanted.all() or title.lower() in known for title in titles)


def _column(cells: list[list[str]], i: int) -> list[str]:
    return [row[i] for row in cells if i < len(row)]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False

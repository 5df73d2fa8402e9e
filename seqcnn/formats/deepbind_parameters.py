"""The parameter files of the published DeepBind models, and the table that says what each model is of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.stream import open_input, shown_path

HEADER: Final = "# deepbind 0.1"
NUMBERS: Final = ("reverse_complement", "num_detectors", "detector_len", "has_avg_pooling", "num_hidden")
ARRAYS: Final = ("detectors", "thresholds", "weights1", "biases1", "weights2", "biases2")
INDEX_NAME: Final = "db.tsv"
LONGEST: Final = 1 << 16
"""Largest size that is believed."""

_ID: Final = re.compile(r"[A-Z][0-9]+[.][0-9]+")
_SMALLEST: Final = {"num_detectors": 1, "detector_len": 1}
_LARGEST: Final = {"reverse_complement": 1, "has_avg_pooling": 1}


@dataclass(frozen=True, slots=True)
class Parameters:
    """A published model, as its file has it.

    Parameters
    ----------
    reverse_complement : bool
        Both strands are scored, and the better one counts.
    has_avg_pooling : bool
        Each detector gives its maximum and its average, in turn, instead of its maximum alone.
    detectors : ndarray of float32, shape (detector_len, 4, num_detectors)
        Rows A C G T/U.
    thresholds : ndarray of float32, shape (num_detectors,)
        Added to a detector's score before the ReLU.
    weights1 : ndarray of float32, shape (n_features, num_hidden or 1)
    biases1 : ndarray of float32, shape (num_hidden or 1,)
    weights2 : ndarray of float32, shape (num_hidden,)
    biases2 : ndarray of float32, shape (1,) or (0,)
        Both empty without a hidden layer.
    """

    reverse_complement: bool
    has_avg_pooling: bool
    detectors: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    weights1: NDArray[np.float32]
    biases1: NDArray[np.float32]
    weights2: NDArray[np.float32]
    biases2: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the table says of a model; empty where it says nothing."""

    protein: str = ""
    type: str = ""
    species: str = ""
    family: str = ""
    experiment: str = ""
    details: str = ""
    labels: str = ""


def read_parameters(path: str | PathLike[str]) -> Parameters:
    """Read the parameter file of a model.

    Raises
    ------
    InputError
        If it is of another version, or a value is missing, no number, or not as many as they must be.
    """
    lines, shown = _lines(path), shown_path(path)
    _check_header(lines, shown)
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or key not in (*NUMBERS, *ARRAYS):
            raise InputError(f"found {line[:30]!r}", shown, number, f"a line is KEY = VALUE with {_listed()}")
        if key in found:
            raise InputError(f"{key} is there a second time, first on line {found[key][0]}", shown, number)
        found[key] = (number, value)
    for key in (*NUMBERS, *ARRAYS):
        if key not in found:
            raise InputError(f"{key} is missing", shown, len(lines), "the file is truncated or no parameter file")
    sizes = {key: _whole_number(key, *found[key], shown) for key in NUMBERS}
    return _shape(sizes, {key: _numbers(key, *found[key], shown) for key in ARRAYS}, found, shown)


def read_index(path: str | PathLike[str]) -> dict[str, Entry]:
    """Read the table of models (``db.tsv``): what each id is of.

    Raises
    ------
    InputError
        If there is no column ID, a line has more columns than the header, or an id has two meanings.
    """
    shown = shown_path(path)
    entries: dict[str, Entry] = {}
    header: list[str] | None = None
    for number, line in enumerate(_lines(path), 1):
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if header is None:
            header = cells
            if "ID" not in header or "Protein" not in header:
                raise InputError("has no columns ID and Protein", shown, number, "the table of models is db.tsv")
            continue
        cells += [""] * (len(header) - len(cells))  # empty cells at the end may have been trimmed
        if len(cells) != len(header):
            raise InputError(f"{len(cells)} columns, but the header has {len(header)}", shown, number)
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        details = row.get("Experiment Details", "").strip("[]").replace("'", "")
        plain = {name.lower(): row.get(name, "") for name in ("Protein", "Type", "Species", "Family", "Experiment")}
        entry = Entry(**plain, details=details, labels=row.get("Labels", ""))
        if entries.setdefault(row["ID"], entry) != entry:
            raise InputError(f"{row['ID']} is there a second time, with other values", shown, number)
    if header is None:
        raise InputError("holds no table", shown, hint="the table of models is db.tsv")
    return entries


def read_ids(path: str | PathLike[str]) -> list[str]:
    """Read a list of ids: those in each line, or its first word; what follows a # is a comment."""
    lines = [line.partition("#")[0].split() for line in _lines(path)]
    ids = [word for words in lines for word in [each for each in words if _ID.fullmatch(each)] or words[:1]]
    if not ids:
        raise InputError("holds no ids", path)
    return ids


def _lines(path: str | PathLike[str]) -> list[str]:
    with open_input(path) as stream:
        content = stream.read()
    try:
        return [line.strip(" \r") for line in content.decode().split("\n")]
    except UnicodeDecodeError as error:
        raise InputError("is not text", shown_path(path), content[: error.start].count(b"\n") + 1) from error


def _listed() -> str:
    return ", ".join((*NUMBERS, *ARRAYS))


def _check_header(lines: list[str], shown: str) -> None:
    if lines[0] == HEADER:
        return
    version = re.fullmatch(r"#\s*deepbind\s+(\S+)", lines[0])
    if version:
        raise InputError(f"is of deepbind {version[1]}", shown, 1, "version 0.1 can be read")
    raise InputError(f"found {lines[0][:30]!r}, not {HEADER!r}", shown, 1, "is it a DeepBind parameter file?")


def _whole_number(key: str, line: int, value: str, shown: str) -> int:
    low, high = _SMALLEST.get(key, 0), _LARGEST.get(key, LONGEST)
    if not (value.isascii() and value.isdigit() and len(value) <= 6 and low <= int(value) <= high):
        raise InputError(f"{key} is {value[:30]!r}, not a whole number from {low} to {high}", shown, line)
    return int(value)


def _numbers(key: str, line: int, value: str, shown: str) -> NDArray[np.float32]:
    cells = value.split(",") if value else []
    numbers = np.empty(len(cells))
    for i, cell in enumerate(cells):
        try:
            numbers[i] = float(cell)
        except ValueError:
            raise InputError(f"value {i + 1} of {key} is {cell.strip()[:30]!r}, not a number", shown, line) from None
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(f"value {wrong[0] + 1} of {key} is {cells[wrong[0]].strip()}", shown, line)
    return values


def _shape(
    sizes: Mapping[str, int],
    arrays: Mapping[str, NDArray[np.float32]],
    found: Mapping[str, tuple[int, str]],
    shown: str,
) -> Parameters:
    """Give the arrays their shapes; refuse those that have not as many values as the sizes say."""
    n, length, hidden = sizes["num_detectors"], sizes["detector_len"], sizes["num_hidden"]
    features = n * (1 + sizes["has_avg_pooling"])
    shapes = {
        "detectors": (length, 4, n),
        "thresholds": (n,),
        "weights1": (features, hidden or 1),
        "biases1": (hidden or 1,),
        "weights2": (hidden,),
        "biases2": (1 if hidden else 0,),
    }
    for key, shape in shapes.items():
        wanted = int(np.prod(shape))
        if arrays[key].size != wanted:
            message = f"{key} has {arrays[key].size} values, not {' x '.join(map(str, shape))}"
            raise InputError(message, shown, found[key][0], f"the sizes above ask for {wanted}")
    shaped = {key: arrays[key].reshape(shape) for key, shape in shapes.items()}
    return Parameters(bool(sizes["reverse_complement"]), bool(sizes["has_avg_pooling"]), **shaped)


def find_files(folder: Path) -> tuple[dict[str, Path], Path | None]:
    """Find the parameter files in a folder, or in its ``params``, by id; and the table of models beside them."""
    holders = [folder / "params", folder] if (folder / "params").is_dir() else [folder]
    files = {path.name.removesuffix(".txt"): path for holder in holders for path in sorted(holder.glob("D*.txt"))}
    return files, find_index(folder)


def find_index(folder: Path) -> Path | None:
    """Find the table of models in a folder or the one above it."""
    return next((path for path in (folder / INDEX_NAME, folder.parent / INDEX_NAME) if path.is_file()), None)

"""What a report shows of a folder that `mutate` wrote: maps of the sequences with the highest scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from seqcnn.errors import InputError
from seqcnn.report.svg_letters import mutation_map
from seqcnn.sequence.alphabet import decode

MOST: Final = 10
"""Sequences of which maps are shown."""

LONGEST: Final = 500
"""Longer sequences are shown about their largest change."""

PER_ROW: Final = 101

_SAID: Final = {
    "difference": "change of the score",
    "deepbind": "change of the score",
    "log-odds": "change of the log-odds",
    "response": "change of the prediction",
}


@dataclass(frozen=True, slots=True)
class Map:
    """The maps of a sequence, a row of at most 101 bases each.

    Parameters
    ----------
    name, place : str
    score, most : float
        The sequence's score; the largest change by any substitution.
    cut : str
        What part of the sequence is shown, if not all.
    rows : list of str
        SVG.
    """

    name: str
    place: str
    score: float
    most: float
    cut: str
    rows: list[str]


@dataclass(frozen=True, slots=True)
class Mutations:
    """Maps of the sequences with the highest scores.

    Parameters
    ----------
    folder : str
    maps : list of Map
    n : int
        Sequences that were mutated.
    target : str
        Whose score it is, where there are several; else empty.
    others : int
        Further targets, which are not shown.
    change : str
        What is shown.
    without_arrays : bool
        The folder holds no arrays to draw maps of.
    """

    folder: str
    maps: list[Map]
    n: int
    target: str
    others: int
    change: str
    without_arrays: bool = False


def read_mutations(folder: Path) -> Mutations:
    """Read mutations.h5 or mutations.npz.

    Raises
    ------
    InputError
        If the folder is not one that mutate has written, or a file is damaged.
    """
    if not (folder / "sequences.tsv").is_file():
        raise InputError("holds no sequences.tsv: is no folder that mutate has written", folder)
    found = [path for path in (folder / "mutations.h5", folder / "mutations.npz") if path.is_file()]
    if not found:
        with open(folder / "sequences.tsv", encoding="utf-8") as file:
            n = sum(1 for _ in file) - 1
        return Mutations(str(folder), [], n, "", 0, "", without_arrays=True)
    try:
        with _opened(found[0]) as arrays:
            return _read(arrays, folder)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"is damaged ({error})", found[0]) from error


def _read(arrays: Any, folder: Path) -> Mutations:
    about = arrays.attrs
    targets = [_text(name) for name in about["target_names"]]
    alphabet = _text(about["alphabet"])
    reference = np.asarray(arrays["reference"][:], np.float64)
    first = reference if reference.ndim == 1 else reference[:, 0]
    lengths = np.asarray(arrays["lengths"][:])
    ranked = np.argsort(-np.where(np.isnan(first) | (lengths == 0), -np.inf, first), kind="stable")[:MOST]
    maps = []
    for row in ranked.tolist():
        length = int(lengths[row])
        if length:
            delta = np.asarray(arrays["delta"][row], np.float64)
            change = (delta if delta.ndim == 2 else delta[0])[:, :length]
            letters = decode(np.asarray(arrays["codes"][row][:length], np.uint8), alphabet)
            maps.append(_map(_text(arrays["names"][row]), _place(arrays, row), letters, change, first[row], alphabet))
    several = len(targets) > 1
    change_said = _SAID.get(_text(about["score"]), "change")
    return Mutations(str(folder), maps, len(first), targets[0] if several else "", len(targets) - 1, change_said)


def _map(name: str, place: str, letters: str, change: Any, score: float, alphabet: str) -> Map:
    length, start, cut = len(letters), 0, ""
    most = float(np.nanmax(np.abs(change), initial=0))
    if length > LONGEST:
        peak = int(np.nanargmax(np.abs(change).max(0)))
        start = min(max(0, peak - LONGEST // 2), length - LONGEST)
        cut = f"bases {start:,} to {start + LONGEST:,} of {length:,}, where the largest change is"
    end = min(length, start + LONGEST)
    n_rows = -(-(end - start) // PER_ROW)
    per_row = -(-(end - start) // n_rows)
    rows = [
        mutation_map(letters[a:b], change[:, a:b], alphabet=alphabet, first=a, most=most or None)
        for a, b in ((a, min(a + per_row, end)) for a in range(start, end, per_row))
    ]
    return Map(name, place, float(score), most, cut, rows)


def _place(arrays: Any, row: int) -> str:
    if "chrom" not in arrays:
        return ""
    chrom = _text(arrays["chrom"][row])
    if not chrom:
        return ""
    strand = _text(arrays["strand"][row])
    place = f"{chrom}:{max(0, int(arrays['start'][row])):,}–{int(arrays['end'][row]):,}"
    return f"{place}, minus strand" if strand == "-" else place


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class _Npz:
    """Arrays of an NPZ file that can be read as those of HDF5."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = self.attrs = arrays

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            yield _Npz(dict(file))
    else:
        import h5py

        with h5py.File(path, "r") as opened:
            yield opened

"""TRANSFAC matrices: two-letter keys, a `P0` table with a row a position, and `//` after each motif.

https://meme-suite.org/meme/doc/transfac-format.html
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcnn.errors import InputError
from seqcnn.formats.matrix_text import from_columns, parse_numbers, written_counts
from seqcnn.formats.motif import Motif
from seqcnn.sequence.alphabet import LETTERS


def parse(lines: Sequence[str], path: str) -> list[Motif]:
    """Read the motifs of a TRANSFAC file; the name is AC, else ID, the alternate name NA, else ID.

    Parameters
    ----------
    lines : sequence of str
        All of the file.
    path : str
        For messages.

    Returns
    -------
    list of Motif
        With counts, unless the rows are probabilities.

    Raises
    ------
    InputError
        With the line.
    """
    motifs: list[Motif] = []
    names: dict[str, str] = {}
    matrix: Motif | None = None
    number = 0
    while number < len(lines):
        number += 1
        key, value = [*lines[number - 1].split(None, 1), "", ""][:2]
        if key in ("P0", "PO"):
            if matrix is not None:
                raise InputError("a second matrix before the // that ends the first motif", path, number)
            matrix, number = _matrix(names, lines, number, path)
        elif key == "//":
            if matrix is not None:
                motifs.append(matrix)
            elif names.keys() & {"AC", "ID", "NA"}:
                raise InputError(f"motif {_name(names)!r} has no P0 table", path, number)
            names, matrix = {}, None
        elif value:
            names.setdefault(key, value.strip())
    if matrix is not None:
        motifs.append(matrix)
    return motifs


def _name(names: dict[str, str]) -> str:
    return names.get("AC") or names.get("ID") or names.get("NA") or "motif"


def _matrix(names: dict[str, str], lines: Sequence[str], number: int, path: str) -> tuple[Motif, int]:
    """Read the rows below the P0 line `number`; return the motif and the last line of the table."""
    letters = "".join(lines[number - 1].split()[1:5]).upper()
    alphabets = [name for name, of in LETTERS.items() if sorted(of[:4]) == sorted(letters)]
    if not alphabets:
        raise InputError(f"a P0 line for the letters {letters!r}, not A C G T or A C G U", path, number)
    order = [letters.index(letter) for letter in LETTERS[alphabets[0]][:4]]
    rows: list[list[float]] = []
    while number < len(lines):
        words = lines[number].split()
        if not words or not words[0].isdigit():
            break
        number += 1
        values = parse_numbers(words[1:5], path, number)
        if len(values) != 4:
            raise InputError(f"position {words[0]} has {len(values)} numbers, not 4", path, number)
        rows.append([values[i] for i in order])
    if not rows:
        raise InputError(f"the P0 table of motif {_name(names)!r} has no rows", path, number)
    name = _name(names)
    alternate = next((names[key] for key in ("NA", "ID") if names.get(key, name) != name), "")
    at = range(number - len(rows) + 1, number + 1)
    table = np.array(rows).T
    return from_columns(name, table, path, at, alternate=alternate, alphabet=alphabets[0]), number


def render(motifs: Sequence[Motif]) -> str:
    """Return a TRANSFAC file of counts; of probabilities where no counts are known."""
    parts = []
    for motif in motifs:
        parts += [f"AC  {motif.name}", "XX", f"ID  {motif.name}", "XX"]
        if motif.alternate:
            parts += [f"NA  {motif.alternate}", "XX"]
        parts.append("P0  " + " ".join(f"{letter:>8}" for letter in LETTERS[motif.alphabet][:4]))
        for place, (row, letter) in enumerate(zip(written_counts(motif), motif.consensus(), strict=True), 1):
            parts.append(f"{place:02d}  " + " ".join(f"{value:>8}" for value in row) + f"  {letter}")
        parts += ["XX", "//"]
    return "\n".join(parts) + "\n"

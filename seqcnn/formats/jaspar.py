"""JASPAR matrices (https://jaspar.elixir.no/docs/): a `>` line with accession and name, then four rows of counts.

Rows may begin with their letter and stand in brackets, or be numbers alone in the order A C G T.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.matrix_text import from_columns, parse_numbers, written_counts
from seqcnn.formats.motif import Motif
from seqcnn.sequence.alphabet import LETTERS

_PUNCTUATION: Final = re.compile(r"[\[\]|:]")


def parse(lines: Sequence[str], path: str) -> list[Motif]:
    """Read the motifs of a JASPAR file.

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
    motifs = []
    solid = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    headers = [i for i, (_, line) in enumerate(solid) if line.startswith(">")]
    if solid and headers[:1] != [0]:
        raise InputError("a matrix without a line '>accession name' before it", path, solid[0][0])
    for begin, end in zip(headers, [*headers[1:], len(solid)], strict=True):
        number, header = solid[begin]
        names = header[1:].split(None, 1)
        if not names:
            raise InputError("'>' without a name", path, number)
        table, alphabet, at = _table(solid[begin + 1 : end], names[0], path, number)
        alternate = names[1].strip() if len(names) > 1 else ""
        motifs.append(from_columns(names[0], table, path, at, alternate=alternate, alphabet=alphabet))
    return motifs


def _table(
    rows: list[tuple[int, str]], name: str, path: str, header: int
) -> tuple[NDArray[np.float64], str, list[int]]:
    """Return the four rows in the order A C G T/U, the alphabet, and the line where the positions begin."""
    if len(rows) != 4:
        at = rows[-1][0] if rows else header
        raise InputError(f"motif {name!r} has {len(rows)} rows, not four (A C G T)", path, at)
    letters = ""
    values: list[list[float]] = []
    for number, line in rows:
        words = _PUNCTUATION.sub(" ", line).split()
        if words and words[0].upper() in ("A", "C", "G", "T", "U"):
            letters += words.pop(0).upper()
        numbers = parse_numbers(words, path, number)
        if not numbers or (values and len(numbers) != len(values[0])):
            wanted = f", not {len(values[0])} as the row before" if values else ""
            raise InputError(f"a row of {len(numbers)} numbers{wanted}", path, number)
        values.append(numbers)
    alphabet = "rna" if "U" in letters else "dna"
    wanted = LETTERS[alphabet][:4]
    if letters and sorted(letters) != sorted(wanted):
        raise InputError(f"the rows of motif {name!r} are named {letters!r}, not {wanted!r}", path, rows[0][0])
    order = [letters.index(letter) for letter in wanted] if letters else [0, 1, 2, 3]
    return np.array([values[i] for i in order]), alphabet, [rows[0][0]] * len(values[0])


def render(motifs: Sequence[Motif]) -> str:
    """Return a JASPAR file of counts; of probabilities where no counts are known."""
    parts = []
    for motif in motifs:
        parts.append(f">{'_'.join(motif.name.split())}" + (f"\t{motif.alternate}" if motif.alternate else ""))
        columns = zip(*written_counts(motif), strict=True)
        for letter, row in zip(LETTERS[motif.alphabet][:4], columns, strict=True):
            parts.append(f"{letter}  [ {' '.join(row)} ]")
    return "\n".join(parts) + "\n"

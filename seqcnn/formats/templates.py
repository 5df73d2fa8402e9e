"""FASTA whose letters say more than their base: ambiguity letters, what may stand there; lower case, what is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.motif import IUPAC

_CHOICES: Final = {letter: number for number, letter in enumerate(IUPAC) if number} | {"U": 8, "X": 15}
"""Which bases a letter stands for: A 1, C 2, G 4, T/U 8, and their sums."""


@dataclass(frozen=True, slots=True)
class Template:
    """One record.

    Parameters
    ----------
    name : str
        First word of the header.
    choices : ndarray of bool, shape (length, 4)
        Which of A C G T/U the letter stands for.
    lower : ndarray of bool, shape (length,)
        Whether it is in lower case.
    """

    name: str
    choices: NDArray[np.bool_]
    lower: NDArray[np.bool_]


def read_templates(stream: BinaryIO, path: str) -> list[Template]:
    """Read all records.

    Raises
    ------
    InputError
        If the file is not FASTA, a letter is no nucleotide letter, a record has no letter, or two have one name.
    """
    found: list[tuple[str, int, list[str]]] = []
    for number, raw in enumerate(stream, 1):
        text = raw.decode("utf-8", "replace").strip()
        if text.startswith(">"):
            words = text[1:].split(maxsplit=1)
            found.append((words[0] if words else f"row_{len(found) + 1}", number, []))
        elif text and not found:
            hint = "a record starts with a line that begins with '>'"
            raise InputError(f"FASTA without a header: found {text[:20]!r}", path, number, hint)
        elif text:
            letters = "".join(text.split())
            wrong = [letter for letter in letters if letter.upper() not in _CHOICES]
            if wrong:
                raise InputError(f"{wrong[0]!r} is not a nucleotide letter", path, number)
            found[-1][2].append(letters)
    if not found:
        raise InputError("holds no sequences", path)
    seen: set[str] = set()
    for name, number, lines in found:
        if not lines:
            raise InputError(f"{name} has no letter", path, number)
        if name in seen:
            raise InputError(f"two sequences are called {name!r}", path, number)
        seen.add(name)
    return [_template(name, "".join(lines)) for name, _, lines in found]


def _template(name: str, letters: str) -> Template:
    numbers = np.array([_CHOICES[letter.upper()] for letter in letters])
    lower = np.array([letter.islower() for letter in letters])
    return Template(name, (numbers[:, None] >> np.arange(4)) % 2 == 1, lower)

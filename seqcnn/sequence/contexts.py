"""Structural contexts of RNA, and bases in their contexts: still one byte a base.

A base in a context is the number ``base + 5 * context``: bases are 0 to 4 (A C G U N), contexts 0 (not known) to 6, in
the order of :data:`CONTEXTS`. So a base whose context is not known is its plain code, and what fills up short sequences
is an N as ever.

Contexts are the loops of a nested secondary structure. Every unpaired base is in exactly one: outside of all pairs (E),
or in the loop that the nearest pair around it closes: a hairpin (H) if that holds no other pair, a bulge (B) or an
internal loop (I) if it holds one, with unpaired bases on one side of it or on both, a multiloop (M) if it holds more.
A paired base is in a stem (S).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.shuffle import dinucleotide_shuffle

CONTEXTS: Final = "EHBIMS"
"""External, hairpin, bulge, internal loop, multiloop, stem: contexts 1 to 6."""

NAMES: Final = ("external", "hairpin", "bulge", "internal", "multiloop", "stem")

N_CONTEXTS: Final = len(CONTEXTS)
N_BASES: Final = N_CODE + 1

_EXTERNAL, _HAIRPIN, _BULGE, _INTERNAL, _MULTI, _STEM = range(1, N_CONTEXTS + 1)

SYNONYMS: Final = {"F": "E", "T": "E", "X": "E", "P": "S"}
"""Letters of other programs: dangling 5' and 3' ends (forgi), external (bpRNA), paired (RNAcontext)."""


def _letter_table() -> bytes:
    table = bytearray(256)
    for number, letter in enumerate(CONTEXTS, start=1):
        for each in (letter, *(other for other, same in SYNONYMS.items() if same == letter)):
            table[ord(each)] = table[ord(each.lower())] = number
    return bytes(table)


_OF_LETTER: Final = _letter_table()


def contexts_of_letters(letters: str) -> NDArray[np.uint8]:
    """Turn letters of contexts, in either case, into their numbers, shape (length,).

    Raises
    ------
    ValueError
        If a letter is none of :data:`CONTEXTS` and :data:`SYNONYMS`.
    """
    found = np.frombuffer(letters.encode("latin-1", "replace").translate(_OF_LETTER), dtype=np.uint8)
    if not found.all():
        at = int((found == 0).argmax())
        raise ValueError(f"{letters[at]!r} at position {at + 1} is no structural context")
    return found


def contexts_of_pairs(brackets: str) -> NDArray[np.uint8]:
    """Return the context of each base of a nested structure.

    Parameters
    ----------
    brackets : str
        Dot-bracket: ``(`` and ``)`` for the two bases of a pair, ``.`` for an unpaired one.

    Returns
    -------
    ndarray of uint8, shape (length,)
        1 to 6, as in :data:`CONTEXTS`.

    Raises
    ------
    ValueError
        If a bracket has no partner, or there is another character.
    """
    out = bytearray([_STEM]) * len(brackets)
    loops = [_Loop()]  # those that are open, the outermost first
    for at, character in enumerate(brackets):
        if character == ".":
            loops[-1].unpaired.append(at)
        elif character == "(":
            loops[-1].branch()
            loops.append(_Loop(at))
        elif character == ")" and len(loops) > 1:
            loop = loops.pop()
            for each in loop.unpaired:
                out[each] = loop.kind()
        else:
            wrong = "closes nothing" if character == ")" else "is none of ( ) ."
            raise ValueError(f"{character!r} at position {at + 1} {wrong}")
    if len(loops) > 1:
        raise ValueError(f"'(' at position {loops[-1].opened + 1} is not closed")
    for each in loops[0].unpaired:
        out[each] = _EXTERNAL
    return np.frombuffer(out, dtype=np.uint8)


@dataclass(slots=True)
class _Loop:
    """What a pair closes: unpaired bases, and other pairs that branch off."""

    opened: int = -1
    unpaired: list[int] = field(default_factory=list)
    branches: int = 0
    before: int = 0
    """Unpaired bases before the first branch."""

    def branch(self) -> None:
        """Take a pair that branches off here."""
        if not self.branches:
            self.before = len(self.unpaired)
        self.branches += 1

    def kind(self) -> int:
        """Return the context of the unpaired bases."""
        if self.branches == 1:
            return _BULGE if self.before in (0, len(self.unpaired)) else _INTERNAL
        return _MULTI if self.branches else _HAIRPIN


def in_context(codes: NDArray[np.uint8], contexts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return bases in their contexts; both arrays of one shape."""
    joined: NDArray[np.uint8] = codes + np.uint8(N_BASES) * contexts
    return joined


def bases(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return bases without their contexts, 0 to 4."""
    alone: NDArray[np.uint8] = codes % np.uint8(N_BASES)
    return alone


def contexts(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the contexts of bases, 0 to 6."""
    found: NDArray[np.uint8] = codes // np.uint8(N_BASES)
    return found


def has_contexts(sequences: Ragged) -> bool:
    """Say whether the context of any base is known."""
    return bool(sequences.data.max(initial=0) > N_CODE)


def bases_of(sequences: Ragged) -> Ragged:
    """Return sequences without contexts; the same where they have none."""
    return Ragged(bases(sequences.data), sequences.offsets) if has_contexts(sequences) else sequences


def shuffled_in_place(sequences: Ragged, seed: int, round: int = 0) -> Ragged:
    """Shuffle the bases, dinucleotides kept, under the structure that is there: every place keeps its context.

    Parameters are those of :func:`seqcnn.sequence.shuffle.dinucleotide_shuffle`.
    """
    if not has_contexts(sequences):
        return dinucleotide_shuffle(sequences, seed, round=round)
    shuffled = dinucleotide_shuffle(bases_of(sequences), seed, round=round)
    return Ragged(in_context(shuffled.data, contexts(sequences.data)), sequences.offsets)


def consensus(shares: NDArray[np.floating[Any]]) -> str:
    """Return the letter of the context that has more than half at each position, else ``.``; shares (6, width)."""
    best = shares.argmax(0).tolist()
    return "".join(CONTEXTS[i] if share > 0.5 else "." for i, share in zip(best, shares.max(0).tolist(), strict=True))

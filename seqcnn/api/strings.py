"""Sequences as they are typed, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.sequence import alphabet as letters
from seqcnn.sequence import shuffle
from seqcnn.sequence.ragged import Ragged, encode_all, from_text


def encode(sequences: Sequence[str]) -> Ragged:
    """Encode sequences; one string would be read as sequences of one letter each, a table as its columns' names."""
    if isinstance(sequences, str):
        raise TypeError("sequences is one string; give a list of strings")
    if hasattr(sequences, "columns"):
        raise TypeError("sequences is a table; give its column of sequences")
    rows = list(sequences)
    wrong = next((i for i, row in enumerate(rows) if not isinstance(row, str | bytes)), None)
    if wrong is not None:
        raise TypeError(f"sequence {wrong + 1} is {rows[wrong]!r}, not a string")
    return encode_all(rows)


def refuse_u(sequences: Sequence[str | bytes]) -> None:
    """Raise ValueError for U where nobody said whether sequences are RNA, or DNA with U for T."""
    for i, row in enumerate(sequences):
        text = row.decode("ascii", "replace") if isinstance(row, bytes) else row
        if "U" in text or "u" in text:
            raise ValueError(f"sequence {i + 1} holds U: say alphabet='rna', or alphabet='dna' to read U as T")


def as_examples(
    codes: Ragged, targets: NDArray[np.float32] | None = None, weights: NDArray[np.float32] | None = None
) -> Examples:
    """Return sequences as examples, numbered from 1.

    Raises
    ------
    ValueError
        If there are none, or one is empty.
    """
    if not len(codes) or not codes.lengths.all():
        raise ValueError(f"sequence {codes.lengths.argmin() + 1} is empty" if len(codes) else "there are no sequences")
    names = from_text(f"row_{i + 1}" for i in range(len(codes)))
    return Examples(codes, names, targets, np.full(len(codes), Origin.GIVEN, dtype=np.uint8), weights=weights)


def one_hot(sequence: str, n_value: float = 0.25) -> NDArray[np.float32]:
    """Return a sequence as one-hot, shape (4, length), rows A C G T/U; see :func:`seqcnn.sequence.alphabet.one_hot`."""
    return letters.one_hot(letters.encode(sequence), n_value)


def dinucleotide_shuffle(sequences: Sequence[str], seed: int = 0) -> list[str]:
    """Shuffle sequences, keeping their dinucleotides; see :func:`seqcnn.sequence.shuffle.dinucleotide_shuffle`."""
    return shuffle.shuffle_strings(sequences, seed)

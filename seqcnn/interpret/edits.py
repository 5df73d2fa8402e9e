"""Edits of sequences: one stretch of a sequence replaced by other letters, which may be more, fewer or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.ragged import Ragged, offsets_of


@dataclass(frozen=True, slots=True)
class Edits:
    """What is replaced by what, one edit a row. Several may be of one sequence; each is made in the original.

    Parameters
    ----------
    sequence : ndarray of int64, shape (m,)
        Row of the sequence that is edited.
    start, stop : ndarray of int64, shape (m,)
        Bases ``start`` up to, not including, ``stop`` go (0-based); none do where both are equal, an insertion.
    replacement : Ragged
        Codes that take their place, one row an edit; an empty row is a deletion.
    """

    sequence: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    replacement: Ragged

    def __len__(self) -> int:
        return len(self.sequence)

    def take(self, rows: NDArray[Any]) -> Edits:
        """Return these edits (indices or mask), in that order."""
        return Edits(self.sequence[rows], self.start[rows], self.stop[rows], self.replacement.take(rows))

    def check(self, lengths: NDArray[np.int64]) -> None:
        """Raise ValueError if an edit does not lie within its sequence."""
        there = (self.sequence >= 0) & (self.sequence < len(lengths))
        of_its = lengths[np.where(there, self.sequence, 0)] if len(lengths) else np.zeros(len(self), dtype=np.int64)
        bad = np.flatnonzero(~there | (self.start < 0) | (self.stop < self.start) | (self.stop > of_its))
        if len(bad):
            i = bad[0]
            raise ValueError(
                f"edit {i + 1} replaces bases {self.start[i]} to {self.stop[i]} of sequence {self.sequence[i]}, "
                "which has no such bases"
            )


def apply(sequences: Ragged, edits: Edits) -> Ragged:
    """Return the edited sequences, one row an edit."""
    first, last = sequences.offsets[:-1][edits.sequence], sequences.offsets[1:][edits.sequence]
    letters = np.concatenate([sequences.data, edits.replacement.data])
    begin = np.stack(
        [first, len(sequences.data) + edits.replacement.offsets[:-1], first + edits.stop],
        axis=1,
    )
    size = np.stack([edits.start, edits.replacement.lengths, last - first - edits.stop], axis=1)
    piece = offsets_of(size.reshape(-1))
    data = letters[np.arange(piece[-1]) + np.repeat(begin.reshape(-1) - piece[:-1], size.reshape(-1))]
    return Ragged(data, offsets_of(size.sum(1)))


def deletions(lengths: NDArray[np.int64]) -> Edits:
    """Return the deletion of every single base: those of the first sequence in order, then of the next."""
    start = _counts(lengths)
    n = len(start)
    nothing = Ragged(np.zeros(0, dtype=np.uint8), np.zeros(n + 1, dtype=np.int64))
    return Edits(np.repeat(np.arange(len(lengths)), lengths), start, start + 1, nothing)


def insertions(lengths: NDArray[np.int64], letters: NDArray[np.uint8]) -> Edits:
    """Return the insertion of these codes before every base and after the last: ``length + 1`` a sequence."""
    start = _counts(lengths + 1)
    n = len(start)
    same = Ragged(np.tile(letters, n), np.arange(n + 1, dtype=np.int64) * len(letters))
    return Edits(np.repeat(np.arange(len(lengths)), lengths + 1), start, start, same)


def single_bases(sequence: NDArray[np.int64], position: NDArray[np.int64], code: NDArray[np.uint8]) -> Edits:
    """Return the replacement of single bases by these codes."""
    return Edits(sequence, position, position + 1, Ragged(code, np.arange(len(code) + 1, dtype=np.int64)))


def _counts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, ... up to each length, end to end."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)

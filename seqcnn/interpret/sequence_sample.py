"""A sample of a stream of sequences: the same ones in whatever blocks they come."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.counter import random_uint64
from seqcnn.sequence.ragged import Ragged, concatenate

MOST_LETTERS: Final = 1 << 20
"""Letters that a sample holds at most, unless one sequence has more."""


class SequenceSample:
    """Keeps some of the sequences it is given, each with the same chance.

    Parameters
    ----------
    size : int
        Sequences to keep.
    seed : int
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._seed, self._seen = size, seed, 0
        self._keys = np.zeros(0, dtype=np.uint64)
        self._kept = concatenate([])

    def add(self, sequences: Ragged) -> None:
        """Take the next sequences."""
        index = np.arange(self._seen, self._seen + len(sequences))
        self._seen += len(sequences)
        keys = random_uint64(self._seed, index, 0)
        if len(self._keys) == self._size:
            sequences, keys = sequences.take(keys < self._keys.max()), keys[keys < self._keys.max()]
        every = np.concatenate([self._keys, keys])
        order = np.argsort(every)[: self._size]
        joined = concatenate([self._kept, sequences]).take(order)
        n: NDArray[np.int64] = joined.offsets[1:]
        fits = max(1, int(np.searchsorted(n, MOST_LETTERS, side="right"))) if len(n) else 0
        self._kept, self._keys = joined.slice(0, fits), every[order][:fits]
        if fits < len(order):
            self._size = fits

    @property
    def sequences(self) -> Ragged:
        """What is kept."""
        return self._kept

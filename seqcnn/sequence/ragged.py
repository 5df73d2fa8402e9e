"""Many byte strings of different lengths in one array: sequences as codes, names as UTF-8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.alphabet import N_CODE, decode, encode

_TAKEN_AT_ONCE: Final = 8192  # rows; their index is eight times their size


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of bytes, end to end.

    Parameters
    ----------
    data : ndarray of uint8, shape (total,)
        Row i is ``data[offsets[i]:offsets[i + 1]]``.
    offsets : ndarray of int64, shape (n + 1,)
        Non-decreasing; the first is 0, the last is ``len(data)``.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        i = range(len(self))[i]  # negative from the end; IndexError beyond
        return self.data[self.offsets[i] : self.offsets[i + 1]]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        bounds = self.offsets.tolist()
        for start, stop in pairwise(bounds):
            yield self.data[start:stop]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each row, shape (n,)."""
        return np.diff(self.offsets)

    def slice(self, start: int, stop: int) -> Ragged:
        """Rows `start` to `stop`, bounds as in a Python slice, without copying the data."""
        start, stop, _ = slice(start, stop).indices(len(self))
        stop = max(start, stop)
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.data[offsets[0] : offsets[-1]], offsets - offsets[0])

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Ragged:
        """Return the rows at these indices (or where the mask is true), in that order."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        every = self.lengths
        lengths = every[rows]
        offsets = offsets_of(lengths)
        if len(every) and every.min() == every.max():
            return Ragged(self.data.reshape(len(self), -1)[rows].reshape(-1), offsets)
        shift = self.offsets[:-1][rows] - offsets[:-1]
        data = np.empty(offsets[-1], dtype=np.uint8)
        for first in range(0, len(rows), _TAKEN_AT_ONCE):
            block = slice(first, first + _TAKEN_AT_ONCE)
            start, stop = offsets[first], offsets[min(first + _TAKEN_AT_ONCE, len(rows))]
            data[start:stop] = self.data[np.arange(start, stop) + np.repeat(shift[block], lengths[block])]
        return Ragged(data, offsets)

    def padded(self, width: int | None = None, fill: int = N_CODE) -> NDArray[np.uint8]:
        """Return the rows as one rectangle, short rows filled up at their end with `fill`.

        Parameters
        ----------
        width : int, optional
            Width of the rectangle; the longest row's by default.
        fill : int

        Returns
        -------
        ndarray of uint8, shape (n, width)
            A view of the data where every row has that width: not to be written to.

        Raises
        ------
        ValueError
            If a row is longer than `width`.
        """
        lengths = self.lengths
        longest = int(lengths.max(initial=0))
        width = longest if width is None else width
        if longest > width:
            raise ValueError(f"a row of {longest} does not fit a width of {width}")
        if len(lengths) and longest == width and lengths.min() == width:
            return self.data[: len(self) * width].reshape(len(self), width)
        out = np.full((len(self), width), fill, dtype=np.uint8)
        out[np.arange(width) < lengths[:, None]] = self.data
        return out

    def decode(self) -> list[str]:
        """Return the rows as text, for names."""
        blob = self.data.tobytes()
        bounds = self.offsets.tolist()
        return [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(bounds)]


def offsets_of(lengths: NDArray[np.integer] | Sequence[int]) -> NDArray[np.int64]:
    """Return the offsets, shape (n + 1,), of rows with these lengths."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def from_rows(rows: Iterable[bytes | NDArray[np.uint8]]) -> Ragged:
    """Join rows of bytes."""
    parts = [bytes(row) if isinstance(row, bytes) else row.tobytes() for row in rows]
    data = np.frombuffer(bytearray(b"".join(parts)), dtype=np.uint8)
    return Ragged(data, offsets_of([len(part) for part in parts]))


def from_text(rows: Iterable[str]) -> Ragged:
    """Join names as UTF-8."""
    return from_rows(row.encode() for row in rows)


def encode_all(sequences: Iterable[str]) -> Ragged:
    """Encode strings of DNA or RNA; see :func:`seqcnn.sequence.alphabet.encode`."""
    return from_rows(encode(sequence) for sequence in sequences)


def decode_all(sequences: Ragged, alphabet: str = "dna") -> list[str]:
    """Turn rows of codes into strings."""
    text = decode(sequences.data, alphabet)
    bounds = sequences.offsets.tolist()
    return [text[a:b] for a, b in pairwise(bounds)]


def concatenate(parts: Sequence[Ragged]) -> Ragged:
    """Put the rows of several arrays one after another."""
    if not parts:
        return Ragged(np.zeros(0, dtype=np.uint8), np.zeros(1, dtype=np.int64))
    return Ragged(np.concatenate([p.data for p in parts]), offsets_of(np.concatenate([p.lengths for p in parts])))

"""Where the fields of tab-separated text lie, so that a column is read as an array and not line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.ragged import Ragged, offsets_of

_LINE_FEED: Final = ord("\n")
_TAB: Final = ord("\t")
_WIDEST: Final = 1 << 28


@dataclass(frozen=True, slots=True)
class Fields:
    """Where each field is: field j of line i is ``data[begin[i, j] : end[i, j]]``."""

    data: NDArray[np.uint8]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.begin.shape[1])

    def column(self, j: int) -> Ragged:
        """The fields of a column, as bytes."""
        return gather(self.data, self.begin[:, j], self.end[:, j])

    def fixed(self, j: int) -> NDArray[np.bytes_]:
        """The fields of a column, as numpy bytes of one width; ValueError where that would take too much memory."""
        column = self.column(j)
        width = max(1, int(column.lengths.max()))
        if width * len(column) > _WIDEST:
            raise ValueError("a field is too long")
        return np.ascontiguousarray(column.padded(width, fill=0)).view(f"S{width}")[:, 0]

    def integers(self, j: int) -> NDArray[np.int64]:
        """Read a column of whole numbers, of at most 18 digits; ValueError where there is another thing."""
        begin, end = self.begin[:, j], self.end[:, j]
        negative = self.data[begin] == ord("-")
        begin = begin + negative
        if (end - begin).min() < 1 or (end - begin).max() > 18:
            raise ValueError("not a whole number")
        total = np.zeros(len(begin), dtype=np.int64)
        for place in range(int((end - begin).max())):
            at = end - 1 - place
            digit = self.data[at].astype(np.int64) - ord("0")
            within = at >= begin
            if ((digit < 0) | (digit > 9))[within].any():
                raise ValueError("not a whole number")
            total += np.where(within, digit, 0) * 10**place
        return np.where(negative, -total, total)


def gather(data: NDArray[np.uint8], begin: NDArray[np.int64], end: NDArray[np.int64]) -> Ragged:
    """Copy out ``data[begin[i]:end[i]]`` for every i."""
    lengths = end - begin
    offsets = offsets_of(lengths)
    return Ragged(data[np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], lengths)], offsets)


def find_fields(text: bytes) -> Fields:
    """Find the fields of lines that have equally many tabs and all end in a line feed.

    Raises
    ------
    ValueError
        If a line has another number of tabs than the first, or there are fewer than three columns.
    """
    data = np.frombuffer(text, dtype=np.uint8)
    stops = np.flatnonzero((data == _TAB) | (data == _LINE_FEED))
    width = text[: text.index(b"\n")].count(b"\t") + 1
    if width < 3 or len(stops) % width:
        raise ValueError("columns")
    end = stops.reshape(-1, width)
    kind = data[end] == _LINE_FEED
    if kind[:, :-1].any() or not kind[:, -1].all():
        raise ValueError("columns")
    begin = np.append(0, stops[:-1] + 1).reshape(end.shape)
    return Fields(data, begin, end)

"""Detectors that hang over the ends of windows: where they may win there, and what they score.

For every start of a detector the best sum of its first or last columns is bounded by tables of five-letter words in
single bytes, each rounded up. Only where that bound exceeds the least maximum of the windows concerned are the sums
themselves looked up, a few columns at a time, and the maxima raised. The result is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.models.window_scan import Columns

BOUND_WORD: Final = 5
SUM_WORD: Final = 3
"""Bases per table row, for the bounds and for the sums."""

BLOCK: Final = 8
"""Windows whose least maximum stands for each of them when bounds are held against it."""

BLOCKS_AT_ONCE: Final = 1 << 12
"""Blocks whose bounds are found at a time: what this goes through stays in the cache."""

LOWEST: Final = -60
"""What lower bytes are raised to, so that no sum of two leaves a byte."""


class Place(NamedTuple):
    """How long the padded arrays are, whose rows are the starts of windows, or of detectors."""

    n_blocks: int
    reach: int
    """Blocks that hold all windows which a detector hanging over their end, from a start in one block, concerns."""

    @property
    def n(self) -> int:
        """Rows of starts."""
        return self.n_blocks * BLOCK


Candidates = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Flat indices of (start, detector): of those that hang over the left end of windows, and over the right end."""


class Bounds:
    """For every start of a detector an upper bound of the sums of its first columns, and of its last ones."""

    def __init__(self, columns: Columns) -> None:
        self.start = columns.start
        totals, firsts, lasts = zip(*_partial_sums(columns), strict=True)
        largest = np.maximum(_largest(firsts[::-1], totals[::-1]), _largest(lasts, totals))
        # Each of the rounded bytes in a sum may be 1 too large.
        self.scale = ((126 - len(totals)) / np.maximum(largest, 1e-6)).astype(np.float32)
        self.totals, self.firsts, self.lasts = (list(map(self._to_bytes, part)) for part in (totals, firsts, lasts))

    def _to_bytes(self, sums: NDArray[np.float64]) -> NDArray[np.int8]:
        rounded: NDArray[np.int8] = np.clip(np.ceil(sums * self.scale + 1e-4), LOWEST, 127).astype(np.int8)
        return rounded

    def find(self, padded: NDArray[np.uint8], place: Place, length: int, least: NDArray[np.float32]) -> Candidates:
        """Return where the bound exceeds the least maximum concerned, shape (n_blocks, width).

        Detectors that hang over the left end of windows have their last columns inside. Those that hang over the right
        end start `length` bases further.
        """
        words = to_words(padded, BOUND_WORD).astype(np.intp)
        needed = np.clip(np.floor((least - self.start) * self.scale), -128, 127).astype(np.int8)
        width = least.shape[1]
        left, right = [], []
        for first in range(0, place.n_blocks, BLOCKS_AT_ONCE):
            rows = np.repeat(needed[first : first + BLOCKS_AT_ONCE], BLOCK, axis=0)
            at = first * BLOCK
            left.append(self._exceeding(words[at:], self.lasts, rows, 1) + at * width)
            right.append(self._exceeding(words[at + length :], self.firsts, rows, -1) + at * width)
        return np.concatenate(left), np.concatenate(right)

    def _exceeding(
        self, words: NDArray[np.intp], ends: list[NDArray[np.int8]], needed: NDArray[np.int8], direction: int
    ) -> NDArray[np.intp]:
        """Return the flat indices of bounds above what is needed, shape (n, width); groups in the order to be added."""
        groups = range(len(ends))[::direction]
        bound, added = np.empty((2, *needed.shape), dtype=np.int8)

        def look_up(table: NDArray[np.int8], group: int, out: NDArray[np.int8]) -> NDArray[np.int8]:
            at = group * BOUND_WORD
            return np.take(table, words[at : at + len(needed)], axis=0, out=out, mode="clip")

        look_up(ends[groups[0]], groups[0], bound)
        for group in groups[1:]:
            np.add(bound, look_up(self.totals[group], group, added), out=bound)
            np.maximum(bound, look_up(ends[group], group, added), out=bound)
        return np.flatnonzero(bound > needed)


def _largest(partial: Sequence[NDArray[np.float64]], totals: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the largest sum that there can be of a part of one group and of all groups before it, shape (width,)."""
    largest: NDArray[np.float64] = partial[0].max(0)
    for part, total in zip(partial[1:], totals[1:], strict=True):
        largest = np.maximum(part.max(0), largest + total.max(0))
    return largest


def _partial_sums(columns: Columns) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Tabulate, for each group of columns and all words, three sums, each of shape (5^word, width).

    Of the whole group; the largest of its first columns; the largest of its last columns. All columns of a detector
    together are no overhang and are left out.
    """
    k, _, width = columns.steps.shape
    letters = to_letters(BOUND_WORD)
    tables = []
    for begin in range(0, k, BOUND_WORD):
        steps = columns.steps[begin : begin + BOUND_WORD].astype(np.float64)
        sums = np.zeros((len(steps) + 1, 5**BOUND_WORD, width))
        for j, step in enumerate(steps):
            sums[j + 1] = sums[j] + step[letters[j]]
        firsts = sums[1 : min(len(steps), k - 1 - begin) + 1]
        lasts = sums[-1] - sums[int(begin == 0) : -1]
        nothing = np.full_like(sums[0], -np.inf)
        tables.append((sums[-1], firsts.max(0) if len(firsts) else nothing, lasts.max(0) if len(lasts) else nothing))
    return tables


class _Step(NamedTuple):
    """A few columns whose sums are looked up at once.

    Parameters
    ----------
    begin : int
        Where their word begins, bp from the detector's start.
    table : ndarray of float32, shape (n_columns, 5^word * width)
        The sums of the first 1, 2, ... of the columns.
    windows : sequence of int
        Where the window begins that has just those columns inside, and those of the steps before: bp from the
        detector's start, or from `length` bases before it.
    """

    begin: int
    table: NDArray[np.float32]
    windows: Sequence[int]


class Sums:
    """The sums of the columns of detectors that are inside a window, for ever more columns."""

    def __init__(self, columns: Columns) -> None:
        self.width = columns.steps.shape[2]
        self.left, self.right = list(_steps(columns, left=True)), list(_steps(columns, left=False))

    def lift(
        self,
        rows: NDArray[np.float32],
        padded: NDArray[np.uint8],
        length: int,
        least: NDArray[np.float32],
        candidates: Candidates,
    ) -> None:
        """Raise the maxima of windows, shape (n, width), to the sums of candidates."""
        words = to_words(padded, SUM_WORD).astype(np.intp)
        words *= self.width
        for steps, offset, some in zip((self.left, self.right), (0, length), candidates, strict=True):
            start = some // self.width
            column = some - start * self.width
            needed = least.reshape(-1).take(start // BLOCK * self.width + column)
            self._lift(rows.reshape(-1), steps, words[offset:], some, start, column, needed)

    def _lift(
        self,
        maxima: NDArray[np.float32],
        steps: Sequence[_Step],
        words: NDArray[np.intp],
        candidates: NDArray[np.intp],
        start: NDArray[np.intp],
        column: NDArray[np.intp],
        needed: NDArray[np.float32],
    ) -> None:
        index = np.empty_like(start)
        sums = np.empty((SUM_WORD, len(start)), dtype=np.float32)
        above = np.empty(sums.shape, dtype=np.bool_)
        before: float | NDArray[np.float32] = 0.0
        for step in steps:
            n = len(step.table)
            words[step.begin :].take(start, out=index, mode="clip")
            np.add(index, column, out=index)
            step.table.take(index, axis=1, out=sums[:n], mode="clip")
            np.add(sums[:n], before, out=sums[:n])
            np.greater(sums[:n], needed, out=above[:n])
            for values, larger, window in zip(sums[:n], above[:n], step.windows, strict=True):
                # No window and detector comes twice here, so that each can be raised by itself.
                (found,) = larger.nonzero()
                at = candidates.take(found) + window * self.width
                maxima[at] = np.maximum(maxima.take(at), values.take(found))
            before = sums[n - 1].copy()


def _steps(columns: Columns, *, left: bool) -> Iterator[_Step]:
    """Tabulate the last columns, from the last one on, for the left ends of windows; the first ones for the right."""
    k, _, width = columns.steps.shape
    letters = to_letters(SUM_WORD)
    inside = range(1, k) if left else range(k - 1)
    groups = [inside[at : at + SUM_WORD] for at in range(0, len(inside), SUM_WORD)]
    sums = np.tile(columns.start.astype(np.float64), (5**SUM_WORD, 1))
    for group in reversed(groups) if left else groups:
        tables = []
        for column in reversed(group) if left else group:
            sums = sums + columns.steps[column][letters[column - group[0]]]
            tables.append(sums.reshape(-1))
        windows = [column if left else column + 1 for column in (reversed(group) if left else group)]
        yield _Step(group[0], np.array(tables, dtype=np.float32), windows)
        sums = np.zeros((5**SUM_WORD, width))


def to_letters(word: int) -> NDArray[np.intp]:
    """Return the letters of all words, shape (word, 5^word)."""
    return np.stack(np.unravel_index(np.arange(5**word), (5,) * word))


def to_words(codes: NDArray[np.uint8], word: int) -> NDArray[np.int16]:
    """Return the number of the word that begins at each base, shape (n - word + 1,)."""
    letters = codes.astype(np.int16)
    n = len(codes) - word + 1
    words = letters[:n].copy()
    for j in range(1, word):
        words *= 5
        words += letters[j : j + n]
    return words

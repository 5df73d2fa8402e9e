"""Windows of one length at every base, pooled by the maximum: what :func:`window_scan.window_features` does, faster.

Most maxima lie inside the windows, where neighbours share them. Where a detector hangs over a window's end it wins
rarely, and where it may is found by a bound: for every start of a detector the best sum of its first or last columns,
from tables of five-letter words in single bytes, each rounded up. Only where that bound exceeds the least maximum of
the windows concerned are the sums themselves looked up, and the maxima raised. The result is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.models.window_scan import Columns, slide, window_features
from seqcnn.sequence.alphabet import N_CODE

INSIDE_WORD: Final = 4
BOUND_WORD: Final = 5
SUM_WORD: Final = 3
"""Bases per table row, for the offsets inside, the bounds, and the sums of overhanging detectors."""

BLOCK: Final = 8
"""Windows whose least maximum stands for each of them when bounds are held against it."""

INSIDE_BLOCK: Final = 1 << 12
"""Windows whose offsets inside are scanned at a time."""

SUMS_AT_ONCE: Final = 1 << 13
"""Candidates looked up at a time."""

VECTOR: Final = 8
"""Numbers that the machine adds at once; rows of whole vectors are added faster."""

LOWEST: Final = -60
"""What lower bytes are raised to, so that no sum of two leaves a byte."""

MOST_CANDIDATES: Final = 1 / 6
"""Share of (start, detector) to be looked up from which going through all windows is faster."""


class _Place(NamedTuple):
    """Where things are in the padded arrays: row i is the start of a window, or of a detector, at ``first + i``."""

    first: int
    n_blocks: int
    reach: int
    """Blocks that hold all windows which a detector hanging over their end, from a start in one block, concerns."""

    @property
    def n(self) -> int:
        return self.n_blocks * BLOCK


class Sliding:
    """Detectors, made ready to be pooled over all windows of a length.

    Parameters
    ----------
    columns : Columns
        Of detectors of length k, at least 2.
    length : int
        Of the windows, bp, at least k.
    """

    def __init__(self, columns: Columns, length: int) -> None:
        self.columns, self.length = columns, length
        self.kernel_size, _, self.width = columns.steps.shape
        self._inside = _inside_table(columns)
        self._bounds = _Bounds(columns)
        self._sums = _sum_table(columns)

    def features(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``relu(largest score - threshold)`` of each window, shape (n - length + 1, width)."""
        n_windows, k = len(codes) - self.length + 1, self.kernel_size
        before = -(-(k - 1) // BLOCK) * BLOCK
        place = _Place(-before, -(-(n_windows + before) // BLOCK), (BLOCK + k - 2) // BLOCK + 1)
        after = 2 * BLOCK + k + BOUND_WORD
        padded = np.pad(codes, (before, after), constant_values=N_CODE)
        # Rows that are no windows are infinite, so that no overhang is looked up for their sake.
        rows = np.empty(((place.n_blocks + place.reach) * BLOCK, self.width), dtype=np.float32)
        rows[:before] = rows[before + n_windows :] = np.inf
        best = rows[before : before + n_windows]
        for first in range(0, n_windows, INSIDE_BLOCK):
            block = best[first : first + INSIDE_BLOCK]
            n_offsets = len(block) + self.length - k
            inside = self._scan_inside(padded[before + first :], n_offsets)
            largest = torch.from_numpy(slide(np.maximum, inside, self.length - k + 1))
            torch.clamp(largest, min=0, out=torch.from_numpy(block))
        least = self._least(rows, place)
        candidates = self._bounds.find(padded, place, self.length, least)
        n_candidates = sum(map(len, candidates))
        if n_candidates > MOST_CANDIDATES * place.n * self.width:
            return window_features(self.columns, codes, self.length)[0]
        if n_candidates:
            self._raise(rows, padded, place, least, candidates)
        return best

    def _scan_inside(self, padded: NDArray[np.uint8], n: int) -> NDArray[np.float32]:
        """Return the scores at the first n offsets, shape (n, width)."""
        n_groups = len(self._inside) // 5**INSIDE_WORD
        words = _words(padded[: n + n_groups * INSIDE_WORD], INSIDE_WORD).astype(np.int32)
        rows = np.empty((n, n_groups), dtype=np.int32)
        for group in range(n_groups):
            at = words[group * INSIDE_WORD : group * INSIDE_WORD + n]
            np.add(at, group * 5**INSIDE_WORD, out=rows[:, group])
        return _sum_rows(self._inside, rows)

    def _least(self, rows: NDArray[np.float32], place: _Place) -> NDArray[np.float32]:
        """Return, for the starts in each block, the least maximum of the windows concerned, shape (n_blocks, width).

        A detector at t hangs over the left end of the windows from t + 1 to t + k - 1, and at t + length over the right
        end of the same.
        """
        blocks = torch.from_numpy(rows).view(-1, BLOCK, self.width).amin(1).numpy()
        least = blocks[: place.n_blocks].copy()
        for ahead in range(1, place.reach):
            np.minimum(least, blocks[ahead : ahead + place.n_blocks], out=least)
        least -= self.columns.start
        return least

    def _raise(
        self,
        rows: NDArray[np.float32],
        padded: NDArray[np.uint8],
        place: _Place,
        least: NDArray[np.float32],
        candidates: tuple[NDArray[np.intp], NDArray[np.intp]],
    ) -> None:
        """Raise the maxima to the sums of the candidates, (over the left ends, over the right ends)."""
        n_left, width = len(candidates[0]), self.width
        both = np.concatenate(candidates).astype(np.int32)
        start = both // width
        side = both - start * width  # the detector; over a right end, and `width`
        side[n_left:] += width
        # Detector by detector, the parts of the table that are used one after another stay in the cache.
        order = side.astype(np.uint16).argsort(kind="stable")
        words = _words(padded, SUM_WORD).astype(np.int32)
        for first in range(0, len(order), SUMS_AT_ONCE):
            some = order[first : first + SUMS_AT_ONCE]
            self._raise_some(rows, words, least, start.take(some), side.take(some))

    def _raise_some(
        self,
        rows: NDArray[np.float32],
        words: NDArray[np.int32],
        least: NDArray[np.float32],
        start: NDArray[np.int32],
        side: NDArray[np.int32],
    ) -> None:
        """Raise the maxima to the sums of some candidates."""
        width, n_groups = self.width, -(-self.kernel_size // SUM_WORD)
        column = side % width
        at = start + (side >= width) * np.int32(self.length)
        row = side * (n_groups * 5**SUM_WORD)
        indices = np.empty((len(start), n_groups), dtype=np.int32)
        for group in range(n_groups):
            np.add(words[group * SUM_WORD :].take(at), row, out=indices[:, group])
            row += 5**SUM_WORD
        sums = _sum_rows(self._sums, indices)
        ahead = sums.shape[1]
        needed = least.reshape(-1).take(start // BLOCK * width + column).repeat(ahead)
        above = np.flatnonzero(sums.reshape(-1) > needed)
        event = above // ahead
        column = column.take(event)
        window = start.take(event) + (above - event * ahead + 1)
        values = sums.reshape(-1).take(above) + self.columns.start.take(column)
        np.maximum.at(rows.reshape(-1), window * width + column, values)


class _Bounds:
    """For every start of a detector an upper bound of the sums of its first columns, and of its last ones."""

    def __init__(self, columns: Columns) -> None:
        totals, firsts, lasts = zip(*_partial_sums(columns), strict=True)
        largest = np.maximum(_largest(firsts[::-1], totals[::-1]), _largest(lasts, totals))
        # Each of the rounded bytes in a sum may be 1 too large.
        self.scale = ((126 - len(totals)) / np.maximum(largest, 1e-6)).astype(np.float32)
        self.totals, self.firsts, self.lasts = (list(map(self._to_bytes, part)) for part in (totals, firsts, lasts))

    def _to_bytes(self, sums: NDArray[np.float64]) -> NDArray[np.int8]:
        rounded: NDArray[np.int8] = np.clip(np.ceil(sums * self.scale + 1e-4), LOWEST, 127).astype(np.int8)
        return rounded

    def find(
        self, padded: NDArray[np.uint8], place: _Place, length: int, least: NDArray[np.float32]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the flat indices of (start, detector) whose bound exceeds the least maximum concerned.

        First of detectors that hang over the left end of windows, which have their last columns inside; then of those
        that hang over the right end and start `length` bases further.
        """
        n, width = place.n, least.shape[1]
        words = _words(padded, BOUND_WORD).astype(np.intp)
        needed = np.clip(np.floor(least * self.scale), -128, 127).astype(np.int8)
        needed = np.take(needed, np.arange(n) // BLOCK, axis=0)
        bound, added = np.empty((2, n, width), dtype=np.int8)
        above = np.empty((n, width), dtype=np.bool_)

        def add(tables: list[NDArray[np.int8]], group: int, offset: int, combine: np.ufunc) -> None:
            at = offset + group * BOUND_WORD
            found = np.take(tables[group], words[at : at + n], axis=0, out=added, mode="clip")
            combine(bound, found, out=bound)

        groups = range(len(self.totals))
        found = []
        for tables, order, offset in ((self.lasts, groups, 0), (self.firsts, groups[::-1], length)):
            bound.fill(LOWEST)
            for group in order:
                if group != order[0]:
                    add(self.totals, group, offset, np.add)
                add(tables, group, offset, np.maximum)
            found.append(np.flatnonzero(np.greater(bound, needed, out=above)))
        return found[0], found[1]


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
    letters = np.stack(np.unravel_index(np.arange(5**BOUND_WORD), (5,) * BOUND_WORD))
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


def _inside_table(columns: Columns) -> Tensor:
    """Tabulate the sums of each group of columns for all words, shape (n_groups * 5^word, width)."""
    k, _, width = columns.steps.shape
    letters = np.stack(np.unravel_index(np.arange(5**INSIDE_WORD), (5,) * INSIDE_WORD))
    table = np.zeros((-(-k // INSIDE_WORD), 5**INSIDE_WORD, width))
    table[0] += columns.start
    for column, step in enumerate(columns.steps):
        group, j = divmod(column, INSIDE_WORD)
        table[group] += step[letters[j]]
    return torch.from_numpy(table.astype(np.float32).reshape(-1, width))


def _sum_table(columns: Columns) -> Tensor:
    """Tabulate what a group of a detector's columns adds to its sums as it hangs over the ends of successive windows.

    Shape (2 * width * n_groups * 5^word, k - 1 or more): first for windows from whose left end the detector hangs over,
    by ever more columns, then for those over whose right end it hangs, by ever fewer. Rows are filled up to whole
    vectors with what is never large.
    """
    k, _, width = columns.steps.shape
    letters = np.stack(np.unravel_index(np.arange(5**SUM_WORD), (5,) * SUM_WORD))
    both = np.zeros((2, width, -(-k // SUM_WORD), 5**SUM_WORD, -(-(k - 1) // VECTOR) * VECTOR), dtype=np.float32)
    left, right = both
    for column, step in enumerate(columns.steps):
        group, j = divmod(column, SUM_WORD)
        added = step[letters[j]].T[:, :, None]
        left[:, group, :, :column] += added
        right[:, group, :, column : k - 1] += added
    both[:, :, 0, :, k - 1 :] = -1e30
    return torch.from_numpy(both.reshape(-1, both.shape[-1]))


def _sum_rows(table: Tensor, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the sums of table rows, for row numbers of shape (n, n_groups)."""
    n, n_groups = rows.shape
    bags = torch.arange(0, n * n_groups, n_groups, dtype=torch.int32)
    sums: NDArray[np.float32] = torch.embedding_bag(table, torch.from_numpy(rows.reshape(-1)), bags, False, 0)[
        0
    ].numpy()
    return sums


def _words(codes: NDArray[np.uint8], word: int) -> NDArray[np.int16]:
    """Return the number of the word that begins at each base, shape (n - word + 1,)."""
    letters = codes.astype(np.int16)
    n = len(codes) - word + 1
    words = letters[:n].copy()
    for j in range(1, word):
        words *= 5
        words += letters[j : j + n]
    return words

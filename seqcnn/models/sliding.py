"""Windows of one length at every base, pooled by the maximum: what :func:`window_scan.window_features` does, faster.

Most maxima lie inside the windows, where neighbours share them. Where a detector hangs over a window's end it wins
rarely; the maxima are raised where it does, see :mod:`overhang`. The result is exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.models.overhang import BLOCK, BOUND_WORD, Bounds, Place, Sums, to_letters, to_words
from seqcnn.models.window_scan import Columns, slide, window_features
from seqcnn.sequence.alphabet import N_CODE

INSIDE_WORD: Final = 4
"""Bases per table row, for the offsets inside."""

SCANNED: Final = 1 << 13
"""Windows whose offsets inside are scanned at a time."""

SLID: Final = 1 << 11
"""Windows whose maxima inside are found at a time: what this goes through stays in the cache."""

LONG: Final = 2
"""Detectors' lengths from which windows are not short."""

SAMPLE: Final = 1 << 11
"""Bases on which it is tried first whether there is too much to be looked up in short windows."""

MOST_CANDIDATES: Final = 1 / 6
"""Share of (start, detector) to be looked up from which going through all windows is faster."""


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
        self._bounds, self._sums = Bounds(columns), Sums(columns)

    def features(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``relu(largest score - threshold)`` of each window, shape (n - length + 1, width)."""
        found, sample = None, max(SAMPLE, 8 * self.length)
        short = self.length < LONG * self.kernel_size  # and where few offsets lie inside, overhangs may often win
        if not short or len(codes) < 8 * sample or self._try(codes[:sample]) is not None:
            found = self._try(codes)
        return window_features(self.columns, codes, self.length)[0] if found is None else found

    def _try(self, codes: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the features, or None if there is too much to be looked up."""
        n_windows, k = len(codes) - self.length + 1, self.kernel_size
        before = -(-(k - 1) // BLOCK) * BLOCK
        place = Place(-(-(n_windows + before) // BLOCK), (BLOCK + k - 2) // BLOCK + 1)
        after = 2 * BLOCK + k + BOUND_WORD
        padded = np.pad(codes, (before, after), constant_values=N_CODE)
        # Rows that are no windows are infinite, so that no overhang is looked up for their sake.
        rows = np.empty(((place.n_blocks + place.reach) * BLOCK, self.width), dtype=np.float32)
        rows[:before] = rows[before + n_windows :] = np.inf
        best = rows[before : before + n_windows]
        self._pool_inside(padded[before:], best)
        least = self._least(rows, place)
        candidates = self._bounds.find(padded, place, self.length, least)
        if sum(map(len, candidates)) > MOST_CANDIDATES * place.n * self.width:
            return None
        self._sums.lift(rows, padded, self.length, least, candidates)
        return best

    def _pool_inside(self, codes: NDArray[np.uint8], best: NDArray[np.float32]) -> None:
        """Put the maxima inside windows into `best`, shape (n_windows, width)."""
        n_offsets = self.length - self.kernel_size + 1
        size = max(SLID, 8 * n_offsets)
        for first in range(0, len(best), SCANNED):
            some = best[first : first + SCANNED]
            inside = self._scan_inside(codes[first:], len(some) + n_offsets - 1)
            for begin in range(0, len(some), size):
                block = some[begin : begin + size]
                largest = slide(np.maximum, inside[begin : begin + len(block) + n_offsets - 1], n_offsets)
                np.maximum(largest, 0, out=block)

    def _scan_inside(self, codes: NDArray[np.uint8], n: int) -> NDArray[np.float32]:
        """Return the scores at the first n offsets, shape (n, width)."""
        n_groups = len(self._inside) // 5**INSIDE_WORD
        words = to_words(codes[: n + n_groups * INSIDE_WORD], INSIDE_WORD).astype(np.int32)
        rows = np.empty((n, n_groups), dtype=np.int32)
        for group in range(n_groups):
            at = words[group * INSIDE_WORD : group * INSIDE_WORD + n]
            np.add(at, group * 5**INSIDE_WORD, out=rows[:, group])
        bags = torch.arange(0, n * n_groups, n_groups, dtype=torch.int32)
        indices = torch.from_numpy(rows.reshape(-1))
        scores: NDArray[np.float32] = torch.embedding_bag(self._inside, indices, bags, False, 0)[0].numpy()
        return scores

    def _least(self, rows: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
        """Return, for the starts in each block, the least maximum of the windows concerned, shape (n_blocks, width).

        A detector at t hangs over the left end of the windows from t + 1 to t + k - 1, and at t + length over the right
        end of the same.
        """
        blocks = torch.from_numpy(rows).view(-1, BLOCK, self.width).amin(1).numpy()
        least = blocks[: place.n_blocks].copy()
        for ahead in range(1, place.reach):
            np.minimum(least, blocks[ahead : ahead + place.n_blocks], out=least)
        return least


def _inside_table(columns: Columns) -> Tensor:
    """Tabulate the sums of each group of columns for all words, shape (n_groups * 5^word, width)."""
    k, _, width = columns.steps.shape
    letters = to_letters(INSIDE_WORD)
    table = np.zeros((-(-k // INSIDE_WORD), 5**INSIDE_WORD, width))
    table[0] += columns.start
    for column, step in enumerate(columns.steps):
        group, j = divmod(column, INSIDE_WORD)
        table[group] += step[letters[j]]
    return torch.from_numpy(table.astype(np.float32).reshape(-1, width))

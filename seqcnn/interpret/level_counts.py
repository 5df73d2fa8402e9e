"""How many sequences of either label score at which level, for AUROCs in constant memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

N_LEVELS: Final = 4096
"""Steps that the range a filter's scores can have is cut into; scores in one step count as tied."""


class LevelCounts:
    """Counts of scores by column, label and level.

    Parameters
    ----------
    low, high : ndarray of float, shape (width,)
        Range of each column's scores.
    """

    def __init__(self, low: NDArray[np.floating], high: NDArray[np.floating]) -> None:
        span = np.where(high > low, high - low, 1)
        self._low, self._scale = low.astype(np.float32), ((N_LEVELS - 1) / span).astype(np.float32)
        self._first = (np.arange(len(low)) * N_LEVELS).astype(np.int32)
        self._counts = np.zeros((2, len(low) * N_LEVELS), dtype=np.int64)

    def add(self, scores: NDArray[np.float32], labels: NDArray[np.float32]) -> None:
        """Take scores, shape (n, width), with labels 0 and 1, shape (n,); others are passed over."""
        for label in (0, 1):
            rows = labels == label
            if not rows.any():
                continue
            levels = ((scores[rows] - self._low) * self._scale).astype(np.int32)
            np.clip(levels, 0, N_LEVELS - 1, out=levels)
            levels += self._first
            self._counts[label] += np.bincount(levels.reshape(-1), minlength=self._counts.shape[1])

    def auroc(self) -> NDArray[np.float64]:
        """Return the area under the ROC curve of each column, shape (width,); NaN without both labels."""
        negative, positive = self._counts.reshape(2, -1, N_LEVELS).astype(np.float64)
        below = np.cumsum(negative, axis=1) - negative
        pairs = negative.sum(1) * positive.sum(1)
        better = (positive * (below + negative / 2)).sum(1)
        out = np.full(len(pairs), np.nan)
        np.divide(better, pairs, out=out, where=pairs > 0)
        return out

"""The windows of a batch in one-hot form, from which the gradient of many detectors is summed.

The gradient of a detector is the sum of its winning windows, each times the gradient of its score. Over the rows of a
table, as a narrow network has it done, a sum takes as many scattered additions as a window has words; over windows in
one-hot form it is one row of numbers that lie side by side. Writing them costs as much for any number of detectors.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.models.scan import Windows, words

Array = NDArray[np.float32]


class OneHotWindows:
    """All windows of a batch in one-hot form.

    Parameters
    ----------
    windows : Windows
    parts : int
        In how many parts it will be filled.
    """

    def __init__(self, windows: Windows, parts: int) -> None:
        n, self.n_windows, n_groups = windows.rows.shape
        self._of_row = words(windows.word).repeat_interleave(n_groups, dim=0)
        hot = torch.empty(n, self.n_windows, n_groups * self._of_row.shape[1])
        self._rows, self._places = (each.tensor_split(parts) for each in (windows.rows, hot))
        self._table = hot.view(-1, hot.shape[2])

    def fill(self, part: int) -> None:
        """Do one of the parts."""
        place = self._places[part].view(-1, self._of_row.shape[1])
        torch.index_select(self._of_row, 0, self._rows[part].flatten(), out=place)

    def of_filters(self, of_features: Array, position: NDArray[np.int64]) -> Array:
        """Return the gradient of filters, shape (width, 4, kernel_size or more): the sum of their winning windows."""
        n, width = of_features.shape
        by_filter = np.ascontiguousarray(of_features.T)
        at = np.flatnonzero(by_filter)
        window = position + np.arange(0, n * self.n_windows, self.n_windows)[:, None]
        chosen = torch.from_numpy(window.T.astype(np.int32).reshape(-1)[at])
        ends = np.count_nonzero(by_filter, axis=1).cumsum(dtype=np.int32)
        begins = torch.from_numpy(np.append(np.int32(0), ends[:-1]))
        weights = torch.from_numpy(by_filter.reshape(-1)[at])
        sums: Array = torch.embedding_bag(self._table, chosen, begins, False, 0, False, weights)[0].numpy()
        return sums.reshape(width, -1, 4).transpose(0, 2, 1)

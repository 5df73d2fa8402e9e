"""The motif scan of predictions on the CPU: tables made once for many batches, windows found while in the cache."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from seqcnn.models.scan import LONG_WORD, SLICE, build_table, max_pool, window_batches

ROW_BYTES: Final = 1 << 23
"""Table rows found at a time; fewer are not worth the calls."""


class PreparedScan:
    """Filters, made ready for predictions.

    Parameters
    ----------
    filters : Tensor, shape (width, 4, kernel_size)
        Rows A C G T/U.
    """

    def __init__(self, filters: Tensor) -> None:
        self.kernel_size = filters.shape[2]
        table = build_table(filters, LONG_WORD)
        self.tables = [part.contiguous() for part in table.split(SLICE, dim=1)]  # type: ignore[no-untyped-call]

    def maxima(self, codes: Tensor, lengths: Tensor | None) -> Tensor:
        """Return each filter's largest score over windows, shape (n, width).

        Parameters
        ----------
        codes, lengths
            As for :func:`seqcnn.models.scan.window_batches`.
        """
        of_one = 4 * (codes.shape[1] + self.kernel_size - 1) * -(-self.kernel_size // LONG_WORD)
        batches = window_batches(codes, lengths, self.kernel_size, max(1, ROW_BYTES // of_one), LONG_WORD)
        found = [
            [max_pool(table, windows.rows, with_position=False)[0] for table in self.tables] for windows in batches
        ]
        parts = [torch.cat(each) for each in zip(*found, strict=True)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

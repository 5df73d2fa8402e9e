"""Scores of windows with and without one substitution each, of a DeepBind network, from one scan.

Only the k windows of the motif scan over the base that changes differ: the alternate allele costs k more of them. Both
scores are, bit for bit, those that a prediction gives of either sequence.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqcnn.interpret.head import Head
from seqcnn.models.architectures import deepbind
from seqcnn.models.network import Network
from seqcnn.models.scan import BLOCK_BYTES, SLICE, build_table, scan_scores
from seqcnn.sequence.alphabet import N_CODE

WORD = 4
"""Bases per table row: as in predictions, so that scores are the same."""


def suits(network: Network) -> bool:
    """Say whether a network can be scored so: DeepBind with maximum pooling, whole sequences, on the CPU."""
    return (
        type(network) is deepbind.Model
        and network.settings.pooling == "max"
        and network.rule == "whole"
        and network.on_cpu
    )


class SubstitutionScorer:
    """A network that :func:`suits`, made ready."""

    def __init__(self, network: deepbind.Model) -> None:
        settings = network.settings
        self.kernel_size, self.n_members = settings.kernel_size, settings.n_members
        self.strands = 2 if settings.both_strands else 1
        filters = network.filters.detach().flatten(0, 1)
        if self.strands == 2:
            filters = torch.cat([filters, filters.flip(1, 2)])
        self.threshold = network.threshold.detach().flatten().repeat(self.strands)
        self.tables = [build_table(part, WORD) for part in filters.split(SLICE)]  # type: ignore[no-untyped-call]
        self.n_groups = -(-self.kernel_size // WORD)
        self.head = Head(network)

    @torch.inference_mode()
    def score(
        self, codes: NDArray[np.uint8], column: int, alt: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score windows.

        Parameters
        ----------
        codes : ndarray of uint8, shape (n, length)
        column : int
            The base that changes.
        alt : ndarray of uint8, shape (n,)
            What it changes to.

        Returns
        -------
        reference, alternate : ndarray of float32, shape (n_members, n, n_targets)
        """
        n, k = len(codes), self.kernel_size
        width, n_windows = len(self.threshold), codes.shape[1] + k - 1
        maxima = torch.empty(2, n, width)
        rows_at_once = max(1, BLOCK_BYTES // (4 * n_windows * min(width, SLICE)))
        given, new = torch.from_numpy(np.ascontiguousarray(codes)), torch.from_numpy(np.array(alt))
        for start in range(0, n, rows_at_once):
            block = slice(start, start + rows_at_once)
            padded = functional.pad(given[block], (k - 1, k - 1), value=N_CODE)
            local = padded[:, column : column + 2 * k - 1].clone()
            local[:, k - 1] = new[block]
            rows, changed = self._table_rows(padded), self._table_rows(local)
            left = 0
            for table in self.tables:
                columns = slice(left, left + table.shape[1])
                self._pool(table, rows, changed, column, maxima[:, block, columns])
                left = columns.stop
        features = functional.relu(maxima.view(2 * n, width) - self.threshold)
        scores = self.head.base(features.view(2 * n, self.strands, self.n_members, -1)).best.numpy()
        return scores[:, :n], scores[:, n:]

    def _pool(self, table: Tensor, rows: Tensor, changed: Tensor, column: int, out: Tensor) -> None:
        """Put the largest scores of both alleles in `out`, shape (2, n, width)."""
        k = self.kernel_size
        scores = scan_scores(table, rows)
        best = scan_scores(table, changed).amax(1)
        reference = scores[:, column : column + k].amax(1)
        if column:
            outside = scores[:, :column].amax(1)
            torch.maximum(reference, outside, out=reference)
            torch.maximum(best, outside, out=best)
        if column + k < scores.shape[1]:
            outside = scores[:, column + k :].amax(1)
            torch.maximum(reference, outside, out=reference)
            torch.maximum(best, outside, out=best)
        out[0], out[1] = reference, best

    def _table_rows(self, codes: Tensor) -> Tensor:
        """Return the table rows of the windows within rows of codes, shape (n, n_windows, n_groups), int32."""
        n, length = codes.shape
        padded = functional.pad(codes, (0, self.n_groups * WORD - self.kernel_size), value=N_CODE).to(torch.int32)
        width = padded.shape[1] - WORD + 1
        words = padded[:, :width].clone()
        for j in range(1, WORD):
            words.mul_(5).add_(padded[:, j : width + j])
        words.mul_(self.n_groups)
        rows = torch.empty(n, length - self.kernel_size + 1, self.n_groups, dtype=torch.int32)
        group = torch.arange(self.n_groups, dtype=torch.int32)
        torch.add(words.as_strided(rows.shape, (width, 1, WORD)), group, out=rows)
        return rows

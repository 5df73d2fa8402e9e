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
        self.group = torch.arange(self.n_groups, dtype=torch.int32)
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
        beyond = self.n_groups * WORD - k
        padded = np.pad(codes, ((0, 0), (k - 1, k - 1 + beyond)), constant_values=N_CODE)
        local = padded[:, column : column + 2 * k - 1 + beyond].copy()
        local[:, k - 1] = alt
        words, changed = self._words(padded), self._words(local)
        rows_at_once = max(1, BLOCK_BYTES // (4 * n_windows * min(width, SLICE)))
        for start in range(0, n, rows_at_once):
            block = slice(start, start + rows_at_once)
            rows, local_rows = self._table_rows(words[block], n_windows), self._table_rows(changed[block], k)
            left = 0
            for table in self.tables:
                columns = slice(left, left + table.shape[1])
                self._pool(table, rows, local_rows, column, maxima[:, block, columns])
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

    def _words(self, codes: NDArray[np.uint8]) -> Tensor:
        """Return the number of the word at each base, times the groups, shape (n, length - 3), int32."""
        pairs = codes[:, :-1] * np.uint8(5) + codes[:, 1:]
        words = pairs[:, :-2].astype(np.int32)
        words *= 25
        words += pairs[:, 2:]
        words *= self.n_groups
        return torch.from_numpy(words)

    def _table_rows(self, words: Tensor, n_windows: int) -> Tensor:
        """Return the table rows of windows, shape (n, n_windows, n_groups), int32."""
        rows = torch.empty(len(words), n_windows, self.n_groups, dtype=torch.int32)
        every = words.as_strided(rows.shape, (words.stride(0), 1, WORD), words.storage_offset())
        return torch.add(every, self.group, out=rows)

"""In which structural contexts the sites of motifs lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcnn.interpret.found_motifs import Sites
from seqcnn.sequence.contexts import N_CONTEXTS, contexts
from seqcnn.sequence.ragged import Ragged


class SiteContexts:
    """Counts the contexts at each position of motifs, block after block."""

    def __init__(self) -> None:
        self._counts: dict[int, NDArray[np.int64]] = {}

    def add(self, number: int, sites: Sites, sequences: Ragged, used: NDArray[np.bool_]) -> None:
        """Take sites of a motif in these sequences, of which some, bool of shape (n,), count."""
        rows = np.flatnonzero(used[sites.sequence])
        sequence, start = sites.sequence[rows, None], sites.start[rows, None]
        place = start + np.arange(sites.width)
        inside = (place >= 0) & (place < sequences.lengths[sequence])
        index = np.where(inside, sequences.offsets[sequence] + place, 0)
        there = np.where(inside, contexts(sequences.data[index]), np.uint8(0)).astype(np.intp)
        column = there + (N_CONTEXTS + 1) * np.arange(sites.width)
        counts = np.bincount(column.reshape(-1), minlength=(N_CONTEXTS + 1) * sites.width)
        before = self._counts.get(number)
        self._counts[number] = counts if before is None else before + counts

    def shares(self, number: int, width: int) -> NDArray[np.float64]:
        """Return the share of each context at each position of a motif, shape (6, width); alike where none is known."""
        counts = self._counts.get(number)
        if counts is None:
            return np.full((N_CONTEXTS, width), 1 / N_CONTEXTS)
        known = counts.reshape(width, N_CONTEXTS + 1)[:, 1:].T.astype(np.float64)
        total = known.sum(0)
        shares: NDArray[np.float64] = np.where(total > 0, known / np.maximum(total, 1), 1 / N_CONTEXTS)
        return shares

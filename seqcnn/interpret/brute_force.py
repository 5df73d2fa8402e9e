"""Changes of the score by scoring every edited sequence whole: right for any architecture, slow."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.interpret.edits import Edits, apply
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import Ragged

LETTERS_AT_ONCE: Final = 1 << 22
"""Letters of edited sequences that are written out at a time."""


def edit_changes(
    network: Network, sequences: Ragged, edits: Edits, reference: NDArray[np.float32], batch_size: int | None = None
) -> NDArray[np.float32]:
    """Return the change of each member's score by each edit, shape (n_members, m, n_targets).

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
    edits : Edits
        None may leave a sequence without a letter.
    reference : ndarray, shape (n_members, n, n_targets)
        Scores of the sequences as they are; looked at only where there are edits.
    batch_size : int, optional
        Most sequences scored at a time.
    """
    change = np.empty((reference.shape[0], len(edits), reference.shape[2]), dtype=np.float32)
    grown = edits.replacement.lengths - (edits.stop - edits.start)
    total = np.cumsum(sequences.lengths[edits.sequence] + grown)
    start = 0
    while start < len(edits):
        before = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + LETTERS_AT_ONCE, side="right")))
        rows = np.arange(start, min(stop, len(edits)))
        part = edits.take(rows)
        change[:, rows] = member_scores(network, apply(sequences, part), batch_size) - reference[:, part.sequence]
        start = stop
    return change

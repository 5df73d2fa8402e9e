"""Changes of the score by edits under the window rule, where a sequence scores as the best of its windows.

Windows that hold no edited base keep their scores; those over the new letters, or over the seam, are scored anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcnn.interpret.edits import Edits, apply
from seqcnn.models.network import Network
from seqcnn.sequence.ragged import Ragged

Floats = NDArray[np.float32]


def edit_changes(network: Network, sequences: Ragged, edits: Edits) -> tuple[Floats, Floats]:
    """Score sequences, and return what edits change, by the window rule.

    Parameters
    ----------
    network : Network
        With a detector length; in evaluation mode.
    sequences : Ragged
        None is empty.
    edits : Edits
        None may leave a sequence without a letter.

    Returns
    -------
    reference : ndarray, shape (n_members, n, n_targets)
    change : ndarray, shape (n_members, m, n_targets)
    """
    length = network.detector_length
    assert length is not None
    shape = network.settings.n_members, network.settings.n_targets
    reference = np.empty((shape[0], len(sequences), shape[1]), dtype=np.float32)
    mutant = np.full((shape[0], len(edits), shape[1]), -np.inf, dtype=np.float32)
    order = np.argsort(edits.sequence, kind="stable")
    bounds = np.searchsorted(edits.sequence[order], np.arange(len(sequences) + 1))
    for row, codes in enumerate(sequences):
        own = order[bounds[row] : bounds[row + 1]]
        n_windows = len(codes) - length + 1
        if n_windows < 1:
            reference[:, row] = network.score(sequences.slice(row, row + 1))[:, 0]
            continue
        scores = network.score_windows(codes, np.arange(n_windows), length)
        reference[:, row] = scores.max(1)
        mutant[:, own] = _kept(scores, edits.start[own] - length + 1, edits.stop[own])
    around = _cut_around(sequences, edits, length - 1)
    whole = sequences.lengths[edits.sequence] - (edits.stop - edits.start) + edits.replacement.lengths
    new = np.flatnonzero((around.lengths >= length) | (whole < length))
    if len(new):
        scored = network.score_by_windows(around.take(new))
        mutant[:, new] = np.maximum(mutant[:, new], scored)
    return reference, mutant - reference[:, edits.sequence]


def _kept(scores: Floats, n_left: NDArray[np.int64], first_right: NDArray[np.int64]) -> Floats:
    """Return the best of the first `n_left` windows and of those from `first_right` on, (n_members, m, n_targets)."""
    edge = np.full_like(scores[:, :1], -np.inf)
    left = np.concatenate([edge, np.maximum.accumulate(scores, axis=1)], axis=1)
    right = np.concatenate([np.maximum.accumulate(scores[:, ::-1], axis=1)[:, ::-1], edge], axis=1)
    n = scores.shape[1]
    best: Floats = np.maximum(left[:, np.clip(n_left, 0, n)], right[:, np.minimum(first_right, n)])
    return best


def _cut_around(sequences: Ragged, edits: Edits, flank: int) -> Ragged:
    """Return each edit's new letters with so many of the sequence's own on either side, as far as it goes."""
    lengths = sequences.lengths[edits.sequence]
    first = sequences.offsets[:-1][edits.sequence]
    begin = np.maximum(edits.start - flank, 0)
    end = np.minimum(edits.stop + flank, lengths)
    # The pieces as sequences of their own: overlapping stretches of the same letters.
    offsets = np.concatenate([[0], np.cumsum(end - begin)])
    data = sequences.data[np.arange(offsets[-1]) + np.repeat(first + begin - offsets[:-1], end - begin)]
    here = np.arange(len(edits))
    return apply(Ragged(data, offsets), Edits(here, edits.start - begin, edits.stop - begin, edits.replacement))

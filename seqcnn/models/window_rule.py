"""The window rule: a sequence scores as the best of its windows of detector length, each scored as a whole sequence.

The program that came with the published DeepBind models scores so. A sequence shorter than a window is scored whole.

References
----------
Alipanahi, Delong, Weirauch and Frey 2015, doi:10.1038/nbt.3300; program ``deepbind`` 0.1, which passed over the last
window of each sequence: here it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqcnn.sequence.ragged import Ragged, offsets_of

if TYPE_CHECKING:
    from seqcnn.models.network import Network


def cut(codes: NDArray[np.uint8], starts: NDArray[np.intp], length: int) -> Ragged:
    """Return the windows of one length that begin at `starts` as sequences of their own."""
    windows = sliding_window_view(codes, length)[starts]
    return Ragged(windows.reshape(-1), np.arange(len(starts) + 1, dtype=np.int64) * length)


def best_scores(network: Network, sequences: Ragged) -> NDArray[np.float32]:
    """Score sequences by their best windows.

    Parameters
    ----------
    network : Network
        With a detector length.
    sequences : Ragged
        Codes; none is empty.

    Returns
    -------
    ndarray of float32, shape (n_members, n, n_targets)
    """
    length, settings = network.detector_length, network.settings
    assert length is not None
    out = np.empty((settings.n_members, len(sequences), settings.n_targets), dtype=np.float32)
    n_windows = sequences.lengths - (length - 1)
    long = np.flatnonzero(n_windows > 0)
    if len(long) < len(sequences):
        short = np.flatnonzero(n_windows <= 0)
        out[:, short] = network.score(sequences.take(short))
    if len(long):
        bounds = offsets_of(n_windows[long])
        starts = np.arange(bounds[-1]) + np.repeat(sequences.offsets[long] - bounds[:-1], n_windows[long])
        scores = network.score_windows(sequences.data, starts, length)
        out[:, long] = np.maximum.reduceat(scores, bounds[:-1], axis=1)
    return out

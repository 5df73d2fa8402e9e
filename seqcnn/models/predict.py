"""Scores for many sequences: batches of neighbouring length, the same numbers whatever their size."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.models.network import Network, to_tensors
from seqcnn.sequence.ragged import Ragged

BATCH_SIZE: Final = 512


@torch.inference_mode()
def member_scores(network: Network, sequences: Ragged, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
    """Score sequences of any lengths.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
        Codes; no sequence may be empty.
    batch_size : int
        Sequences scored at a time; it does not change the scores.

    Returns
    -------
    ndarray, shape (n_members, n, n_targets)
        Logits (binary) or values (regression).
    """
    settings = network.settings
    out = np.empty((settings.n_members, len(sequences), settings.n_targets), dtype=np.float32)
    device = network.output_bias.device
    lengths = sequences.lengths
    equal = len(lengths) == 0 or lengths.min() == lengths.max()
    order = None if equal else np.argsort(lengths, kind="stable")
    for start in range(0, len(sequences), batch_size):
        stop = min(len(sequences), start + batch_size)
        rows = slice(start, stop) if order is None else order[start:stop]
        part = sequences.slice(start, stop) if order is None else sequences.take(order[start:stop])
        for inputs in network.prepare(*to_tensors(part, device), batch_size):
            out[:, rows] = network(inputs).cpu().numpy()
    return out


def predict(network: Network, sequences: Ragged, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
    """Return the mean score over members, shape (n, n_targets); NaN for a sequence without a letter.

    Parameters are those of :func:`member_scores`.
    """
    there = sequences.lengths > 0
    if there.all():
        scores: NDArray[np.float32] = member_scores(network, sequences, batch_size).mean(0)
        return scores
    out = np.full((len(sequences), network.settings.n_targets), np.nan, dtype=np.float32)
    out[there] = member_scores(network, sequences.take(there), batch_size).mean(0)
    return out

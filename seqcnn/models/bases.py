"""Scores of every base, from networks that give them: batches of neighbouring length, as for whole sequences."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.models import threads
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network, to_tensors
from seqcnn.models.predict import batches_of
from seqcnn.sequence.ragged import Ragged


def member_base_scores(network: Network, sequences: Ragged) -> NDArray[np.float32]:
    """Score every base of sequences of any lengths.

    Parameters
    ----------
    network : Network
        That gives them, in evaluation mode.
    sequences : Ragged
        Codes.

    Returns
    -------
    ndarray, shape (n_members, total, n_targets)
        In the order of the sequences' data.
    """
    settings = network.settings
    out = np.empty((settings.n_members, len(sequences.data), settings.n_targets), dtype=np.float32)
    lengths = sequences.lengths
    there = np.flatnonzero(lengths)
    device = network.output_bias.device

    @torch.inference_mode()
    def score(rows: slice | NDArray[np.intp]) -> None:
        part = sequences.take(chosen := there[rows])
        scores = network.score_bases(to_tensors(part, device)).permute(0, 1, 3, 2).cpu().numpy()
        inside = np.arange(scores.shape[2]) < part.lengths[:, None]
        shift = np.repeat(sequences.offsets[:-1][chosen] - part.offsets[:-1], part.lengths)
        out[:, np.arange(len(part.data)) + shift] = scores[:, inside]

    batches = list(batches_of(lengths[there], None, network.letters_at_once))
    if device.type == "cpu" and len(batches) > 1:
        with threads.taken_over():
            threads.run(score, batches)
    else:
        for rows in batches:
            score(rows)
    return out


def base_scores(network: Network, sequences: Ragged) -> NDArray[np.float32]:
    """Return the mean score of every base over members, shape (total, n_targets); see :func:`member_base_scores`."""
    mean: NDArray[np.float32] = member_base_scores(network, sequences).mean(0)
    return mean


def check(model: Model, label: str) -> None:
    """Refuse a model that does not score bases.

    Raises
    ------
    UsageError
    """
    if not model.network.gives_bases:
        raise UsageError(
            f"--per-base: {label} is of the architecture {model.architecture}, which scores whole sequences; train one "
            "that scores bases: --architecture unet"
        )

"""Sequences as vectors: what a network's last layer is given, which tells like from unlike sites beyond its one score.

Of both strands the features are taken as the score is: of the strand that has the better score (for several targets the
greater sum of scores), or the mean of both strands' features where the score is the mean of theirs; equivariant layers
give both strands the same. So the last layer makes the score of them, but for several targets whose better strands are
not the same one. Under the window rule they are the features of the best window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.errors import UsageError
from seqcnn.models import threads, window_rule
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network, to_tensors
from seqcnn.models.predict import batches_of
from seqcnn.sequence.ragged import Ragged, offsets_of

LAYERS: Final = ("last", "pooled")
"""Which features: what the last layer is given, or what comes of pooling along the sequence, before any dense layer."""

ENSEMBLES: Final = ("concatenate", "mean")
"""What is made of the features of several members: they stand side by side, or are averaged."""

BATCH_LETTERS: Final = 1 << 15

Floats = NDArray[np.float32]


def embed(network: Network, sequences: Ragged, layer: str = "last", batch_size: int | None = None) -> list[Floats]:
    """Return the features of sequences of any lengths.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
        Codes.
    layer : str
        One of :data:`LAYERS`.
    batch_size : int, optional
        Most sequences worked on at a time.

    Returns
    -------
    list of ndarray, each of shape (n, n_features)
        For each member, or each network of a collection in the order of its targets; NaN for a sequence without a
        letter.

    Raises
    ------
    UsageError
        If the architecture has no such features, or there is no such layer.
    """
    if layer not in LAYERS:
        raise UsageError(f"unknown layer {layer!r}; there are: {', '.join(LAYERS)}")
    if isinstance(network, collection.Model):
        found: dict[int, Floats] = {}
        for each, columns in zip(network.networks, network.columns, strict=True):
            found |= zip(columns, embed(each, sequences, layer, batch_size), strict=True)
        return [found[target] for target in range(len(found))]
    there = np.flatnonzero(sequences.lengths > 0)
    # An N stands for a batch where there is none, to know how many features there are.
    given = sequences.take(there) if len(there) else Ragged(np.full(1, 4, np.uint8), np.array([0, 1]))
    windowed = network.rule == "window"
    singles = [network.members([member]) for member in range(network.settings.n_members)] if windowed else []
    batches = list(batches_of(given.lengths, batch_size, min(network.letters_at_once, BATCH_LETTERS)))

    @torch.inference_mode()
    def work(rows: slice | NDArray[np.intp]) -> Floats:
        part = given.slice(rows.start, rows.stop) if isinstance(rows, slice) else given.take(rows)
        return _by_windows(network, singles, part, layer) if windowed else _whole(network, part, layer)

    with threads.taken_over():
        parts = threads.run(work, batches)
    out = np.full((len(parts[0]), len(sequences), parts[0].shape[2]), np.nan, dtype=np.float32)
    if len(there):
        for rows, values in zip(batches, parts, strict=True):
            out[:, there[rows]] = values
    return list(out)


def joined(parts: Sequence[Floats], ensemble: str) -> Floats:
    """Put the features of members side by side, or average them; shape (n, n_features of all, or of one).

    Raises
    ------
    UsageError
        If there is no such way, or those of networks of different shapes are to be averaged.
    """
    if ensemble not in ENSEMBLES:
        raise UsageError(f"unknown way {ensemble!r} to join features; there are: {', '.join(ENSEMBLES)}")
    if ensemble == "concatenate":
        return np.concatenate(parts, axis=1)
    if len({part.shape[1] for part in parts}) > 1:
        raise UsageError("networks of different shapes have no mean features; concatenate them")
    mean: NDArray[np.float64] = np.stack(parts).astype(np.float64).mean(0)
    return mean.astype(np.float32)


def feature_names(model: Model, parts: Sequence[Floats], ensemble: str) -> list[str]:
    """Name the columns of :func:`joined`: f0, f1 ...; m1_f0 of the second member, TARGET_f0 of a collection."""
    if ensemble == "mean" or len(parts) == 1:
        return [f"f{i}" for i in range(parts[0].shape[1])]
    of_targets = isinstance(model.network, collection.Model)
    called = model.target_names if of_targets else [f"m{member}" for member in range(len(parts))]
    return [f"{name}_f{i}" for name, part in zip(called, parts, strict=True) for i in range(part.shape[1])]


def _whole(network: Network, sequences: Ragged, layer: str) -> Floats:
    """Return the features of sequences as they are, shape (n_members, n, n_features)."""
    tensors = to_tensors(sequences, network.output_bias.device)
    parts = [
        _of_strands(*network.strand_features(inputs, layer), mean=network.settings.strands == "mean")
        for inputs in network.prepare(*tensors, len(sequences))
    ]
    features: Floats = torch.cat(parts, dim=1).float().cpu().numpy()
    return features


def _of_strands(features: Tensor, scores: Tensor, *, mean: bool) -> Tensor:
    """Return the features that the score is made of, shape (n_members, n, n_features)."""
    if features.shape[2] == 1:
        return features[:, :, 0]
    if mean:
        return features.mean(2)
    first, second = scores.sum(3, keepdim=True).unbind(2)
    both = (features[:, :, 0] + features[:, :, 1]) / 2  # else a tie would tell the strands apart
    return torch.where(first > second, features[:, :, 0], torch.where(first < second, features[:, :, 1], both))


def _by_windows(network: Network, singles: Sequence[Network], sequences: Ragged, layer: str) -> Floats:
    """Return the features of each sequence's best window, which may be another one for each member."""
    length = network.detector_length
    assert length is not None
    n_windows = sequences.lengths - (length - 1)
    long, short = np.flatnonzero(n_windows > 0), np.flatnonzero(n_windows <= 0)
    found: list[tuple[NDArray[np.intp], Floats]] = []
    if len(short):
        found.append((short, _whole(network, sequences.take(short), layer)))
    if len(long):
        counts = n_windows[long]
        bounds = offsets_of(counts)
        starts = np.arange(bounds[-1]) + np.repeat(sequences.offsets[long] - bounds[:-1], counts)
        scores = network.score_windows(sequences.data, starts, length).sum(2, dtype=np.float64)
        best = np.repeat(np.maximum.reduceat(scores, bounds[:-1], axis=1), counts, axis=1)
        of_members = []
        for single, is_best in zip(singles, scores == best, strict=True):
            there = np.flatnonzero(is_best)
            _, first = np.unique(np.searchsorted(bounds, there, side="right"), return_index=True)
            windows = window_rule.cut(sequences.data, starts[there[first]], length)
            of_members.append(_whole(single, windows, layer)[0])
        found.append((long, np.stack(of_members)))
    out = np.empty((len(singles), len(sequences), found[0][1].shape[2]), dtype=np.float32)
    for rows, values in found:
        out[:, rows] = values
    return out

"""DeepBind by its definition, in double precision: one-hot, conv1d, pooling, head. And small networks and sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from seqcnn.models import architectures
from seqcnn.models.architectures import deepbind
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import Ragged, from_rows

SHAPES: list[dict[str, Any]] = [
    {},
    {"hidden": 0, "n_members": 8},
    {"pooling": "max-average", "n_members": 2, "hidden": 5},
    {"pooling": "max-average", "hidden": 0, "kernel_size": 11},
    {"both_strands": False, "n_targets": 3, "kernel_size": 7},
    {"pooling": "max-average", "both_strands": False, "n_members": 3, "n_targets": 2},
    {"n_filters": 70, "n_members": 2, "kernel_size": 9},
    {"kernel_size": 1, "n_filters": 3, "pooling": "max-average"},
]
"""Settings that between them have every part of the shape."""


def make(settings: dict[str, Any], seed: int = 0) -> deepbind.Model:
    """Return a network whose thresholds, biases and weights all matter."""
    network = architectures.create("deepbind", settings)
    assert isinstance(network, deepbind.Model)
    network.seed(range(seed, seed + network.settings.n_members))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        network.filters.mul_(4)
        for name, parameter in network.named_parameters():
            if name.endswith(("threshold", "bias")):
                parameter.normal_(0, 0.3, generator=generator)
    return network.eval().requires_grad_(False)


def random_sequences(rng: np.random.Generator, lengths: list[int], n_share: float = 0.03) -> Ragged:
    """Return random codes with some N, in runs too."""
    rows = []
    for length in lengths:
        row = rng.integers(0, 4, length, dtype=np.uint8)
        row[rng.random(length) < n_share] = 4
        if length > 10 and rng.random() < 0.3:
            start = int(rng.integers(0, length - 5))
            row[start : start + 30] = 4
        rows.append(row)
    return from_rows(rows)


def score(network: deepbind.Model, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return scores, shape (n_members, n, n_targets), of sequences of one length, by the definition."""
    settings = network.settings
    k = settings.kernel_size
    x = functional.pad(torch.from_numpy(one_hot(codes)).double(), (k - 1, k - 1), value=0.25)
    out = []
    for m in range(settings.n_members):
        weights = {name: value[m].double() for name, value in network.named_parameters()}
        of_strands = []
        for filters in [weights["filters"], weights["filters"].flip(1, 2)][: 2 if settings.both_strands else 1]:
            active = functional.relu(functional.conv1d(x, filters) - weights["threshold"][:, None])
            features = active.amax(2)
            if settings.pooling == "max-average":
                features = torch.cat([features, active.mean(2)], dim=1)
            if settings.hidden:
                features = functional.relu(features @ weights["hidden_weight"] + weights["hidden_bias"])
            of_strands.append(features @ weights["output_weight"] + weights["output_bias"])
        out.append(torch.stack(of_strands).amax(0).numpy())
    return np.stack(out)


def score_each(network: deepbind.Model, sequences: Ragged) -> NDArray[np.float64]:
    """Return scores, shape (n_members, n, n_targets), of sequences of any lengths, by the definition."""
    out = np.full((network.settings.n_members, len(sequences), network.settings.n_targets), np.nan)
    lengths = sequences.lengths
    for length in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths == length)
        out[:, rows] = score(network, sequences.take(rows).data.reshape(len(rows), length))
    return out

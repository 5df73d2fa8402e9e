"""Networks with random weights, and sequences, for tests of motifs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models import architectures
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.sequence.alphabet import encode
from seqcnn.sequence.ragged import Ragged, from_rows, from_text
from seqcnn.sequence.windows import Windows


def network(seed: int = 0, **settings: object) -> Network:
    """Return a network whose filters fire at some windows."""
    torch.manual_seed(seed)
    shape = {"n_members": 2, "n_filters": 3, "kernel_size": 5, "hidden": 4, **settings}
    made = architectures.create("deepbind", shape)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape))
        made.threshold.copy_(torch.rand(made.threshold.shape) * 2)
    return made.eval().requires_grad_(False)


def model(network: Network, alphabet: str = "dna") -> Model:
    """Return a model of one target or more."""
    names = tuple(f"t{i}" for i in range(network.settings.n_targets))
    return Model(network, "deepbind", alphabet, "binary", names, None, {})


def collected(networks: Sequence[Network], rule: str = "whole") -> Model:
    """Return networks of one member as a collection, a group each; the targets are t0, t1 ..."""
    shape = ("both_strands", "n_filters", "kernel_size", "hidden", "pooling")
    groups = [{"targets": [i], **{name: getattr(n.settings, name) for name in shape}} for i, n in enumerate(networks)]
    made = collection.Model(collection.Settings(n_targets=len(networks), groups=groups))
    for ours, theirs in zip(made.networks, networks, strict=True):
        ours.load_state_dict(theirs.state_dict())
    made.rule = rule
    return dataclasses.replace(model(made.eval().requires_grad_(False)), architecture="collection")


def sequences(lengths: list[int], seed: int = 0, n_codes: int = 5) -> Ragged:
    """Return random codes, N among them."""
    rng = np.random.default_rng(seed)
    return from_rows([rng.integers(0, n_codes, length, dtype=np.uint8) for length in lengths])


def examples(codes: Ragged, windows: Windows | None = None, weights: np.ndarray | None = None) -> Examples:
    """Return examples of codes."""
    names = from_text(f"s{i}" for i in range(len(codes)))
    origin = np.full(len(codes), Origin.GIVEN, dtype=np.uint8)
    return Examples(codes, names, None, origin, windows, None, weights)


def detector(motif: str, *, strength: float = 1.0, kernel_size: int = 12, at: int = 2) -> np.ndarray:
    """Return a filter, shape (4, kernel_size), that likes a motif at one place of its window."""
    out = np.zeros((4, kernel_size), np.float32)
    codes = encode(motif)
    out[:, at : at + len(motif)] = -strength
    out[codes, at + np.arange(len(motif))] = strength
    return out


def planted(motifs: list[str], n: int = 60, length: int = 50, seed: int = 0) -> tuple[Ragged, np.ndarray]:
    """Return sequences, and labels: the first half have one of the motifs in their middle, on either strand."""
    rng = np.random.default_rng(seed)
    rows, complement = [], np.array([3, 2, 1, 0], np.uint8)
    for i in range(n):
        row = rng.integers(0, 4, length, dtype=np.uint8)
        if i < n // 2:
            codes = encode(motifs[i % len(motifs)])
            codes = complement[codes[::-1]] if rng.random() < 0.5 else codes
            start = (length - len(codes)) // 2 + int(rng.integers(-4, 5))
            row[start : start + len(codes)] = codes
        rows.append(row)
    return from_rows(rows), (np.arange(n) < n // 2).astype(np.float32)


def detecting(filters: list[np.ndarray], threshold: float, weights: list[float]) -> Network:
    """Return a network of one member without hidden layer that adds up what filters give, by weights."""
    n, (_, kernel_size) = len(filters), filters[0].shape
    made = architectures.create("deepbind", {"n_filters": n, "kernel_size": kernel_size, "hidden": 0})
    with torch.no_grad():
        made.filters.copy_(torch.from_numpy(np.stack(filters))[None])
        made.threshold.fill_(threshold)
        made.output_weight.copy_(torch.tensor(weights)[None, :, None])
        made.output_bias.zero_()
    return made.eval().requires_grad_(False)

"""Simulated examples, with the shortest way to train on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import Split
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from seqcnn.training.train import Trained, train

MOTIF = np.array([3, 2, 0, 1, 3, 1, 0, 3, 1], dtype=np.uint8)  # TGACTCATC


def sites(n: int, *, seed: int = 0, n_negatives: int | None = None, length: int = 50) -> Examples:
    """Return positives with a motif on either strand, one base in ten wrong, and random negatives."""
    rng = np.random.default_rng(seed)
    n_negatives = n if n_negatives is None else n_negatives
    codes = rng.integers(0, 4, (n + n_negatives, length)).astype(np.uint8)
    for row in codes[:n]:
        site = np.where(rng.random(len(MOTIF)) < 0.9, MOTIF, rng.integers(0, 4, len(MOTIF))).astype(np.uint8)
        at = rng.integers(0, length - len(MOTIF) + 1)
        row[at : at + len(MOTIF)] = site if rng.random() < 0.5 else reverse_complement(site)
    return given(codes, np.repeat([1.0, 0.0], [n, n_negatives]))


def given(codes: Iterable[NDArray[np.uint8]], targets: ArrayLike) -> Examples:
    """Return examples with these targets, one column if they have one dimension."""
    sequences = from_rows(codes)
    values = np.asarray(targets, dtype=np.float32)
    names = from_text(f"s{i}" for i in range(len(sequences)))
    return Examples(
        sequences, names, values.reshape(len(values), -1), np.full(len(values), Origin.GIVEN, dtype=np.uint8)
    )


def train_on(
    examples: Examples, preset: str = "default", *, part: Sequence[str] | None = None, **options: Any
) -> Trained:
    """Train on examples, every fifth of which validates if nothing else is said."""
    if part is None:
        part = ["valid" if i % 5 == 0 else "train" for i in range(len(examples))]
    split = Split(np.array(part, dtype=object), {name: list(part).count(name) for name in ("train", "valid", "test")})
    alphabet, names = options.pop("alphabet", "dna"), options.pop("target_names", None)
    assert examples.targets is not None
    return train(
        examples,
        split,
        TrainOptions(**PRESETS[preset] | options),
        target_names=names or [f"t{i}" for i in range(examples.targets.shape[1])],
        alphabet=alphabet,
        length=None,
        device=torch.device("cpu"),
    )

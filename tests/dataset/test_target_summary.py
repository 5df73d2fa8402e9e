"""What is known of all targets together, against NumPy on all at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.target_summary import TargetSummary
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.training.objectives import class_weights
from seqcnn.training.scaling import find_scaling


def examples(targets: NDArray[np.float32], weights: NDArray[np.float32] | None = None) -> Examples:
    n = len(targets)
    sequences = from_rows([np.zeros(3, dtype=np.uint8)] * n)
    origin = np.full(n, Origin.GIVEN, dtype=np.uint8)
    return Examples(sequences, from_text("" for _ in range(n)), targets, origin, weights=weights)


def summarise(whole: Examples, size: int) -> TargetSummary:
    assert whole.targets is not None
    summary = TargetSummary(whole.targets.shape[1])
    for start in range(0, len(whole), size):
        summary.add(whole.take(np.arange(start, min(start + size, len(whole)))))
    return summary


def weights_of(n: int, weighted: bool) -> NDArray[np.float32] | None:
    return np.random.default_rng(9).random(n).astype(np.float32) * 3 if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_numbers(size: int, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    targets = (rng.normal(size=(2000, 2)) * [1, 1000] + [0, 50_000]).astype(np.float32)
    targets[rng.random(targets.shape) < 0.2] = np.nan
    whole = examples(targets, weights_of(2000, weighted))
    summary = summarise(whole, size)
    wanted, found = find_scaling("regression", whole), find_scaling("regression", summary.sketch())
    np.testing.assert_allclose(found.shift, wanted.shift, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.scale, wanted.scale, rtol=1e-4)
    assert len(summary.sketch()) == 4
    assert not summary.complete
    assert summary.n == 2000
    assert summary.count(0, 1.0) == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes(task: str, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    n_scores = 3
    shape = (500, n_scores if task == "binary" else 1)
    targets = rng.integers(0, 2 if task == "binary" else n_scores, shape).astype(np.float32)
    targets[rng.random(shape) < 0.2] = np.nan
    whole = examples(targets, weights_of(500, weighted))
    summary = summarise(whole, 64)
    found = []
    for each in (whole, summary.sketch()):
        weights = None if each.weights is None else torch.from_numpy(each.weights)
        assert each.targets is not None
        found.append(class_weights(task, torch.from_numpy(each.targets), n_scores, weights))
    assert found[0] is not None
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)
    for target in range(shape[1]):
        for value in (0.0, 1.0, 5.0):
            assert summary.count(target, value) == np.count_nonzero(targets[:, target] == value)


def test_many_counts_stay_counts() -> None:
    """The sketch has nothing that the targets do not have."""
    targets = np.random.default_rng(2).negative_binomial(0.3, 1e-4, (5000, 1)).astype(np.float32)
    sketch = summarise(examples(targets), 100).sketch()
    assert sketch.targets is not None
    assert len(sketch) == 2
    assert sketch.targets.min() == targets.min() >= 0
    found, wanted = find_scaling("poisson", sketch), find_scaling("poisson", examples(targets))
    np.testing.assert_allclose(found.shift, wanted.shift, rtol=1e-5)


def test_nothing() -> None:
    summary = summarise(examples(np.zeros((0, 2), dtype=np.float32)), 1)
    summary.add(examples(np.full((3, 2), np.nan, dtype=np.float32)))
    assert summary.n == 3
    assert not len(summary.sketch())

"""Targets in training, and scores brought back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.models import architectures
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.training.scaling import find_scaling
from tests.training.conftest import given

NAN = float("nan")


def examples_of(targets: NDArray[np.float32], weights: NDArray[np.float32] | None = None) -> Examples:
    codes = np.random.default_rng(0).integers(0, 4, (len(targets), 20)).astype(np.uint8)
    return replace(given(codes, targets), weights=weights)


def draw(task: str, n: int = 50) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    drawn = rng.poisson(40, (n, 2)) if task == "poisson" else rng.normal(3, 2, (n, 2))
    drawn = drawn.astype(np.float32)
    drawn[rng.random((n, 2)) < 0.3] = NAN
    return drawn


def network(n_targets: int) -> Network:
    made = architectures.create("deepbind", {"n_members": 2, "n_targets": n_targets, "n_filters": 3, "kernel_size": 8})
    made.seed([1, 2])
    return made.eval()


def test_numbers_are_standardised_and_brought_back() -> None:
    examples = examples_of(draw("regression"))
    scaling = find_scaling("regression", examples)
    scaled = scaling.apply(examples).targets
    assert scaled is not None
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(np.nanmean(scaled, 0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(scaled, 0), 1, atol=1e-6)
    trained = network(2)
    before = member_scores(trained, examples.sequences)
    scaling.undo(trained)
    np.testing.assert_allclose(
        member_scores(trained, examples.sequences), before * scaling.scale + scaling.shift, rtol=1e-5
    )


def test_counts_are_divided_by_their_mean() -> None:
    """The log rate of the counts is that of the quotients, plus the log of the mean."""
    examples = examples_of(draw("poisson"))
    assert examples.targets is not None
    mean = np.nanmean(examples.targets.astype(np.float64), 0)
    scaling = find_scaling("poisson", examples)
    scaled = scaling.apply(examples).targets
    assert scaled is not None
    np.testing.assert_allclose(scaled, examples.targets / mean, rtol=1e-6)
    trained = network(2)
    before = member_scores(trained, examples.sequences)
    scaling.undo(trained)
    after = member_scores(trained, examples.sequences)
    np.testing.assert_allclose(np.exp(after), np.exp(before) * mean, rtol=1e-5)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_stay_as_they_are(task: str) -> None:
    examples = examples_of(np.array([[0], [1], [NAN], [1]], dtype=np.float32))
    scaling = find_scaling(task, examples)
    np.testing.assert_array_equal(scaling.apply(examples).targets, examples.targets)
    trained = network(1)
    before = member_scores(trained, examples.sequences)
    scaling.undo(trained)
    np.testing.assert_array_equal(member_scores(trained, examples.sequences), before)


@pytest.mark.parametrize("task", ["regression", "poisson"])
def test_a_weight_of_two_is_the_row_twice(task: str) -> None:
    targets, times = draw(task), np.random.default_rng(2).integers(0, 3, 50)
    weighted = find_scaling(task, examples_of(targets, times.astype(np.float32)))
    repeated = find_scaling(task, examples_of(np.repeat(targets, times, axis=0)))
    np.testing.assert_allclose(weighted.shift, repeated.shift)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_weights_have_a_mean_of_one() -> None:
    weights = np.array([0, 1, 5, 3e5], dtype=np.float32)
    examples = examples_of(np.array([[0], [1], [1], [0]], dtype=np.float32), weights)
    scaled = find_scaling("binary", examples).apply(examples).weights
    assert scaled is not None
    assert scaled.dtype == np.float32
    assert scaled.mean() == pytest.approx(1)
    np.testing.assert_allclose(scaled[1:] / scaled[1], [1, 5, 3e5], rtol=1e-6)
    assert (
        find_scaling("binary", examples_of(draw("regression"))).apply(examples_of(draw("regression"))).weights is None
    )
    nothing = replace(examples, weights=np.zeros(4, dtype=np.float32))
    assert find_scaling("regression", nothing).apply(nothing).weights is nothing.weights


@pytest.mark.parametrize("task", ["regression", "poisson"])
@pytest.mark.parametrize("value", [0.0, 7.0, NAN])
def test_targets_that_do_not_vary(task: str, value: float) -> None:
    """Such as in a fold: no warning, and numbers where there are numbers."""
    examples = examples_of(np.full((4, 1), value, dtype=np.float32))
    scaling = find_scaling(task, examples)
    scaled = scaling.apply(examples).targets
    assert scaled is not None
    assert np.isnan(scaled).all() == np.isnan(value)
    assert np.isfinite([scaling.shift, scaling.scale]).all()
    scaling.undo(trained := network(1))
    assert torch.isfinite(trained.output_bias).all()

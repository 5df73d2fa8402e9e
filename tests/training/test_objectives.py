"""Losses against plain loops, and what weighting the classes does to probabilities."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from seqcnn.training.objectives import Objective, balance, losses, unbalance

NAN = float("nan")


def by_hand(task: str, score: float, target: float, weight: float) -> float:
    if task == "regression":
        return (score - target) ** 2
    p = 1 / (1 + math.exp(-score))
    return -weight * target * math.log(p) - (1 - target) * math.log(1 - p)


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(["binary", "regression"]),
    st.integers(1, 3),
    st.integers(0, 6),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_losses_by_hand(task: str, members: int, n: int, n_targets: int, weighted: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(members, n, n_targets)).astype(np.float32)
    targets = rng.choice([0, 1, NAN], (n, n_targets)).astype(np.float32)
    weight = rng.uniform(0.2, 5, n_targets).astype(np.float32)
    wanted = [
        [
            by_hand(task, scores[m, i, t], targets[i, t], weight[t] if weighted else 1)
            for i in range(n)
            for t in range(n_targets)
            if not np.isnan(targets[i, t])
        ]
        for m in range(members)
    ]
    got = losses(
        task, torch.from_numpy(scores), torch.from_numpy(targets), torch.from_numpy(weight) if weighted else None
    )
    np.testing.assert_allclose(got.numpy(), [np.mean(each) if each else 0 for each in wanted], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_missing_is_left_out(task: str) -> None:
    """The loss and every gradient are as if the missing targets were not in the batch."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 6, 1, generator=generator)
    targets = torch.tensor([0, NAN, 1, NAN, 1, 0])[:, None]
    there = ~targets[:, 0].isnan()
    one, other = scores.clone().requires_grad_(), scores[:, there].clone().requires_grad_()
    all_losses, there_losses = losses(task, one, targets), losses(task, other, targets[there])
    torch.testing.assert_close(all_losses, there_losses)
    all_losses.sum().backward()  # type: ignore[no-untyped-call]
    there_losses.sum().backward()  # type: ignore[no-untyped-call]
    assert one.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(one.grad[:, there], other.grad)
    assert not one.grad[:, ~there].any()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_nothing_there(task: str) -> None:
    scores = torch.ones(2, 3, 1, requires_grad=True)
    loss = losses(task, scores, torch.full((3, 1), NAN))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.tolist() == [0, 0]
    assert scores.grad is not None
    assert not scores.grad.any()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_members_do_not_mix(task: str) -> None:
    scores = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([[0.0, 1], [1, NAN], [0, 0], [1, 1], [NAN, 0]])
    together = losses(task, scores, targets)
    spoilt = scores.clone()
    spoilt[0] = NAN
    torch.testing.assert_close(losses(task, spoilt, targets)[1:], together[1:])
    for i in range(3):
        torch.testing.assert_close(losses(task, scores[i : i + 1], targets), together[i : i + 1])


def test_balance_counts_classes() -> None:
    targets = torch.tensor([[1, 0, NAN], [0, 0, NAN], [0, NAN, NAN], [0, 1, 1]])
    torch.testing.assert_close(balance(targets), torch.tensor([3.0, 2.0, 1.0]))


def test_balanced_classes_count_alike() -> None:
    targets = torch.tensor([1.0] * 3 + [0.0] * 12)[:, None]
    scores = torch.zeros(1, 15, 1, requires_grad=True)
    losses("binary", scores, targets, balance(targets)).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    torch.testing.assert_close(scores.grad[0, :3].sum(), -scores.grad[0, 3:].sum())


def logistic(x: Tensor, targets: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Fit a slope and a bias to the end, as one member with one target."""
    slope, bias = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    slope.requires_grad_()
    bias.requires_grad_()
    optimiser = torch.optim.LBFGS([slope, bias], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = losses("binary", (x @ slope + bias)[None], targets, weight).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)
    return slope.detach(), bias.detach()


def test_probabilities_after_unbalance() -> None:
    """A model fitted with weighted classes gives, without the weight in its bias, the probabilities that there were."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20000, 1, dtype=torch.float64, generator=generator)
    truth = torch.sigmoid(1.5 * x - 3)  # about one in ten
    targets = (torch.rand(x.shape, dtype=torch.float64, generator=generator) < truth).double()
    weight = balance(targets)
    assert weight.item() > 4
    slope, bias = logistic(x, targets, weight)
    weighted = torch.sigmoid(x @ slope + bias).mean()
    unbalance(bias, weight)
    probability = torch.sigmoid(x @ slope + bias)
    assert weighted > 2 * targets.mean()
    assert abs(probability.mean() - targets.mean()) < 0.01
    _, without = logistic(x, targets, None)
    assert abs(bias - without) < 0.15
    edges = probability.flatten().quantile(torch.linspace(0, 1, 11, dtype=torch.float64))
    for low, high in pairwise(edges):
        inside = ((probability >= low) & (probability <= high)).flatten()
        assert abs(probability[inside].mean() - truth[inside].mean()) < 0.03


def test_the_constant_of_least_loss_is_the_log_odds() -> None:
    """Exact where nothing but the bias is fitted: the optimum moves by log w."""
    targets = torch.tensor([1.0] * 5 + [0.0] * 35, dtype=torch.float64)[:, None]
    x = torch.zeros(40, 1, dtype=torch.float64)
    for weight in (None, torch.tensor([3.0], dtype=torch.float64), balance(targets)):
        _, bias = logistic(x, targets, weight)
        if weight is not None:
            unbalance(bias, weight)
        assert bias.item() == pytest.approx(math.log(5 / 35), abs=1e-4)


def test_unbalance_every_member_and_target() -> None:
    bias = torch.nn.Parameter(torch.zeros(3, 2))
    unbalance(bias, torch.tensor([2.0, 1.0]))
    torch.testing.assert_close(bias.detach(), torch.tensor([[-math.log(2), 0.0]] * 3))
    assert bias.grad is None


def test_binary_loss_is_the_librarys() -> None:
    scores = torch.randn(1, 8, 1, generator=torch.Generator().manual_seed(2)) * 20
    targets = torch.tensor([0.0, 1] * 4)[:, None]
    torch.testing.assert_close(
        losses("binary", scores, targets)[0], functional.binary_cross_entropy_with_logits(scores[0], targets)
    )


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from(["binary", "regression"]),
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_the_written_out_gradient(
    task: str, members: int, n: int, n_targets: int, weighted: bool, complete: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.normal(size=(members, n, n_targets)) * rng.choice([0.1, 3, 30])).astype(np.float32)
    targets = rng.choice([0, 1] if complete else [0, 1, NAN], (n, n_targets)).astype(np.float32)
    weight = torch.from_numpy(rng.uniform(0.2, 5, n_targets).astype(np.float32)) if weighted else None
    if task == "regression":
        targets, weight = (targets * 3.7 - 1).astype(np.float32), None
    objective = Objective(task, weight, complete)
    with_graph = torch.from_numpy(scores).requires_grad_()
    wanted = objective(with_graph, torch.from_numpy(targets))
    torch.testing.assert_close(wanted, losses(task, with_graph, torch.from_numpy(targets), weight))
    wanted.sum().backward()  # type: ignore[no-untyped-call]
    assert with_graph.grad is not None
    got, gradient = objective.with_gradient(scores, targets)
    assert (got.shape, gradient.shape) == ((members,), scores.shape)
    assert got.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(got, wanted.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, with_graph.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("weight", [None, 4.0])
def test_extreme_scores(weight: float | None, complete: bool) -> None:
    """A warning would be an error."""
    scores = np.array([-1000, 1000, -1000, 1000, -100, 100, 0], dtype=np.float32)[None, :, None]
    targets = np.array([0, 1, 1, 0, 0, 1, 1], dtype=np.float32)[:, None]
    of_positives = weight or 1
    objective = Objective("binary", None if weight is None else torch.tensor([weight]), complete)
    got, gradient = objective.with_gradient(scores, targets)
    assert got[0] == pytest.approx((1000 * of_positives + 1000 + math.log(2) * of_positives) / 7, rel=1e-6)
    wanted = np.array([0, 0, -of_positives, 1, 0, 0, -0.5 * of_positives]) / 7
    np.testing.assert_allclose(gradient[0, :, 0], wanted, atol=1e-7)
    torch.testing.assert_close(torch.from_numpy(got), objective(torch.from_numpy(scores), torch.from_numpy(targets)))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_written_out_gradient_where_nothing_is_there(task: str) -> None:
    got, gradient = Objective(task).with_gradient(np.ones((2, 3, 1), dtype=np.float32), np.full((3, 1), NAN, "float32"))
    assert got.tolist() == [0, 0]
    assert not gradient.any()

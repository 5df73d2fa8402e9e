"""Losses against plain loops, and what weighting the classes does to probabilities."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqcnn.models.tasks import TASKS
from seqcnn.training.objectives import Objective, balance, balance_classes, class_weights, losses, unbalance

NAN = float("nan")


def draw_targets(task: str, n: int, n_scores: int, rng: np.random.Generator, *, complete: bool) -> NDArray[np.float32]:
    """Return targets that a task has, one in four missing."""
    shape = (n, 1 if task == "multiclass" else n_scores)
    drawn = {
        "binary": lambda: rng.integers(0, 2, shape),
        "regression": lambda: rng.normal(size=shape) * 3.7 - 1,
        "poisson": lambda: rng.poisson(2, shape),
        "multiclass": lambda: rng.integers(0, n_scores, shape),
    }[task]().astype(np.float32)
    if not complete:
        drawn[rng.random(shape) < 0.25] = NAN
    return drawn


def by_hand(task: str, score: float, target: float, weight: float) -> float:
    if task == "regression":
        return (score - target) ** 2
    if task == "poisson":
        return math.exp(score) - target * score
    p = 1 / (1 + math.exp(-score))
    return -weight * target * math.log(p) - (1 - target) * math.log(1 - p)


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(["binary", "regression", "poisson"]),
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


@pytest.mark.parametrize("task", TASKS)
def test_missing_is_left_out(task: str) -> None:
    """The loss and every gradient are as if the missing targets were not in the batch."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 6, 2 if task == "multiclass" else 1, generator=generator)
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


@pytest.mark.parametrize("task", TASKS)
def test_nothing_there(task: str) -> None:
    scores = torch.ones(2, 3, 1, requires_grad=True)
    loss = losses(task, scores, torch.full((3, 1), NAN))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.tolist() == [0, 0]
    assert scores.grad is not None
    assert not scores.grad.any()


@pytest.mark.parametrize("task", TASKS)
def test_members_do_not_mix(task: str) -> None:
    scores = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([[0.0, 1], [1, NAN], [0, 0], [1, 1], [NAN, 0]])
    targets = targets[:, :1] if task == "multiclass" else targets
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


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(TASKS),
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["none", "each", "of members"]),
    st.integers(0, 10**6),
)
def test_the_written_out_gradient(
    task: str, members: int, n: int, n_scores: int, by_class: bool, complete: bool, weighted: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.normal(size=(members, n, n_scores)) * rng.choice([0.1, 3, 30])).astype(np.float32)
    scores = scores.clip(max=10) if task == "poisson" else scores
    targets = draw_targets(task, n, n_scores, rng, complete=complete)
    class_weight = None
    if by_class and task in ("binary", "multiclass"):
        class_weight = torch.from_numpy(rng.uniform(0.2, 5, n_scores).astype(np.float32))
    objective = Objective(task, class_weight, complete)
    weights = None
    if weighted != "none":
        shape = (n,) if weighted == "each" else (members, n)
        weights = torch.from_numpy((rng.random(shape) * rng.integers(0, 2, shape)).astype(np.float32))
        objective = objective.weighted(weights)
    with_graph = torch.from_numpy(scores).requires_grad_()
    wanted = objective(with_graph, torch.from_numpy(targets))
    torch.testing.assert_close(
        wanted, losses(task, with_graph, torch.from_numpy(targets), class_weight, weights=weights)
    )
    wanted.sum().backward()  # type: ignore[no-untyped-call]
    assert with_graph.grad is not None
    before = scores.copy(), targets.copy()
    got, gradient = objective.with_gradient(scores, targets)
    np.testing.assert_array_equal(before[0], scores)
    np.testing.assert_array_equal(before[1], targets)
    assert (got.shape, gradient.shape) == ((members,), scores.shape)
    assert got.dtype == gradient.dtype == np.float32
    size = float(np.abs(with_graph.grad.numpy()).max())
    np.testing.assert_allclose(got, wanted.detach().numpy(), rtol=2e-5, atol=3e-6)
    np.testing.assert_allclose(gradient, with_graph.grad.numpy(), rtol=1e-5, atol=1e-6 * max(1, size))


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


@pytest.mark.parametrize("task", TASKS)
def test_the_written_out_gradient_where_nothing_is_there(task: str) -> None:
    got, gradient = Objective(task).with_gradient(np.ones((2, 3, 1), dtype=np.float32), np.full((3, 1), NAN, "float32"))
    assert got.tolist() == [0, 0]
    assert not gradient.any()


def test_losses_are_the_librarys() -> None:
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.normal(size=(1, 50, 4)).astype(np.float32) * 5)
    classes = torch.from_numpy(draw_targets("multiclass", 50, 4, rng, complete=True))
    weight = torch.tensor([0.5, 2, 1, 3])
    each = functional.cross_entropy(scores[0], classes[:, 0].long(), weight, reduction="none")
    torch.testing.assert_close(losses("multiclass", scores, classes, weight)[0], each.mean())
    counts = torch.from_numpy(draw_targets("poisson", 50, 4, rng, complete=True))
    wanted = functional.poisson_nll_loss(scores[0] / 5, counts)
    torch.testing.assert_close(losses("poisson", scores / 5, counts)[0], wanted)


def test_extreme_scores_of_classes() -> None:
    """A warning would be an error."""
    scores = np.array([[[1e4, -1e4, 0], [-1e38, 0, 1e38], [88, 89, 90]]], dtype=np.float32)
    targets = np.array([[0], [2], [2]], dtype=np.float32)
    got, gradient = Objective("multiclass").with_gradient(scores, targets)
    tail = math.log(1 + math.exp(-1) + math.exp(-2))
    assert got[0] == pytest.approx(tail / 3, rel=1e-5)
    np.testing.assert_allclose(gradient[0, :2], 0, atol=1e-7)
    np.testing.assert_allclose(gradient.sum(2), 0, atol=1e-7)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("complete", [False, True])
def test_a_weight_of_two_is_the_row_twice(task: str, complete: bool) -> None:
    rng = np.random.default_rng(3)
    n, n_scores = 40, 3
    scores = rng.normal(size=(2, n, n_scores)).astype(np.float32)
    targets = draw_targets(task, n, n_scores, rng, complete=complete)
    times = rng.integers(0, 4, n)
    rows = np.repeat(np.arange(n), times)
    there = np.count_nonzero(~np.isnan(targets)), np.count_nonzero(~np.isnan(targets[rows]))
    objective = Objective(task, complete=complete)
    weighted = objective.weighted(torch.from_numpy(times.astype(np.float32)))
    got, gradient = weighted.with_gradient(scores, targets)
    wanted, of_rows = objective.with_gradient(scores[:, rows], targets[rows])
    np.testing.assert_allclose(got * there[0], wanted * there[1], rtol=1e-4)
    summed = np.zeros_like(gradient)
    np.add.at(summed, (slice(None), rows), of_rows)
    np.testing.assert_allclose(gradient * there[0], summed * there[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_weights_of_one_change_nothing(task: str) -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(2, 30, 3)).astype(np.float32)
    targets = draw_targets(task, 30, 3, rng, complete=False)
    objective = Objective(task)
    plain, ones = (each.with_gradient(scores, targets) for each in (objective, objective.weighted(torch.ones(30))))
    for one, other in zip(plain, ones, strict=True):
        np.testing.assert_array_equal(one, other)
    assert objective.weighted(torch.ones(30)).weighted(None) == objective


def test_batches_are_unbiased() -> None:
    """With weights whose mean is 1, the losses of random batches are on average that of the whole set."""
    rng = np.random.default_rng(5)
    scores = torch.from_numpy(rng.normal(size=(1, 4000, 1)).astype(np.float32))
    targets = torch.from_numpy(draw_targets("binary", 4000, 1, rng, complete=True))
    weights = torch.from_numpy(rng.exponential(size=4000).astype(np.float32))
    weights /= weights.mean()
    objective = Objective("binary", complete=True)
    whole = objective.weighted(weights)(scores, targets)
    order = torch.from_numpy(rng.permutation(4000)).split(50)
    of_batches = [objective.weighted(weights[rows])(scores[:, rows], targets[rows]) for rows in order]
    torch.testing.assert_close(torch.stack(of_batches).mean(0), whole, rtol=1e-5, atol=1e-6)


def test_balance_counts_weights() -> None:
    targets = torch.tensor([[1.0], [0], [0], [NAN]])
    torch.testing.assert_close(balance(targets, torch.tensor([2.0, 1, 5, 9])), torch.tensor([3.0]))
    torch.testing.assert_close(balance(targets, torch.tensor([0.25, 0.25, 0.25, 1])), torch.tensor([2.0]))


def test_balanced_classes_of_a_set() -> None:
    classes = torch.tensor([0.0] * 6 + [1] * 3 + [2] + [NAN] * 5)[:, None]
    weight = balance_classes(classes, 3)
    torch.testing.assert_close(weight, torch.tensor([10 / 18, 10 / 9, 10 / 3]))
    of_each = weight[classes[:10, 0].long()]
    assert of_each.mean().item() == pytest.approx(1)
    for value in range(3):
        assert of_each[classes[:10, 0] == value].sum().item() == pytest.approx(10 / 3)
    twice = balance_classes(classes, 3, torch.tensor([1.0] * 9 + [3] + [7] * 5))
    torch.testing.assert_close(twice, torch.tensor([12 / 18, 12 / 9, 12 / 9]))
    torch.testing.assert_close(balance_classes(classes[:6], 3), torch.ones(3) * torch.tensor([1, 1, 1]))


def test_which_tasks_have_weights_of_classes() -> None:
    targets = torch.tensor([[0.0], [1], [1]])
    assert class_weights("regression", targets, 1) is None
    assert class_weights("poisson", targets, 1) is None
    torch.testing.assert_close(class_weights("binary", targets, 1), torch.tensor([0.5]))
    torch.testing.assert_close(class_weights("multiclass", targets, 2), torch.tensor([1.5, 0.75]))


def test_probabilities_of_classes_after_unbalance() -> None:
    """Where nothing but biases are fitted, the softmax without the weights is the classes' shares."""
    counts = (30, 9, 3)
    targets = torch.cat([torch.full((n, 1), float(i)) for i, n in enumerate(counts)]).double()
    weight = balance_classes(targets, 3)
    bias = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([bias], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = losses("multiclass", bias[:, None].expand(1, 42, 3), targets, weight).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)
    torch.testing.assert_close(
        bias.detach().softmax(1)[0], torch.full((3,), 1 / 3, dtype=torch.float64), atol=1e-5, rtol=0
    )
    unbalance(bias, weight)
    shares = torch.tensor(counts, dtype=torch.float64) / 42
    torch.testing.assert_close(bias.detach().softmax(1)[0], shares, atol=1e-5, rtol=0)

"""Mixup: what is mixed, with whom, and that the loss and its gradient are those of the mixtures."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from seqcnn.models import architectures
from seqcnn.models.architectures.deepbind import Model
from seqcnn.models.mixture import mixed, swapped
from seqcnn.models.network import Network
from seqcnn.sequence.ragged import from_rows
from seqcnn.training.feed import InMemory
from seqcnn.training.mixup import AT_ONCE, Mixed, shares
from seqcnn.training.objectives import Objective
from seqcnn.training.optimiser import Rates, create
from seqcnn.training.parallel import Group
from tests.models.test_cpu_step import make as make_network
from tests.models.test_cpu_step import random_rows, reseed, windows_of
from tests.training.test_fit import make, simulate

NAN = float("nan")


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_partners_are_neighbours(n: int) -> None:
    rows = np.arange(3 * n).reshape(n, 3)
    wanted = [i + 1 if i % 2 == 0 and i + 1 < n else i - 1 if i % 2 else i for i in range(n)]
    assert swapped(rows).tolist() == swapped(torch.from_numpy(rows)).tolist() == rows[wanted].tolist()
    mix = np.linspace(0.5, 1, (n + 1) // 2).astype(np.float32).repeat(2)[:n]
    x = np.random.default_rng(n).normal(size=(2, n, 4)).astype(np.float32)
    share = mix[:, None]
    got = mixed(x, mix, 1)
    np.testing.assert_allclose(got, share * x + (1 - share) * x[:, wanted], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mixed(torch.from_numpy(x), torch.from_numpy(mix), 1).numpy(), got)
    np.testing.assert_array_equal(mixed(x, np.ones(n, dtype=np.float32), 1), x)


def test_shares_are_of_a_beta_distribution_and_one_for_a_pair() -> None:
    drawn = np.stack(list(islice(shares(0.4, 11, 3, 1), AT_ONCE + 100)))
    assert drawn.shape == (AT_ONCE + 100, 11)
    assert drawn.dtype == np.float32
    assert np.array_equal(drawn[:, 0:10:2], drawn[:, 1::2])
    pairs = drawn[:, ::2].ravel()
    assert pairs.mean() == pytest.approx(0.5, abs=0.03)
    assert pairs.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.05)  # of Beta(a, a)
    assert np.stack(list(islice(shares(50, 10, 3, 1), 50))).var() < 0.004
    for skip in (0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 3):
        assert np.array_equal(next(shares(0.4, 11, 3, 1, skip)), drawn[skip])
    assert not np.array_equal(next(shares(0.4, 11, 4, 1)), drawn[0])
    assert not np.array_equal(next(shares(0.4, 11, 3, 2)), drawn[0])


def test_the_loss_is_that_of_the_mixed_target() -> None:
    """Cross-entropy with a target in between."""
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.normal(size=(2, 6, 1)).astype(np.float32))
    targets = torch.tensor([[0.0], [1], [1], [1], [0], [1]])
    mix = torch.tensor([0.3, 0.3, 0.8, 0.8, 1, 1])
    got = Mixed(Objective("binary", complete=True), mix)(scores, targets)
    between = mix[:, None] * targets + (1 - mix[:, None]) * swapped(targets)
    for member in range(2):
        wanted = functional.binary_cross_entropy_with_logits(scores[member], between)
        torch.testing.assert_close(got[member], wanted)


@pytest.mark.parametrize("task", ["binary", "regression", "poisson", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [None, "hinge"])
def test_the_written_out_gradient(task: str, weighted: bool, loss: str | None) -> None:
    if loss and task in ("regression", "poisson"):
        return
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 7, 3)).astype(np.float32)
    targets = rng.integers(0, 2, (7, 1 if task == "multiclass" else 3)).astype(np.float32)
    targets[2, 0] = NAN
    mix = torch.tensor([0.3, 0.3, 0.8, 0.8, 0.5, 0.5, 0.9])
    objective = Objective(task, loss=loss)
    if weighted:
        objective = objective.weighted(torch.from_numpy(rng.random(7).astype(np.float32)))
    with_graph = torch.from_numpy(scores).requires_grad_()
    wanted = Mixed(objective, mix)(with_graph, torch.from_numpy(targets))
    wanted.sum().backward()  # type: ignore[no-untyped-call]
    got, gradient = Mixed(objective, mix).with_gradient(scores, targets)
    assert with_graph.grad is not None
    np.testing.assert_allclose(got, wanted.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(gradient, with_graph.grad.numpy(), atol=1e-6)


def gradients(network: Model, inputs: Any, targets: Tensor, mix: Tensor | None, how: Any) -> list[Tensor]:
    reseed(network, 5)
    for parameter in network.parameters():
        assert parameter.grad is not None
        parameter.grad.zero_()
    network.mix = mix
    loss = Objective("binary", torch.tensor([2.0]))
    losses = how.add_gradients(network, inputs, targets, loss if mix is None else Mixed(loss, mix))
    network.mix = None
    return [losses, *(p.grad.clone() for p in network.parameters() if p.grad is not None)]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.booleans(), st.sampled_from([0, 5]), st.sampled_from([0.0, 0.4]), st.integers(0, 10**6))
def test_the_table_of_words_gives_the_gradient_of_automatic_differentiation(
    n: int, both_strands: bool, hidden: int, dropout: float, seed: int
) -> None:
    network = make_network(
        seed, n_members=3, n_filters=5, kernel_size=6, hidden=hidden, both_strands=both_strands, dropout=dropout
    )
    rng = np.random.default_rng(seed)
    windows = windows_of(network, random_rows(seed, rng.integers(4, 20, n).tolist()), 3)
    targets = torch.from_numpy(rng.integers(0, 2, (n, 1)).astype(np.float32))
    mix = torch.from_numpy(next(shares(0.6, n, seed, 1)))
    got, wanted = (gradients(network, windows, targets, mix, how) for how in (Model, Network))
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6 * max(1.0, float(other.abs().max())))
    plain, all_own = (gradients(network, windows, targets, each, Model) for each in (None, torch.ones(n)))
    for one, other in zip(plain, all_own, strict=True):
        assert torch.equal(one, other)  # a share of 1 is no mixture, to the bit


@pytest.mark.parametrize("strands", ["best", "mean", "equivariant"])
def test_deep_networks_mix_pooled_features(strands: str) -> None:
    settings = {"n_filters": 4, "kernel_size": 5, "hidden": 3, "strands": strands, "n_members": 2, "dropout": 0.3}
    network = architectures.create("resnet", settings)
    network.seed([1, 2])
    create("adamw", network, [Rates(0.01)] * 2, 1, "constant")
    network.train()
    codes, lengths = from_rows(random_rows(0, [20] * 6)).padded(), None
    inputs = next(network.prepare(torch.from_numpy(codes), lengths, 6))

    def scored(mix: Tensor | None) -> Tensor:
        network.dropout_generators = [np.random.default_rng(i) for i in range(2)]
        network.mix = mix
        with torch.no_grad():
            found: Tensor = network(inputs)
        network.mix = None
        return found

    plain = scored(None)
    assert torch.equal(scored(torch.ones(6)), plain)
    half = scored(torch.full((6,), 0.5))
    assert not torch.allclose(half, plain)
    network.mix = torch.full((6,), 0.5)
    network.dropouts = (0.0, 0.0)
    if strands != "best":  # where strands compete, partners' strands are paired as they come
        pairs = network(inputs).detach()
        torch.testing.assert_close(pairs[:, 0::2], pairs[:, 1::2])
    network.eval()
    network.mix = None
    with torch.no_grad():
        before: Tensor = network(inputs)
        network.mix = torch.full((6,), 0.5)
        assert torch.equal(network(inputs), before)  # in training only


def test_a_feed_gives_each_row_its_share() -> None:
    examples = simulate(50)
    feed = InMemory(examples, make([1]), 7, resample=False, seed=2, alpha=0.5)
    batches = list(feed.batches(3))
    for number, batch in enumerate(batches):
        assert batch.mix is not None
        assert np.array_equal(batch.mix.numpy(), next(shares(0.5, 7, 2, 3, number))[: len(batch.rows)])
    again = [batch.mix for batch in feed.batches(3, skip=4)]
    assert all(
        torch.equal(a, b.mix) for a, b in zip(again, batches[4:], strict=True) if a is not None and b.mix is not None
    )
    assert all(batch.mix is None for batch in InMemory(examples, make([1]), 7, resample=False, seed=2).batches(1))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [8, 9, 16, 33])
def test_processes_do_not_part_partners(batch_size: int, size: int) -> None:
    groups = [Group(rank, size).share(batch_size, pairs=True) for rank in range(size)]
    rows = np.arange(batch_size)
    assert np.concatenate([rows[each] for each in groups]).tolist() == rows.tolist()
    assert all(each.start % 2 == 0 for each in groups)
    assert max(len(rows[each]) for each in groups) - min(len(rows[each]) for each in groups) <= 3

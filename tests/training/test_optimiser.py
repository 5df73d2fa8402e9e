"""The optimisers of many members against the library's, one a member."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from seqcnn.models import architectures
from seqcnn.models.network import Network
from seqcnn.training.optimiser import OPTIMISERS, SCHEDULES, Optimiser, Rates, course, create, one_cycle

RATES = [Rates(0.01, 0.1, 0.9), Rates(0.001, 0.0, 0.5), Rates(0.03, 0.5, 0.0), Rates(0.002, 0.01, 0.98)]
N_STEPS = 30


def make(n_members: int) -> Network:
    network = architectures.create(
        "deepbind", {"n_members": n_members, "n_filters": 3, "kernel_size": 4, "hidden": 5, "n_targets": 2}
    )
    network.seed(range(n_members))
    return network


def gradients(network: Network, n_steps: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(7)
    named = list(network.named_parameters())
    return [{name: torch.randn(p.shape, generator=generator) for name, p in named} for _ in range(n_steps)]


def run(network: Network, steps: Optimiser, each: Sequence[dict[str, Tensor]]) -> None:
    """Give gradients the way a backward pass does: a loss that is linear in the weights."""
    for gradient in each:
        sum((p * gradient[name]).sum() for name, p in network.named_parameters()).backward()  # type: ignore[union-attr]
        steps.step()


def library(name: str, weights: dict[str, Tensor], rates: Rates, network: Network) -> torch.optim.Optimizer:
    groups = [
        {
            "params": [w for key, w in weights.items() if network.is_decayed(key) is decayed],
            "weight_decay": rates.weight_decay if decayed and name == "adamw" else 0.0,
        }
        for decayed in (True, False)
    ]
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rates.learning_rate, betas=(rates.momentum, 0.999), eps=1e-8)
    return torch.optim.SGD(groups, lr=rates.learning_rate, momentum=rates.momentum, nesterov=rates.momentum > 0)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_members_step_as_the_library(name: str, schedule: str) -> None:
    """SGD's decay is decoupled too, which the library's is not: it is taken off by hand before each step."""
    network = make(len(RATES))
    start = {key: value.detach().clone() for key, value in network.named_parameters()}
    each = gradients(network, N_STEPS)
    run(network, create(name, network, RATES, N_STEPS, schedule), each)
    for member, rates in enumerate(RATES):
        weights = {key: value[member].clone().requires_grad_() for key, value in start.items()}
        plain = library(name, weights, rates, network)
        for done, gradient in enumerate(each):
            share = course(schedule, done / N_STEPS)
            for group in plain.param_groups:
                group["lr"] = rates.learning_rate * share
            for key, weight in weights.items():
                weight.grad = gradient[key][member].clone()
                if name == "sgd" and network.is_decayed(key):
                    with torch.no_grad():
                        weight.mul_(1 - rates.learning_rate * share * rates.weight_decay)
            plain.step()
        for key, parameter in network.named_parameters():
            torch.testing.assert_close(parameter[member], weights[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_members_step_as_alone(name: str) -> None:
    network = make(len(RATES))
    each = gradients(network, 10)
    run(network, create(name, network, RATES, 10, "one-cycle"), each)
    for member, rates in enumerate(RATES):
        alone = make(1)
        alone.seed([member])
        parts = [{key: value[member : member + 1] for key, value in gradient.items()} for gradient in each]
        run(alone, create(name, alone, [rates], 10, "one-cycle"), parts)
        for (key, many), one in zip(network.named_parameters(), alone.parameters(), strict=True):
            assert torch.equal(many[member], one[0]), key


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_member_that_is_lost_takes_none_along(name: str) -> None:
    network = make(3)
    each = gradients(network, 3)
    for gradient in each:
        for value in gradient.values():
            value[1] = torch.nan
    run(network, create(name, network, RATES[:3], 3, "constant"), each)
    for parameter in network.parameters():
        assert parameter[[0, 2]].isfinite().all()
        assert parameter[1].isnan().all()


def test_decay_leaves_biases_and_thresholds() -> None:
    network = make(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0)
    steps = create("sgd", network, [Rates(0.5, 0.5, 0.0)], 1, "constant")
    steps.step()
    for name, parameter in network.named_parameters():
        assert parameter.unique().tolist() == [0.75 if network.is_decayed(name) else 1.0]


def test_parameters_are_views_of_one_buffer() -> None:
    network = make(2)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    steps = create("adamw", network, RATES[:2], 1, "constant")
    assert steps.weights.numel() == 2 * network.n_parameters
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name])
    steps.weights.copy_(steps.member)
    for parameter in network.parameters():
        assert parameter[0].unique().tolist() == [0]
        assert parameter[1].unique().tolist() == [1]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_clears_the_gradient(name: str) -> None:
    network = make(1)
    steps = create(name, network, [Rates(0.1)], 4, "constant")
    network.output_bias.sum().backward()  # type: ignore[no-untyped-call]
    network.output_bias.sum().backward()  # type: ignore[no-untyped-call]
    assert network.output_bias.grad is not None
    assert network.output_bias.grad.unique().tolist() == [2]  # it comes together until the step
    steps.step()
    assert not steps.gradient.any()
    assert not network.output_bias.grad.any()


def test_one_cycle() -> None:
    shares = [one_cycle(i / 1000) for i in range(1001)]
    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == pytest.approx(1) == shares[200]
    assert shares[600] == pytest.approx(0.5)
    assert shares[1000] == pytest.approx(0)
    assert shares[:201] == sorted(shares[:201])
    assert shares[200:] == sorted(shares[200:], reverse=True)
    assert max(abs(b - a) for a, b in pairwise(shares)) < 0.005


@pytest.mark.parametrize("name", OPTIMISERS)
def test_finds_the_least_of_a_bowl(name: str) -> None:
    network = make(2)
    steps = create(name, network, [Rates(0.05), Rates(0.03)], 400, "one-cycle")
    for _ in range(400):
        torch.stack([(p - 1).square().sum() for p in network.parameters()]).sum().backward()  # type: ignore[no-untyped-call]
        steps.step()
    torch.testing.assert_close(steps.weights, torch.ones_like(steps.weights), rtol=0, atol=0.02)


def test_courses_of_the_learning_rate() -> None:
    places = np.linspace(0, 1, 101)
    shares = {name: np.array([course(name, done) for done in places]) for name in SCHEDULES}
    assert all(((each >= 0) & (each <= 1)).all() for each in shares.values())
    np.testing.assert_array_equal(shares["one-cycle"], [one_cycle(done) for done in places])
    np.testing.assert_array_equal(shares["constant"], 1)
    np.testing.assert_allclose(shares["cosine"], np.cos(np.pi * places / 2) ** 2, atol=1e-12)  # half-angle identity
    assert [course("step", done) for done in (0, 0.49, 0.5, 0.74, 0.75, 1)] == [1, 1, 0.1, 0.1, 0.01, 0.01]

"""What all architectures share: random numbers of each member, dropout's factors, rescaling, the plain gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqcnn.models import architectures
from seqcnn.models.network import Network, Settings, to_tensors
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import from_rows
from seqcnn.training.objectives import Objective


class Counts(Network):
    """A linear model of how often each base occurs, the smallest network there is."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.output_weight = nn.Parameter(torch.empty(settings.n_members, 4, settings.n_targets))
        self.output_bias = nn.Parameter(torch.zeros(settings.n_members, settings.n_targets))

    def initialise(self) -> None:
        self.output_weight.copy_(self.draw(*self.output_weight.shape[1:], uniform=False))

    def prepare(self, codes: Tensor, lengths: Tensor | None, batch_size: int) -> Iterator[Tensor]:
        for part in codes.split(batch_size):  # type: ignore[no-untyped-call]
            yield (part[:, :, None] == torch.arange(4)).float().mean(1)

    def forward(self, inputs: Any) -> Tensor:
        return inputs @ self.output_weight + self.output_bias[:, None]  # type: ignore[no-any-return]


def make(**options: Any) -> Counts:
    network = Counts(Settings(**options))
    network.seed(range(network.settings.n_members))
    return network


def test_members_have_their_own_random_numbers() -> None:
    """The same ones whoever is beside them."""
    three, alone = make(n_members=3), make(n_members=1)
    assert torch.equal(three.output_weight[0], alone.output_weight[0])
    assert not torch.equal(three.output_weight[0], three.output_weight[1])
    assert torch.equal(three.draw(5)[0], alone.draw(5)[0])
    drawn = three.draw(1000)
    assert drawn.shape == (3, 1000)
    assert 0 <= drawn.min() < drawn.max() < 1
    assert three.draw(1000, uniform=False).min() < -1
    seven = make()
    seven.seed([7])
    first = seven.output_weight.clone()
    seven.seed([7])
    assert torch.equal(seven.output_weight, first)


@pytest.mark.parametrize("dropout", [0.0, 0.25, 0.5, 0.9])
def test_keep(dropout: float) -> None:
    network, alone = make(n_members=2, dropout=dropout), make(n_members=1, dropout=dropout)
    kept = network.keep(100, 1, 200)
    assert kept.shape == (2, 100, 1, 200)
    assert kept.dtype == torch.float32
    assert sorted(set(kept.flatten().tolist())) == pytest.approx([0, 1 / (1 - dropout)] if dropout else [1])
    # Three standard errors around the mean of 1.
    error = (dropout / (1 - dropout) / 20000) ** 0.5
    torch.testing.assert_close(kept.mean((1, 2, 3)), torch.ones(2), rtol=0, atol=3 * error + 1e-6)
    assert torch.equal(alone.keep(100, 1, 200)[0], kept[0])
    if dropout:
        assert not torch.equal(kept[0], kept[1])
        assert not torch.equal(network.keep(100, 1, 200), kept)


@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize("hidden", [0, 5])
def test_rescale(hidden: int, both_strands: bool) -> None:
    options = {"n_members": 3, "n_targets": 2, "n_filters": 6, "kernel_size": 7, "hidden": hidden}
    network = architectures.create("deepbind", options | {"both_strands": both_strands})
    network.seed([1, 2, 3])
    rng = np.random.default_rng(0)
    sequences = from_rows(rng.integers(0, 4, 30).astype(np.uint8) for _ in range(20))
    before = predict(network.eval(), sequences)
    scale, shift = torch.tensor([3.0, 0.01], dtype=torch.float64), torch.tensor([-2.0, 100.0], dtype=torch.float64)
    network.rescale(scale, shift)
    assert network.output_bias.dtype == torch.float32
    np.testing.assert_allclose(
        predict(network, sequences), before * scale.numpy() + shift.numpy(), rtol=1e-5, atol=1e-5
    )


def test_the_plain_gradient() -> None:
    """Of a network that has no other; losses come back, gradients add up."""
    network = make(n_members=2, n_targets=2)
    codes = torch.from_numpy(np.random.default_rng(1).integers(0, 5, (6, 20)).astype(np.uint8))
    inputs = next(network.prepare(codes, None, 6))
    targets = torch.tensor([[0.0, 1], [1, float("nan")], [0, 0], [1, 1], [0, 1], [1, 0]])
    losses = network.add_gradients(inputs, targets, Objective("regression"))
    assert losses.shape == (2,)
    assert not losses.requires_grad
    there = ~targets.isnan()
    apart = ((network(inputs) - targets.nan_to_num()) * there).detach()
    torch.testing.assert_close(losses, apart.square().sum((1, 2)) / 11)
    assert network.output_bias.grad is not None
    assert network.output_weight.grad is not None
    torch.testing.assert_close(network.output_bias.grad, 2 * apart.sum(1) / 11)
    torch.testing.assert_close(network.output_weight.grad, 2 * inputs.T @ apart / 11)
    once = network.output_bias.grad.clone()
    network.add_gradients(inputs, targets, Objective("regression"))
    torch.testing.assert_close(network.output_bias.grad, 2 * once)


def test_what_is_decayed_and_counted() -> None:
    options = {"n_members": 3, "n_targets": 2, "n_filters": 6, "kernel_size": 7, "hidden": 5}
    network = architectures.create("deepbind", options)
    decayed = {name for name, _ in network.named_parameters() if network.is_decayed(name)}
    assert decayed == {"filters", "hidden_weight", "output_weight"}
    assert network.n_parameters == 6 * 4 * 7 + 6 + 6 * 5 + 5 + 5 * 2 + 2


def test_to_tensors() -> None:
    rows = [np.array([0, 1, 2, 3], dtype=np.uint8), np.array([3, 4], dtype=np.uint8)]
    codes, lengths = to_tensors(from_rows(rows), torch.device("cpu"))
    assert codes.tolist() == [[0, 1, 2, 3], [3, 4, 4, 4]]
    assert lengths is not None
    assert lengths.tolist() == [4, 2]
    codes, lengths = to_tensors(from_rows(rows[:1] * 2), torch.device("cpu"))
    assert lengths is None
    assert codes.tolist() == [[0, 1, 2, 3]] * 2
    assert to_tensors(from_rows([]), torch.device("cpu"))[1] is None

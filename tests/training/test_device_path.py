"""The way of a GPU, gone on the CPU: no numbers from the host within a step, and the results of the CPU's own way."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from seqcnn.models.dropout import DeviceFactors
from seqcnn.models.network import Network
from seqcnn.training import graph, step
from seqcnn.training.ahead import AT_ONCE, Ahead
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.averaging import Averaging
from seqcnn.training.feed_device import Resident
from seqcnn.training.fit import Fit, fit
from seqcnn.training.graph import Graphed
from seqcnn.training.optimiser import Rates
from seqcnn.training.step import OnDevice
from tests.training.test_fit import make, plan, simulate, weights, without_times

CPU = torch.device("cpu")
RATES = [Rates(0.02, 0.1, 0.8), Rates(0.03, 0.0, 0.95, 0.2, False)]


@pytest.fixture
def as_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Network, "on_cpu", property(lambda _: False))


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({}, {}),
        ({}, {"augmentation": Augmentation(4, True, 0.1, 3), "mixup": 0.4, "averaging": Averaging("ema", 0.9)}),
        ({}, {"loss": "hinge", "averaging": Averaging("swa", start=0.4), "optimiser": "sgd"}),
        ({"hidden": 0}, {"task": "regression", "decay_from": 9}),
        ({"pooling": "max-average"}, {"optimiser": "sgd", "schedule": "constant", "decay_from": 7}),
    ],
)
def test_a_fit_is_that_of_the_cpu(
    options: dict[str, Any], changes: dict[str, Any], ragged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = changes.get("task", "binary")
    train, valid = (simulate(n, seed, task=task, ragged=ragged) for n, seed in ((100, 0), (40, 1)))
    results = []
    for on_cpu in (True, False):
        monkeypatch.setattr(Network, "on_cpu", property(lambda _, on_cpu=on_cpu: on_cpu))
        network = make([1, 2], n_filters=8, **options)
        once = Fit(network, train, valid, plan(rates=RATES, epochs=5, **changes))
        assert isinstance(once.step, OnDevice) is not on_cpu
        assert isinstance(once.feed, Resident) is not on_cpu
        results.append((without_times(once.run()), weights(network)))
    for name, value in results[0][1].items():
        torch.testing.assert_close(results[1][1][name], value, rtol=0, atol=1e-5)
    for (number, *curves), (other, *wanted) in zip(results[1][0][0], results[0][0][0], strict=True):
        assert number == other
        np.testing.assert_allclose(curves, wanted, atol=1e-5)


@pytest.mark.usefixtures("as_device")
@pytest.mark.parametrize("at", [1, 9, 14])
def test_it_goes_on_from_any_step(at: int) -> None:
    """With the dropout that it would have had."""
    train = simulate(100)
    whole = make([1, 2], dropout=0.4)
    fit(whole, train, None, plan(2, epochs=3))

    class Enough(Exception):  # noqa: N818
        pass

    def stop(fitted: Fit) -> None:
        if fitted.optimiser.steps_done == at:
            raise Enough

    network = make([1, 2], dropout=0.4)
    broken = Fit(network, train, None, plan(2, epochs=3))
    with pytest.raises(Enough):
        broken.run(on_step=stop)
    other = make([1, 2], dropout=0.4)
    resumed = Fit(other, train, None, plan(2, epochs=3))
    resumed.optimiser.weights.copy_(broken.optimiser.weights)
    for name, moment in resumed.optimiser.state().items():
        moment.copy_(broken.optimiser.state()[name])
    resumed.optimiser.steps_done, resumed.epoch = at, broken.epoch
    resumed.losses.set(broken.losses.all())
    resumed.run()
    for one, wanted in zip(other.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, wanted)


@pytest.mark.usefixtures("as_device")
def test_members_have_dropout_of_their_own() -> None:
    """Whoever is trained beside them."""
    train = simulate(64)
    together = make([1, 2, 3], dropout=0.5)
    fit(together, train, None, plan(3, epochs=2))
    alone = make([2], dropout=0.5)
    fit(alone, train, None, plan(1, epochs=2))
    for many, one in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(many[1], one[0], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("as_device")
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_a_member_that_is_lost_stops(name: str) -> None:
    network = make([1, 2])
    train = simulate(64)
    history = fit(network, train, None, plan(rates=[Rates(0.01), Rates(1e30)], optimiser=name, bears_loss=True))
    assert list(history.lost) == [1]
    for parameter in network.parameters():
        assert parameter[0].isfinite().all()
        assert not parameter[1].any()


def test_numbers_ahead() -> None:
    made: list[int] = []

    def of_step(number: int) -> list[list[float]]:
        made.append(number)
        return [[number, number + 0.5], [-number, 0.0]]

    ahead = Ahead(of_step, 2, 2, CPU)
    for number in (*range(AT_ONCE + 3), 7, 8):  # and back, as after a checkpoint
        ahead.load(number)
        assert ahead.next().tolist() == [[number, number + 0.5], [-number, 0.0]]
    assert len(made) == 3 * AT_ONCE
    ahead.load(9)
    ahead.forget()
    ahead.load(10)
    assert len(made) == 4 * AT_ONCE
    assert ahead.next()[0, 0] == 10


def test_factors_of_dropout() -> None:
    dropouts = [0.0, 0.25, 0.9]
    factors = DeviceFactors([1, 2, 3], dropouts, CPU)
    shape = (200, 1, 64)
    masks = torch.stack([factors.draw(shape) for _ in range(20)])
    for member, dropout in enumerate(dropouts):
        drawn = masks[:, member]
        assert drawn.unique().tolist() == pytest.approx([0.0, 1 / (1 - dropout)] if dropout else [1.0])
        n = drawn.numel()
        assert abs(float((drawn == 0).double().mean()) - dropout) < 5 * (dropout * (1 - dropout) / n) ** 0.5 + 1e-9
    dropped = (masks[:, 1] == 0).double()
    for other in (dropped.roll(1, 0), dropped.roll(1, 1), dropped.roll(1, 3), dropped.roll((1, 1), (0, 1))):
        together = float((dropped * other).mean())
        assert abs(together - 0.25**2) < 0.002  # neighbours in step, sequence and feature know nothing of each other


def test_factors_follow_seed_step_and_place() -> None:
    factors = DeviceFactors([1, 2], [0.5, 0.5], CPU)
    factors.begin(7)
    first, second = factors.draw((10, 1, 8)), factors.draw((10, 1, 8))
    factors.go_on()
    third = factors.draw((10, 1, 8))
    for one, other in ((first, second), (first, third), (second, third), (first[0], first[1])):
        assert not torch.equal(one, other)
    factors.begin(7)
    assert torch.equal(factors.draw((4, 1, 8), 3), first[:, 3:7])  # some rows of it
    other = DeviceFactors([2], [0.5], CPU)
    other.begin(8)
    assert torch.equal(other.draw((10, 1, 8))[0], third[1])


class Fake:
    """Stands for a CUDA graph: work on fixed places, the result in a fixed place."""

    made: ClassVar[list[Fake]] = []

    def __init__(self, work: graph.Work, given: graph.Given, pool: Any) -> None:
        self.work, self.places = work, tuple(None if tensor is None else tensor.clone() for tensor in given)
        self.runs = 0
        Fake.made.append(self)

    def __call__(self, given: graph.Given) -> Tensor:
        for place, tensor in zip(self.places, given, strict=True):
            assert (place is None) == (tensor is None)
            if place is not None and tensor is not None:
                assert place.shape == tensor.shape
                place.copy_(tensor)
        self.runs += 1
        return self.work(*self.places).clone()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    """Have steps be recorded."""
    monkeypatch.setattr(Graphed, "_record", lambda self, given: Fake(self.work, given, None))
    real = OnDevice.__init__

    def records(self: OnDevice, *given: Any) -> None:
        real(self, *given)
        self.records = True

    monkeypatch.setattr(OnDevice, "__init__", records)
    monkeypatch.setattr(OnDevice, "running", step.Step.running)
    Fake.made = []
    return Fake.made


@pytest.mark.usefixtures("as_device")
@pytest.mark.parametrize("ragged", [False, True])
def test_recorded_steps_do_the_same(ragged: bool, fakes: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    train = simulate(100, 0, ragged=ragged)
    results = []
    for recorded in (True, False):
        if not recorded:
            monkeypatch.setattr(graph, "WARM_UP", 1 << 30)
        network = make([1, 2], dropout=0.3)
        fit(network, train, None, plan(2, epochs=6))
        results.append(weights(network))
    assert len(fakes) == 1  # one shape: 12 to 30 bp make one width; the last batch is not recorded
    assert fakes[0].runs == 6 * 6 - 3
    for name, value in results[0].items():
        assert torch.equal(value, results[1][name])


def test_what_is_recorded(fakes: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST", 2)
    graphed = Graphed(lambda a, b: a * 2 if b is None else a + b)
    numbers = torch.arange(4.0)
    for i in range(6):
        assert graphed(numbers + i, None).tolist() == ((numbers + i) * 2).tolist()
        assert len(fakes) == (i >= graph.WARM_UP)
    for i in range(6):
        assert graphed(numbers, numbers * i).tolist() == (numbers + numbers * i).tolist()
    assert len(fakes) == 2
    for _ in range(6):
        assert graphed(numbers[:2], None).tolist() == [0, 2]  # one shape too many
    assert len(fakes) == 2
    assert graphed.n_recorded == 2
    graphed.forget()
    for _ in range(4):
        assert graphed(numbers[:2], None).tolist() == [0, 2]
    assert graphed.n_recorded == len(fakes) == 3  # there is room again
    large = Graphed(lambda a: a)
    large.needed = graph.LARGE + 1
    for _ in range(6):
        large(numbers)
    assert len(fakes) == 3


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.usefixtures("as_device")
def test_precision(precision: str) -> None:
    train, valid = simulate(400, 0), simulate(200, 1)
    network = make([1, 2], n_filters=8)
    network.precision = precision
    seen = set()
    network.register_forward_hook(lambda module, _, scores: seen.add((module.training, scores.dtype)))
    head = network._head
    types = set()

    def spy(features: Tensor, *given: Any) -> Tensor:
        types.add(torch.is_autocast_enabled("cpu"))
        return head(features, *given)

    network._head = spy  # type: ignore[method-assign]
    history = fit(network, train, valid, plan(2, epochs=8, rates=[Rates(0.03)] * 2))
    assert types == ({False} if precision == "float32" else {False, True})  # predictions are never in bf16
    assert min(history.best_score) > 0.9
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())

"""Averages of weights: what is in them, and that they are what is judged and kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqcnn.models import architectures
from seqcnn.models.norm import Norm
from seqcnn.training.averaging import Average, Averaging, renew_statistics
from seqcnn.training.feed import InMemory
from seqcnn.training.fit import Fit
from seqcnn.training.optimiser import Rates
from tests.training.test_fit import make, plan, simulate

EMA, SWA = Averaging("ema", decay=0.8), Averaging("swa", start=0.5)


def test_the_exponential_average_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    weights = torch.zeros(5)
    average = Average(EMA, weights, 10)
    seen = []
    for _ in range(7):
        weights.copy_(torch.from_numpy(rng.normal(size=5).astype(np.float32)))
        seen.append(weights.numpy().astype(np.float64))
        average.after_step()
        average.after_epoch(10)  # is for the other kind
        share = 0.8 ** np.arange(len(seen) - 1, -1, -1)
        wanted = share @ np.stack(seen) / share.sum()  # the weights before the first step are not in it
        np.testing.assert_allclose(average.weights.numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert average.n == 7


def test_the_average_of_epochs() -> None:
    weights = torch.zeros(3)
    average = Average(Averaging("swa", start=0.6), weights, 10)
    for epoch in range(1, 11):
        weights.fill_(epoch)
        average.after_step()  # is for the other kind
        average.after_epoch(epoch)
        assert average.n == max(0, epoch - 6)
    torch.testing.assert_close(average.weights, torch.full((3,), 8.5))  # of 7, 8, 9, 10


@pytest.mark.parametrize(
    ("start", "epochs", "first"), [(0.75, 4, 4), (0.75, 60, 46), (0.0, 9, 1), (0.99, 3, 3), (0.9, 1, 1)]
)
def test_the_first_epoch_that_is_averaged(start: float, epochs: int, first: int) -> None:
    assert Averaging("swa", start=start).first_epoch(epochs) == first


def begin(averaging: Averaging | None, name: str = "deepbind", n_valid: int = 30, **changes: Any) -> Fit:
    network = make([1, 2]) if name == "deepbind" else deep(name)
    valid = simulate(n_valid, 1) if n_valid else None
    return Fit(network, simulate(60), valid, plan(2, epochs=6, averaging=averaging, **changes))


def deep(name: str) -> Any:
    network = architectures.create(
        name, {"n_members": 2, "n_filters": 4, "kernel_size": 7, "hidden": 3, "dropout": 0.3}
    )
    network.seed([1, 2])
    return network


def courses(fit: Fit) -> tuple[list[Tensor], list[Tensor]]:
    """Run a fit; return the weights after each step, and those after each epoch."""
    steps, epochs = [], []

    def look(fit: Fit) -> None:
        steps.append(fit.optimiser.weights.clone())
        if not len(fit.losses):
            epochs.append(steps[-1])

    fit.run(on_step=look)
    return steps, epochs


def test_what_is_kept_is_the_average() -> None:
    """The course of the weights that are trained is not touched."""
    plain_steps, epochs = courses(begin(None, n_valid=0))
    for averaging in (EMA, SWA):
        fit = begin(averaging, n_valid=0)
        steps, _ = courses(fit)
        assert all(torch.equal(a, b) for a, b in zip(steps, plain_steps, strict=True))
        found = fit.optimiser.weights
        if averaging is SWA:
            torch.testing.assert_close(found, torch.stack(epochs[3:]).mean(0), rtol=1e-5, atol=1e-6)
        else:
            share = 0.8 ** torch.arange(len(steps) - 1, -1, -1.0)
            wanted = (share[:, None] * torch.stack(steps)).sum(0) / share.sum()
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("averaging", [EMA, SWA])
def test_the_average_is_judged_and_kept(averaging: Averaging) -> None:
    """The score of the epoch that is kept is that of the network in the end."""
    fit = begin(averaging)
    history = fit.run()
    loss, score = fit._validate(6)
    assert score == history.best_score
    best = [history.epochs[epoch - 1] for epoch in history.best_epoch]
    assert loss == [each.validation_loss[i] for i, each in enumerate(best)]
    plain = begin(None).run()
    assert [e.training_loss for e in plain.epochs] == [e.training_loss for e in history.epochs]
    different = [e.validation_loss != p.validation_loss for e, p in zip(history.epochs, plain.epochs, strict=True)]
    assert different == ([True] * 6 if averaging is EMA else [False] * 3 + [True] * 3)[: len(different)] or (
        averaging is SWA and different == [False] * 4 + [True] * 2  # the average of one epoch is that epoch
    )


@pytest.mark.parametrize("averaging", [EMA, SWA])
def test_members_are_averaged_as_if_alone(averaging: Averaging) -> None:
    train, valid = simulate(60), simulate(30, 1)
    rates = [Rates(0.02), Rates(0.005)]
    together = make([1, 2])
    Fit(together, train, valid, plan(rates=rates, averaging=averaging)).run()
    for member in range(2):
        alone = make([member + 1])
        Fit(alone, train, valid, plan(rates=rates[member : member + 1], averaging=averaging)).run()
        torch.testing.assert_close(together.filters[member], alone.filters[0], rtol=1e-3, atol=1e-3)


def test_statistics_are_those_of_the_averaged_weights() -> None:
    """Means and variances over batches are what each layer gets, with the weights that are kept and without dropout."""
    network = deep("basset")
    examples = simulate(64)
    feed = InMemory(examples, network, 16, resample=False, seed=3)
    before = [generator.bit_generator.state for generator in network.dropout_generators]
    renew_statistics(network, feed, 2)
    assert [generator.bit_generator.state for generator in network.dropout_generators] == before
    norm = network.first_norm
    assert isinstance(norm, Norm)
    means, variances = [], []
    for batch in feed.batches(2):
        codes, lengths = batch.inputs
        with torch.no_grad():
            both = torch.cat([codes, (3 - codes).flip(1)])
            from seqcnn.models.one_hot import one_hot

            values = network.detector_scores(one_hot(both), lengths).values
        means.append(values.mean((0, 2)))
        variances.append(values.var((0, 2)))
    torch.testing.assert_close(norm.running_mean.flatten(), torch.stack(means).mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_variance.flatten(), torch.stack(variances).mean(0), rtol=1e-3, atol=1e-5)
    assert norm.momentum == Norm.MOMENTUM
    assert network.dropouts == (0.3, 0.3)


def test_deep_networks_are_judged_with_their_statistics() -> None:
    fit = begin(EMA, "basset")
    history = fit.run()
    loss, score = fit._validate(6)
    assert score == history.best_score
    assert loss == [history.epochs[epoch - 1].validation_loss[i] for i, epoch in enumerate(history.best_epoch)]


def test_a_lost_member_stays_at_zero_and_harms_no_other() -> None:
    rates = [Rates(0.02), Rates(1e30)]
    changes: dict[str, Any] = {"task": "regression", "optimiser": "sgd", "schedule": "constant", "bears_loss": True}
    train, valid = simulate(60, task="regression"), simulate(30, 1, task="regression")
    fit = Fit(make([1, 2]), train, valid, plan(rates=rates, averaging=EMA, **changes))
    history = fit.run()
    assert list(history.lost) == [1]
    assert fit.average is not None
    assert not fit.average.weights[fit.optimiser.member == 1].any()
    assert fit.optimiser.weights.isfinite().all()
    alone = Fit(make([1]), train, valid, replace(plan(rates=rates[:1], averaging=EMA), **changes)).run()
    assert alone.best_score == pytest.approx(history.best_score[:1], abs=1e-4)

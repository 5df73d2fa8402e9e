"""Every task trained on simulated sites: what is learnt, what missing targets and weights do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import d2_tweedie_score, roc_auc_score

from seqcnn.dataset.examples import Examples
from seqcnn.models.predict import predict
from seqcnn.models.tasks import TASKS, respond
from seqcnn.training.evaluate import evaluate
from seqcnn.training.members import fit_members, usual_members
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from tests.training.conftest import given, train_on

MOTIFS = {"tgactcatc": 0, "agataaggt": 1, "ccacgtggc": 2}
SMALL: dict[str, Any] = {"n_filters": 12, "kernel_size": 12, "hidden": 8, "members": 1, "batch_size": 32, "epochs": 15}


def kinds(
    n: int, seed: int = 0, shares: tuple[float, ...] = (0.4, 0.3, 0.3)
) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """Return sequences that hold one of three motifs, and which."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=shares)
    codes = list(rng.integers(0, 4, (n, 40)).astype(np.uint8))
    motifs = [np.array(["acgt".index(letter) for letter in motif], dtype=np.uint8) for motif in MOTIFS]
    for row, which in zip(codes, kind, strict=True):
        at = rng.integers(0, 32)
        row[at : at + 9] = motifs[which]
    return codes, kind


def hold_out(n: int) -> list[str]:
    return ["test" if i % 4 == 0 else "valid" if i % 4 == 1 else "train" for i in range(n)]


def test_counts() -> None:
    codes, kind = kinds(900)
    mean = np.array([2.0, 20, 200])[kind]
    counts = np.random.default_rng(1).poisson(mean)
    trained = train_on(given(codes, counts), task="poisson", part=hold_out(900), **SMALL | {"epochs": 25})
    rates = respond("poisson", predict(trained.model.network, given(codes, counts).sequences))[:, 0]
    test = np.arange(900) % 4 == 0
    assert d2_tweedie_score(counts[test], rates[test], power=1) > 0.9
    assert trained.metrics["test"]["t0"]["explained_deviance"]["value"] > 0.9
    assert trained.history.best_score[0] > 0.9
    assert rates[test].mean() == pytest.approx(mean[test].mean(), rel=0.1)
    of_kinds = [np.median(rates[test & (kind == which)]) for which in range(3)]
    assert 1 < of_kinds[0] < 6 < 12 < of_kinds[1] < 32 < 150 < of_kinds[2] < 250


def test_counts_on_any_scale_are_learnt_alike() -> None:
    codes, kind = kinds(200)
    counts = np.random.default_rng(1).poisson(np.array([2.0, 5, 9])[kind])
    small, large = (
        train_on(given(codes, counts * times), task="poisson", **SMALL | {"epochs": 3}) for times in (1, 1000)
    )
    sequences = given(codes, counts).sequences
    shift = predict(large.model.network, sequences) - predict(small.model.network, sequences)
    np.testing.assert_allclose(shift, np.log(1000), atol=1e-3)


@pytest.mark.parametrize("balanced", [False, True])
def test_classes(balanced: bool) -> None:
    """Of unequal size: weighed alike or not, the probabilities are those of the classes as they were."""
    shares = (0.7, 0.2, 0.1)
    codes, kind = kinds(900, shares=shares)
    kind = np.where(np.random.default_rng(2).random(900) < 0.3, np.random.default_rng(3).choice(3, 900, p=shares), kind)
    trained = train_on(
        given(codes, kind),
        task="multiclass",
        part=["test" if i % 4 == 0 else "train" for i in range(900)],
        target_names=["ap1", "gata", "ebox"],
        **SMALL | {"epochs": 12, "balance": balanced},
    )
    assert trained.model.target_names == ("ap1", "gata", "ebox")
    assert trained.model.network.settings.n_targets == 3
    metrics = trained.metrics["test"]["class"]
    assert metrics["accuracy"]["value"] > 0.75
    assert metrics["auroc"]["value"] > 0.8
    assert list(metrics["classes"]) == ["ap1", "gata", "ebox"]
    probability = respond("multiclass", predict(trained.model.network, given(codes, kind).sequences))
    np.testing.assert_allclose(probability.sum(1), 1)
    np.testing.assert_allclose(probability.mean(0), np.bincount(kind) / 900, atol=0.06)
    assert trained.model.training["prevalence"] == pytest.approx(np.bincount(kind) / 900, abs=0.05)


@pytest.mark.parametrize("task", ["binary", "regression", "poisson"])
def test_several_targets_some_missing(task: str) -> None:
    """Of three targets 30 percent of the values are missing, of one example all."""
    codes, kind = kinds(600)
    rng = np.random.default_rng(4)
    truth = (kind[:, None] == np.arange(3)).astype(np.float64)
    if task == "regression":
        truth = 10 * truth + rng.normal(size=truth.shape) - 3
    elif task == "poisson":
        truth = rng.poisson(1 + 9 * truth).astype(np.float64)
    known = np.where(rng.random(truth.shape) < 0.3, np.nan, truth)
    known[0] = np.nan
    test = np.arange(600) % 4 == 0
    known[test] = truth[test]
    trained = train_on(given(codes, known), task=task, part=hold_out(600), **SMALL)
    scores = predict(trained.model.network, given(codes, truth).sequences)
    assert np.isfinite(scores).all()
    for i in range(3):
        assert roc_auc_score(kind[test] == i, scores[test, i]) > 0.97
    assert set(trained.metrics["test"]) == {"t0", "t1", "t2"}


@pytest.mark.parametrize("task", TASKS)
def test_missing_values_in_the_fast_and_in_the_plain_step(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The written-out step and automatic differentiation train the same network, weights and missing targets too."""
    codes, kind = kinds(120)
    rng = np.random.default_rng(5)
    truth = kind[:, None].astype(np.float32)
    if task != "multiclass":
        truth = np.column_stack([kind == 0, kind == 1]).astype(np.float32)
    truth[rng.random(truth.shape) < 0.3] = np.nan
    examples = replace(given(codes, truth), weights=rng.exponential(size=120).astype(np.float32))
    fast = fitted(examples, task, members=2, epochs=2, dropout=0.0)
    monkeypatch.setattr("seqcnn.models.architectures.deepbind.Model.add_gradients", _plain)
    plain = fitted(examples, task, members=2, epochs=2, dropout=0.0)
    np.testing.assert_allclose(fast, plain, rtol=1e-3, atol=1e-4)


def _plain(self: Any, inputs: Any, targets: torch.Tensor, loss: Any) -> torch.Tensor:
    losses = loss(self(inputs), targets)
    losses.backward(torch.ones_like(losses))
    done: torch.Tensor = losses.detach()
    return done


def fitted(examples: Examples, task: str, **changes: Any) -> NDArray[np.float32]:
    """Return the scores after training, without validation."""
    options = TrainOptions(**PRESETS["default"] | SMALL | {"dropout": 0.0} | changes)
    network, _ = fit_members(
        options,
        usual_members(options),
        examples,
        None,
        task=task,
        both_strands=True,
        epochs=options.epochs or 1,
        device=torch.device("cpu"),
    )
    return predict(network, examples.sequences)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_weight_of_two_is_the_row_twice(task: str, optimiser: str) -> None:
    """All examples in one batch, so that the order is no matter."""
    codes, kind = kinds(60)
    truth = kind.astype(np.float32) if task in ("multiclass", "poisson") else (kind == 0).astype(np.float32)
    truth[3] = np.nan
    times = np.random.default_rng(6).integers(1, 4, 60)
    rows = np.repeat(np.arange(60), times)
    examples = given(codes, truth)
    options: dict[str, Any] = {"batch_size": 1000, "epochs": 10, "optimiser": optimiser, "learning_rate": 0.01}
    weighted = fitted(replace(examples, weights=times.astype(np.float32) * 7), task, **options)
    repeated = fitted(examples.take(rows), task, **options)
    np.testing.assert_allclose(weighted[rows], repeated, rtol=2e-3, atol=2e-4)
    assert np.abs(weighted - fitted(examples, task, **options)).max() > 5e-3


def test_corrupted_examples_of_no_weight_do_no_harm() -> None:
    codes, kind = kinds(600)
    clean = (kind == 0).astype(np.float32)
    rng = np.random.default_rng(7)
    bad = rng.random(600) < 0.6
    bad &= np.arange(600) % 4 != 0
    corrupted = np.where(bad, 1 - clean, clean)
    test = given(codes, clean).take(np.arange(600) % 4 == 0)
    weights = np.where(bad, 0, 1).astype(np.float32)

    def area(labels: NDArray[np.float32], of_each: NDArray[np.float32] | None) -> float:
        examples = replace(given(codes, labels), weights=of_each)
        model = train_on(examples, part=hold_out(600), **SMALL).model
        value: float = evaluate(model, test)["t0"]["auroc"]["value"]
        return value

    assert area(corrupted, None) < 0.6
    assert area(corrupted, weights) > 0.97
    assert area(clean, None) > 0.97


def test_balance_counts_weights() -> None:
    """Many light negatives weigh as few heavy ones: the probabilities are those of the weighted examples."""
    codes, kind = kinds(600)
    truth = (kind == 0).astype(np.float32)
    weights = np.where(truth == 1, 3, 1).astype(np.float32)
    noise = replace(given(np.random.default_rng(0).permuted(codes, axis=1), truth), weights=weights)
    for balanced in (True, False):
        trained = train_on(noise, **SMALL | {"balance": balanced, "epochs": 6, "n_filters": 2, "hidden": 0})
        probability = respond("binary", predict(trained.model.network, noise.sequences))
        share = np.average(truth, weights=weights)
        assert probability.mean() == pytest.approx(share, abs=0.1)

"""The fit: what it learns, and that members, batches and seeds do what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.errors import TrainingError
from seqcnn.models import architectures
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.training import fit as module
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.feed import InMemory
from seqcnn.training.fit import Plan, fit
from seqcnn.training.history import Epoch, History
from seqcnn.training.metrics import validation_score
from seqcnn.training.objectives import losses
from seqcnn.training.optimiser import Rates

MOTIF = np.array([2, 0, 1, 3, 1, 0, 2], dtype=np.uint8)
CPU = torch.device("cpu")


def simulate(
    n: int, seed: int = 0, *, task: str = "binary", ragged: bool = False, length: int = 30, n_targets: int = 1
) -> Examples:
    """Positives hold a motif; for regression the target is the number of motifs with noise."""
    rng = np.random.default_rng(seed)
    rows, targets = [], np.empty((n, n_targets), dtype=np.float32)
    for i in range(n):
        row = rng.integers(0, 4, rng.integers(12, length) if ragged else length).astype(np.uint8)
        positive = i % 2 == 0
        if positive:
            at = rng.integers(0, len(row) - len(MOTIF) + 1)
            row[at : at + len(MOTIF)] = MOTIF
        rows.append(row)
        targets[i] = positive + (0.1 * rng.normal() if task == "regression" else 0)
    names = from_text(f"example {i}" for i in range(n))
    return Examples(from_rows(rows), names, targets, np.full(n, Origin.GIVEN, dtype=np.uint8))


def make(seeds: list[int], **options: Any) -> Network:
    network = architectures.create(
        "deepbind", {"n_members": len(seeds), "n_filters": 4, "kernel_size": 7, "hidden": 4} | options
    )
    network.seed(seeds)
    return network


def plan(n_members: int = 1, **changes: Any) -> Plan:
    usual = Plan("binary", 4, 16, "adamw", "one-cycle", [Rates(0.02, 0.01)] * n_members, 0, False, 5)
    return replace(usual, **changes)


def weights(network: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def without_times(history: History) -> Any:
    return [
        (e.number, e.training_loss, e.validation_loss, e.validation_score) for e in history.epochs
    ], history.best_epoch


RATES = [Rates(0.03, 0.01 * i, 0.8 + 0.02 * i) for i in range(8)]


@pytest.mark.parametrize(
    ("ragged", "options", "changes"),
    [
        (False, {"dropout": 0.3}, {"optimiser": "adamw"}),
        (True, {"pooling": "max-average"}, {"optimiser": "sgd", "schedule": "constant"}),
        (False, {"n_filters": 12}, {"optimiser": "adamw"}),  # together 192 filters, two slices
        (True, {"dropout": 0.3}, {"augmentation": Augmentation(4, True, 0.1, 3), "mixup": 0.4, "loss": "hinge"}),
    ],
)
def test_members_become_what_they_become_alone(ragged: bool, options: dict[str, Any], changes: dict[str, Any]) -> None:
    """The scores agree closer than the weights: AdamW makes steps of rounding where a gradient is nearly 0."""
    train, valid = simulate(96, 0, ragged=ragged), simulate(60, 1, ragged=ragged)
    together = make(list(range(8)), **options)
    history = fit(together, train, valid, plan(rates=RATES, **changes))
    for member in (0, 3, 7):
        alone = make([member], **options)
        one = fit(alone, train, valid, plan(rates=[RATES[member]], **changes))
        assert one.best_epoch == [history.best_epoch[member]]
        for epoch, other in zip(one.epochs, history.epochs, strict=True):
            assert epoch.validation_score[0] == pytest.approx(other.validation_score[member], abs=1e-4)
            assert epoch.training_loss[0] == pytest.approx(other.training_loss[member], abs=1e-4)
        for name, value in weights(alone).items():
            scale = float(value.abs().max())
            torch.testing.assert_close(
                dict(together.named_parameters())[name][member], value[0], rtol=1e-3, atol=1e-3 * scale
            )


@pytest.mark.parametrize(
    ("pooling", "optimiser", "ragged"),
    [("max", "adamw", False), ("max", "sgd", True), ("max-average", "sgd", False), ("max-average", "adamw", True)],
)
def test_same_seed_same_result(pooling: str, optimiser: str, ragged: bool) -> None:
    """Bit for bit, with two threads."""
    torch.set_num_threads(2)
    train, valid = simulate(64, 0, ragged=ragged), simulate(20, 1, ragged=ragged)
    results = []
    for seed in (1, 1, 2):
        network = make([1, 2], dropout=0.2, pooling=pooling)
        history = fit(network, train, valid, plan(2, epochs=2, optimiser=optimiser, seed=seed))
        results.append((without_times(history), weights(network)))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(value, results[1][1][name]) for name, value in results[0][1].items())
    assert results[0][0] != results[2][0]


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("pooling", ["max", "max-average"])
def test_overfits_32_sequences(task: str, pooling: str) -> None:
    rng = np.random.default_rng(3)
    train = simulate(32, 0)
    noise = (rng.random((32, 1)) < 0.5) if task == "binary" else rng.normal(size=(32, 1))
    network = make([1], n_filters=32, hidden=16, pooling=pooling)
    history = fit(
        network, train.with_targets(noise.astype(np.float32)), None, plan(task=task, epochs=150, rates=[Rates(0.02)])
    )
    assert history.epochs[0].training_loss[0] > 0.5
    assert history.epochs[-1].training_loss[0] < 0.02


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("ragged", [False, True])
def test_learns_a_motif_and_keeps_the_best_epoch(task: str, ragged: bool) -> None:
    train, valid = (simulate(n, seed, task=task, ragged=ragged) for n, seed in ((400, 0), (200, 1)))
    network = make([1, 2, 3], n_filters=8)
    seen: list[Epoch] = []
    history = fit(network, train, valid, plan(3, task=task, epochs=10, rates=[Rates(0.03)] * 3), on_epoch=seen.append)
    assert seen == history.epochs
    assert valid.targets is not None
    scores = member_scores(network, valid.sequences)
    for member, score in enumerate(scores):
        curve = [epoch.validation_score[member] for epoch in history.epochs]
        assert history.best_score[member] == max(curve)
        assert curve[history.best_epoch[member] - 1] == max(curve)
        assert validation_score(task, valid.targets, score) == pytest.approx(max(curve), abs=1e-12)
        loss = float(losses(task, torch.from_numpy(score)[None], torch.from_numpy(valid.targets)))
        assert loss == pytest.approx(history.epochs[history.best_epoch[member] - 1].validation_loss[member], rel=1e-6)
    assert max(history.best_score) > 0.9
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def play(
    monkeypatch: pytest.MonkeyPatch, scores: list[list[float]], losses_now: list[list[float]] | None = None
) -> None:
    """Have the epochs' validation scores (and losses) be these, one list a member."""
    epochs = iter(range(1000))

    def validate(*_: object) -> tuple[list[float], list[float]]:
        i = next(epochs)
        return [each[i] for each in losses_now or [[1.0] * 1000] * len(scores)], [each[i] for each in scores]

    monkeypatch.setattr(module.Fit, "_validate", validate)


def run_played(n_members: int, patience: int, epochs: int) -> tuple[History, list[dict[str, Tensor]], Network]:
    """Fit with validation played; return also the weights after each epoch."""
    network, after = make(list(range(n_members))), []
    history = fit(
        network,
        simulate(32),
        simulate(4),
        plan(n_members, epochs=epochs, patience=patience, schedule="constant"),
        on_epoch=lambda _: after.append(weights(network)),
    )
    return history, after, network


def check_restored(history: History, after: list[dict[str, Tensor]], network: Network) -> None:
    for name, value in weights(network).items():
        for member, epoch in enumerate(history.best_epoch):
            assert torch.equal(value[member], after[epoch - 1][name][member])


def test_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, [[0.5, 0.7, 0.6, 0.6, 0.6, 0.9]])
    history, after, network = run_played(1, 3, 6)
    assert len(history.epochs) == 5
    assert history.best_epoch == [2]
    assert history.best_score == [0.7]
    check_restored(history, after, network)


def test_no_patience_is_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, [[0.5, 0.4, 0.4, 0.4, 0.4, 0.9, 0.3]])
    history, after, network = run_played(1, 0, 7)
    assert len(history.epochs) == 7
    assert history.best_epoch == [6]
    check_restored(history, after, network)


def test_a_member_out_of_patience_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first would have stopped after epoch 3; that the second goes on must not give it the 0.9 of epoch 5."""
    scores = [[0.7, 0.6, 0.6, 0.6, 0.9, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]
    play(monkeypatch, scores)
    history, after, network = run_played(2, 2, 6)
    assert history.best_epoch == [1, 6]
    check_restored(history, after, network)
    play(monkeypatch, scores[:1])
    assert run_played(1, 2, 6)[0].best_epoch == [1]


def test_equal_scores_go_by_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, [[1.0, 1.0, 1.0, 0.9], [float("nan")] * 4], [[0.5, 0.3, 0.4, 0.1], [0.5, 0.6, 0.2, 0.3]])
    history, after, network = run_played(2, 0, 4)
    assert history.best_epoch == [2, 3]
    check_restored(history, after, network)


def test_validation_of_one_class() -> None:
    """There is no score; the loss decides."""
    valid = simulate(20, 1)
    valid = valid.with_targets(np.ones((20, 1), dtype=np.float32))
    network = make([1])
    history = fit(network, simulate(64), valid, plan())
    curve = [epoch.validation_loss[0] for epoch in history.epochs]
    assert all(np.isnan(epoch.validation_score[0]) for epoch in history.epochs)
    assert history.best_epoch == [int(np.argmin(curve)) + 1]
    assert np.isnan(history.best_score).all()


@pytest.mark.parametrize("kind", ["none", "no targets", "missing targets"])
def test_without_validation_the_last_weights_are_kept(kind: str) -> None:
    valid = simulate(10, 1)
    missing = valid.with_targets(np.full((10, 1), np.nan, dtype=np.float32))
    given = {"none": None, "no targets": valid.with_targets(None), "missing targets": missing}[kind]
    after: list[dict[str, Tensor]] = []
    network = make([1, 2])
    history = fit(network, simulate(32), given, plan(2), on_epoch=lambda _: after.append(weights(network)))
    assert history.best_epoch == [4, 4]
    assert len(after) == 4
    assert np.isnan(history.best_score).all()
    check_restored(history, after, network)


@pytest.mark.parametrize("ragged", [False, True])
def test_missing_targets_are_as_if_left_out(ragged: bool) -> None:
    """One batch an epoch, so that the batches are the same but for what is missing; the order of sums is not."""
    train = simulate(40, 0, ragged=ragged)
    assert train.targets is not None
    targets = train.targets.copy()
    gone = np.arange(40) % 5 == 1
    targets[gone] = np.nan
    networks = make([1]), make([1])
    changes: dict[str, Any] = {"batch_size": 64, "epochs": 5, "optimiser": "sgd"}
    fit(networks[0], train.with_targets(targets), None, plan(**changes))
    fit(networks[1], train.take(~gone), None, plan(**changes))
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_two_targets_each_with_its_own_gaps() -> None:
    train, valid = simulate(200, 0, n_targets=2), simulate(100, 1, n_targets=2)
    assert train.targets is not None
    targets = train.targets.copy()
    targets[::3, 0] = targets[1::3, 1] = np.nan
    targets[:, 1] = 1 - targets[:, 1]
    assert valid.targets is not None
    wanted = valid.targets.copy()
    wanted[:, 1] = 1 - wanted[:, 1]
    network = make([1], n_targets=2, n_filters=8)
    history = fit(
        network, train.with_targets(targets), valid.with_targets(wanted), plan(epochs=12, rates=[Rates(0.03)])
    )
    assert history.best_score[0] > 0.85


def test_weight_of_positives_is_that_many_copies() -> None:
    """Weight 3 of positives: the gradient of three copies of each, but for the number the mean is over."""
    train = simulate(20, 0)
    assert train.targets is not None
    copies = np.repeat(np.arange(20), np.where(train.targets[:, 0] == 1, 3, 1))
    networks = make([1]), make([1])
    one_step: dict[str, Any] = {"epochs": 1, "batch_size": 100, "optimiser": "sgd", "schedule": "constant"}
    rate = 0.1
    fit(
        networks[0],
        train,
        None,
        plan(rates=[Rates(rate)], **one_step),
        class_weight=torch.tensor([3.0]),
    )
    fit(networks[1], train.take(copies), None, plan(rates=[Rates(rate * len(copies) / 20)], **one_step))
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ragged", [False, True])
def test_loss_that_is_not_a_number(ragged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One target is infinite: the batch that holds it is named, by an example that is really in it."""
    train = simulate(100, 0, task="regression", ragged=ragged)
    assert train.targets is not None
    targets = train.targets.copy()
    targets[37] = np.inf
    batches: list[NDArray[np.intp]] = []
    real = InMemory.batches

    def spy(self: InMemory, epoch: int, skip: int = 0) -> Any:
        for batch in real(self, epoch, skip):
            if not skip:
                batches.append(batch.rows)
            yield batch

    monkeypatch.setattr(InMemory, "batches", spy)
    with pytest.raises(TrainingError) as caught:
        fit(make([1, 2]), train.with_targets(targets), None, plan(2, task="regression", optimiser="sgd"))
    holder = next(i for i, rows in enumerate(batches) if 37 in rows)
    text = str(caught.value)
    assert f"at epoch 1, batch {holder + 1} " in text
    assert f"'example {batches[holder][0]}'" in text
    assert "member 1" in text


def test_the_member_that_is_lost_is_named() -> None:
    rates = [Rates(0.01), Rates(1e30), Rates(0.01)]
    with pytest.raises(TrainingError, match=r"member 2 is not a number at epoch 1, batch .*lower --learning-rate"):
        fit(
            make([1, 2, 3]),
            simulate(64),
            None,
            plan(task="regression", optimiser="sgd", schedule="constant", rates=rates),
        )


def test_lost_in_the_last_step_of_an_epoch() -> None:
    """The training loss is still a number; the validation is not."""
    huge = plan(task="regression", epochs=1, optimiser="sgd", schedule="constant", rates=[Rates(1e38)])
    with pytest.raises(TrainingError, match="validation loss of member 1 is not a number after epoch 1; lower"):
        fit(make([1]), simulate(16), simulate(10, 1), huge)


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_validation_scores_that_are_no_numbers(task: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.zeros((2, 10, 1), dtype=np.float32)
    scores[1, 3] = value
    monkeypatch.setattr(module, "member_scores", lambda *_: scores)
    with pytest.raises(TrainingError, match="validation loss of member 2 is not a number after epoch 1"):
        fit(make([1, 2]), simulate(16), simulate(10, 1), plan(2, task=task))


def test_watcher() -> None:
    calls: list[tuple[int, int, float]] = []
    fit(
        make([1]), simulate(40), None, plan(epochs=2), on_batch=lambda i, n, losses: calls.append((i, n, float(losses)))
    )
    assert [call[:2] for call in calls] == [(16, 40), (32, 40), (40, 40)] * 2
    assert all(np.isfinite(call[2]) for call in calls)


def test_resampling_trains_on_fresh_negatives() -> None:
    train = simulate(32)
    assert train.targets is not None
    train = replace(
        train, origin=np.where(train.targets[:, 0] == 0, Origin.DINUCLEOTIDE, Origin.GIVEN).astype(np.uint8)
    )
    before = train.sequences.data.copy()
    curves = []
    for resample in (False, True):
        history = fit(make([1]), train, None, plan(resample=resample))
        curves.append([epoch.training_loss for epoch in history.epochs])
    assert curves[0] != curves[1]
    assert np.array_equal(train.sequences.data, before)

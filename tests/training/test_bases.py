"""Training on which bases are bound: the loss of its definition, whatever feeds it, and the metrics of bases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from seqcnn.dataset.examples import UNKNOWN, Examples, unknown_bases
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import UsageError
from seqcnn.models import architectures
from seqcnn.models.bases import base_scores, member_base_scores
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.sequence.ragged import Ragged
from seqcnn.training import bases, judging
from seqcnn.training import feed as feed_module
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.digest import digest
from seqcnn.training.evaluate import evaluate
from seqcnn.training.feed import InMemory
from seqcnn.training.feed_device import Resident
from seqcnn.training.feed_disk import FromDisk
from seqcnn.training.fingerprint import fingerprint
from seqcnn.training.fit import Fit, Plan
from seqcnn.training.metrics import auroc
from seqcnn.training.optimiser import Rates
from tests.training.conftest import train_on
from tests.training.interrupted import MOTIF, Kind, break_off, draw, restore, result

TINY = {"n_filters": 4, "kernel_size": 7, "n_levels": 1}


def marked(n: int, seed: int, *, weighted: bool = False) -> Examples:
    """Return sequences of several lengths of which every other has a bound motif; a few bases are not known."""
    examples = draw(n, seed, Kind(ragged=True, weighted=weighted))
    data = np.zeros(len(examples.sequences.data), dtype=np.uint8)
    for i, start in enumerate(examples.sequences.offsets[:-1].tolist()):
        if i % 2 == 0:
            data[start + 3 : start + 3 + len(MOTIF)] = 1
    data[np.random.default_rng(seed).random(len(data)) < 0.05] = UNKNOWN
    return replace(examples, bound=Ragged(data, examples.sequences.offsets))


def make(**options: Any) -> Network:
    network = architectures.create("unet", TINY | {"n_members": 2} | options)
    network.seed([1, 2])
    return network


def begin(train: Examples | Streamed, valid: Examples | None, weight: float | None = None, **options: Any) -> Fit:
    """Return a fit that has not begun."""
    plan = Plan("binary", 3, 16, "adamw", "one-cycle", [Rates(0.02, 0.01)] * 2, 0, False, 5)
    return Fit(make(**options), train, valid, plan, None if weight is None else torch.tensor([weight]))


def by_definition(scores: NDArray[np.float32], examples: Examples, weight: float = 1.0) -> NDArray[np.float64]:
    """Return each member's mean cross-entropy over known bases, of scores, shape (n_members, total)."""
    assert examples.bound is not None
    p, bound = 1 / (1 + np.exp(-scores.astype(np.float64))), examples.bound.data
    each = np.where(bound == 1, -weight * np.log(p), -np.log(1 - p))
    if examples.weights is not None:
        each = each * np.repeat(examples.weights, examples.sequences.lengths)
    loss: NDArray[np.float64] = each[:, bound != UNKNOWN].mean(1)
    return loss


@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_minimises_the_cross_entropy_of_known_bases(weighted: bool) -> None:
    examples = marked(16, 3, weighted=weighted)
    fit = begin(examples, None, 2.5, batch_norm=False)
    assert fit.network.per_base
    assert not fit.objective.complete
    before = member_base_scores(fit.network.eval(), examples.sequences)[:, :, 0]
    fit.network.train()
    (batch,) = fit.feed.batches(1)
    losses = fit.step(batch)
    np.testing.assert_allclose(losses.numpy(), by_definition(before, examples, 2.5), rtol=1e-4)


def test_validation_is_of_the_known_bases() -> None:
    valid = marked(12, 2, weighted=True)
    assert valid.bound is not None
    fit = begin(marked(44, 1), valid)
    history = fit.run()
    chosen = [history.epochs[epoch - 1] for epoch in history.best_epoch]
    scores, known = member_base_scores(fit.network, valid.sequences)[:, :, 0], valid.bound.data != UNKNOWN
    assert valid.weights is not None
    of_each = np.repeat(valid.weights, valid.sequences.lengths)[known]
    for member, epoch in enumerate(chosen):
        loss = by_definition(scores, valid)[member]
        assert epoch.validation_loss[member] == pytest.approx(loss, rel=1e-4)
        wanted = auroc(valid.bound.data[known] == 1, scores[member, known], of_each)
        assert epoch.validation_score[member] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "options", "task"),
    [
        ({"bound": None}, {}, "binary"),
        ({}, {"n_targets": 2}, "binary"),
        ({}, {}, "regression"),
    ],
)
def test_else_it_learns_by_sequences(change: dict[str, Any], options: dict[str, Any], task: str) -> None:
    examples = replace(marked(44, 1), **change)
    if options:
        assert examples.targets is not None
        examples = examples.with_targets(np.repeat(examples.targets, 2, axis=1))
    plan = Plan(task, 1, 16, "adamw", "constant", [Rates(0.01)] * 2, 0, False, 5)
    fit = Fit(make(**options), examples, None, plan)
    assert not fit.network.per_base
    assert next(fit.feed.batches(1)).targets.shape[1] == options.get("n_targets", 1)
    fit.run()


def test_bases_all_alike_teach_nothing() -> None:
    examples = marked(4, 1)
    assert not bases.trains_on_bases(True, 1, "binary", replace(examples, bound=unknown_bases(examples.sequences)))
    assert bases.trains_on_bases(True, 1, "binary", examples)
    assert not bases.trains_on_bases(False, 1, "binary", examples)


def test_every_feed_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From memory, from a device's memory (filled up a little wider) and, with its own order, from disk."""
    examples, network = marked(44, 1), make()
    network.per_base = True
    network.train()
    memory = InMemory(examples, network, 16, resample=False, seed=5)
    with monkeypatch.context() as patch:
        patch.setattr(Network, "on_cpu", property(lambda _: False))
        patch.setattr(feed_module, "GATHER", 32)
        resident = list(Resident(examples, network, 16, resample=False, seed=5).batches(2))
        wanted = list(InMemory(examples, network, 16, resample=False, seed=5).batches(2))
    for one, other in zip(resident, wanted, strict=True):
        width = other.targets.shape[1]
        assert torch.equal(one.targets[:, :width].nan_to_num(5), other.targets.nan_to_num(5))
        assert one.targets[:, width:].isnan().all()
        assert one.inputs[0].shape == one.targets.shape
    assert not memory.complete
    with DatasetWriter(tmp_path / "d.h5", "dna", ["bound"]) as writer:
        writer.append(examples)
        writer.finish({})
    dataset = Dataset(tmp_path / "d.h5")
    streamed = Streamed(dataset, SplitOptions(valid_fraction=0.0), both_strands=True, seed=1)
    disk = FromDisk(streamed, network, 16, resample=False, seed=5)
    assert not disk.complete
    assert examples.bound is not None
    for batch in disk.batches(1):
        for row, targets in zip(batch.rows, batch.targets, strict=True):
            bound = examples.bound[int(row)]
            assert targets[: len(bound)].nan_to_num(2).tolist() == bound.tolist()
            assert targets[len(bound) :].isnan().all()
    assert bases.balance(streamed) == bases.balance(examples)


def test_broken_off_and_gone_on_with(tmp_path: Path) -> None:
    def again() -> Fit:
        return begin(marked(44, 1), marked(12, 2), 3.0, dropout=0.2)

    whole = again()
    whole.run()
    fit, path = again(), tmp_path / "c.safetensors"
    assert not break_off(fit, 5, path, fingerprint(fit))
    rest = again()
    restore(rest, path, fingerprint(rest))
    rest.run()
    assert result(rest) == result(whole)


def test_other_bases_are_other_data() -> None:
    examples = marked(6, 1)
    assert examples.bound is not None
    other = Ragged(1 - np.minimum(examples.bound.data, 1), examples.sequences.offsets)
    digests = {digest(each) for each in (examples, replace(examples, bound=None), replace(examples, bound=other))}
    assert len(digests) == 3


def test_members_do_not_depend_on_each_other() -> None:
    plan = Plan("binary", 2, 16, "adamw", "constant", [Rates(0.01)], 0, False, 5)
    found = []
    for seeds in ([1, 2], [2]):
        network = architectures.create("unet", TINY | {"n_members": len(seeds), "dropout": 0.2})
        network.seed(seeds)
        Fit(network, marked(44, 1), None, replace(plan, rates=[Rates(0.01)] * len(seeds))).run()
        found.append(member_base_scores(network, marked(4, 9).sequences)[-1])
    np.testing.assert_allclose(found[1], found[0], atol=2e-4)


@pytest.mark.slow
def test_it_learns_where_sites_are() -> None:
    """And tells bases by them; balance only moves the scores."""
    options = {"architecture": "unet", "shape": TINY, "epochs": 12, "batch_size": 32, "members": 1, "dropout": 0.0}
    trained = train_on(marked(300, 1), learning_rate=0.02, **options)
    model, metrics = trained.model, trained.metrics["valid"]["t0"]
    assert metrics["bases_auroc"]["value"] > 0.97
    assert metrics["bases_auprc"]["value"] > 5 * metrics["bases_prevalence"] / 2
    assert metrics["auroc"]["value"] > 0.9
    assert model.training["bases"]["bound"] > 0
    unseen = marked(60, 8)
    assert unseen.bound is not None
    probability = 1 / (1 + np.exp(-base_scores(model.network, unseen.sequences)[:, 0]))
    known = unseen.bound.data != UNKNOWN
    assert probability[known].mean() == pytest.approx((unseen.bound.data[known] == 1).mean(), abs=0.06)


def test_metrics_of_bases_are_those_of_sklearn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 50)
    network = make().eval().requires_grad_(False)
    model = Model(network, "unet", "dna", "binary", ("bound",), None, {})
    for weighted in (False, True):
        examples = marked(30, 4, weighted=weighted)
        assert examples.bound is not None
        found = evaluate(model, examples)["bound"]
        known = examples.bound.data != UNKNOWN
        truth, scores = examples.bound.data[known] == 1, base_scores(network, examples.sequences)[known, 0]
        of_each = None
        if examples.weights is not None:
            of_each = np.repeat(examples.weights, examples.sequences.lengths)[known]
        area = roc_auc_score(truth, scores, sample_weight=of_each)
        precision = average_precision_score(truth, scores, sample_weight=of_each)
        assert found["bases_auroc"]["value"] == pytest.approx(area)
        assert found["bases_auprc"]["value"] == pytest.approx(precision)
        assert found["bases_auprc"]["low"] < found["bases_auprc"]["value"] < found["bases_auprc"]["high"]
        assert found["bases_prevalence"] == pytest.approx(np.average(truth, weights=of_each))
        assert (found["bases_n"], found["bases_bound"]) == (known.sum(), truth.sum())
        assert found["auroc"]["value"] > 0
    assert "bases_n" not in evaluate(model, replace(examples, bound=None))["bound"]


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("--shift", {"augmentation": Augmentation(shift=3)}),
        ("--reverse-complement", {"augmentation": Augmentation(reverse_complement=True)}),
        ("--loss hinge", {"loss": "hinge"}),
    ],
)
def test_tools_that_part_bases_from_what_is_known_of_them(said: str, changed: dict[str, Any]) -> None:
    plan = Plan("binary", 3, 16, "adamw", "one-cycle", [Rates(0.02, 0.01)] * 2, 0, False, 5, **changed)
    with pytest.raises(UsageError, match=f"{said} does not go with training on bases"):
        Fit(make(), marked(8, 1), None, plan)
    unmarked = replace(marked(8, 1), bound=None)
    if said != "--reverse-complement":  # both strands are read here
        Fit(make(), unmarked, None, plan)


def test_bases_are_trained_on_where_some_are_mutated_or_erased() -> None:
    plan = Plan("binary", 3, 16, "adamw", "one-cycle", [Rates(0.02, 0.01)] * 2, 0, False, 5)
    plan = replace(plan, augmentation=Augmentation(mutate_rate=0.1, erase=3))
    history = Fit(make(), marked(64, 1), marked(16, 2), plan).run()
    assert len(history.epochs) == 3

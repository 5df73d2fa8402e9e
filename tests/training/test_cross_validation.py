"""Cross-validation: a model a fold, what it has not seen judges it, and all are kept as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.folds import assign_folds
from seqcnn.errors import InputError, TrainingError
from seqcnn.models.predict import member_scores
from seqcnn.training import judging
from seqcnn.training.cross_validation import CrossValidated, check_folds, cross_validate, summarise, summarise_all
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from tests.training.conftest import given, sites

CPU = torch.device("cpu")
OPTIONS = TrainOptions(
    **PRESETS["default"] | {"n_filters": 5, "kernel_size": 11, "hidden": 3, "batch_size": 32, "members": 2, "epochs": 3}
)
NAN = float("nan")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 2)


def run(examples: Examples, options: TrainOptions = OPTIONS, **more: Any) -> tuple[CrossValidated, Any]:
    folds = assign_folds(examples, 3, both_strands=True, seed=0)[0]
    usual = {"valid_fraction": 0.2, "target_names": ["t"], "alphabet": "dna", "length": 50, "device": CPU}
    return cross_validate(examples, folds, options, **usual | more), folds


def test_each_fold_is_judged_by_a_model_that_has_not_seen_it() -> None:
    examples = sites(60)
    seen: list[tuple[int, dict[str, int]]] = []
    done, folds = run(examples, on_fold=lambda fold, counts: seen.append((fold, dict(counts))))
    scores = member_scores(done.model.network, examples.sequences)
    assert len(scores) == 6
    assert examples.targets is not None
    for fold, metrics in enumerate(done.metrics):
        held_out = folds == fold
        mean = scores[2 * fold : 2 * fold + 2, held_out, 0].mean(0)
        area = roc_auc_score(examples.targets[held_out, 0], mean)
        assert metrics["t"]["auroc"]["value"] == pytest.approx(area, abs=1e-6)
        assert metrics["t"]["n"] == held_out.sum()
    assert [fold for fold, _ in seen] == [0, 1, 2]
    for fold, counts in seen:
        assert counts["fold"] == (folds == fold).sum()
        assert counts["train"] + counts["valid"] + counts["fold"] == 120
        assert counts["valid"] == pytest.approx(0.2 * (120 - counts["fold"]), abs=2)


def test_what_is_held_out_does_not_train() -> None:
    """Another fold's content makes another model of all folds but that one."""
    examples = sites(60)
    done, folds = run(examples, valid_fraction=0)
    assert examples.targets is not None
    targets = examples.targets.copy()
    targets[folds == 1] = 1 - targets[folds == 1]
    monkeyed = cross_validate(
        examples.with_targets(targets),
        folds,
        OPTIONS,
        valid_fraction=0,
        target_names=["t"],
        alphabet="dna",
        length=50,
        device=CPU,
    )
    one, other = (each.model.network.output_weight.numpy() for each in (done, monkeyed))
    same = [np.allclose(one[i], other[i], atol=1e-5) for i in range(6)]
    assert same == [False, False, True, True, False, False]


def test_the_model() -> None:
    done, _ = run(sites(30))
    model = done.model
    assert (model.task, model.length, model.alphabet, model.target_names) == ("binary", 50, "dna", ("t",))
    assert model.training["split"] == {"train": 60, "folds": 3}
    assert model.training["folds"] == done.metrics
    assert model.training["options"]["members"] == 2
    assert len(done.histories) == 3


def test_validation_chooses_the_epoch() -> None:
    done, _ = run(sites(60), replace(OPTIONS, epochs=8, learning_rate=0.05))
    assert all(1 <= epoch <= 8 for history in done.histories for epoch in history.best_epoch)
    last, _ = run(sites(60), replace(OPTIONS, epochs=8, learning_rate=0.05), valid_fraction=0)
    assert all(history.best_epoch == [8, 8] for history in last.histories)


def values(*each: float) -> list[dict[str, Any]]:
    return [{"auroc": {"value": value, "low": 0.0, "high": 1.0}, "n": 9} for value in each]


def test_summary() -> None:
    """The interval is Student's."""
    each = [0.8, 0.9, 0.85, 0.7]
    found = summarise(values(*each), "auroc")
    assert found["folds"] == each
    assert found["mean"] == pytest.approx(np.mean(each))
    assert found["sd"] == pytest.approx(np.std(each, ddof=1))
    low, high = t.interval(0.95, 3, loc=np.mean(each), scale=np.std(each, ddof=1) / 2)
    assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high))


def test_folds_without_a_value_are_left_out() -> None:
    found = summarise([*values(0.8, NAN, 0.6), {"n": 1, "problem": "one class only"}], "auroc")
    assert found["mean"] == pytest.approx(0.7)
    assert np.isnan(found["folds"][1:4:2]).all()
    one = summarise(values(0.8, NAN), "auroc")
    assert one["mean"] == 0.8
    assert np.isnan([one["sd"], one["low"], one["high"]]).all()
    assert np.isnan(summarise(values(NAN), "auroc")["mean"])


def test_summary_of_all() -> None:
    """Metrics that only a later fold has are there too; numbers without intervals are not."""
    folds = [{"a": {"n": 1, "problem": "one class only"}, "b": values(0.5)[0]}]
    folds += [{"a": a, "b": b} for a, b in zip(values(0.8, 0.9), values(0.6, 0.7), strict=True)]
    found = summarise_all(folds)
    assert set(found) == {"a", "b"}
    assert set(found["a"]) == {"auroc"}
    assert found["a"]["auroc"]["mean"] == pytest.approx(0.85)
    assert found["b"]["auroc"]["mean"] == pytest.approx(0.6)


ROWS = sites(6).sequences


@pytest.mark.parametrize(
    ("task", "targets", "folds", "error", "said"),
    [
        ("binary", [1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 1], TrainingError, "without fold 1, all training examples .*"),
        ("binary", [1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 1, 1], InputError, "fold 1 has one class, or one value, only: .*"),
        ("regression", [1, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 1], InputError, "fold 1 has one class, or one value, only"),
        ("regression", [1, NAN, 2, 3, 4, 5], [0, 0, 1, 1, 1, 1], InputError, "fold 1 has one class, or one value"),
        ("multiclass", [0, 1, 2, 2, 0, 1], [0, 0, 1, 1, 0, 0], TrainingError, "without fold 1, no training example"),
        ("multiclass", [0, 1, 2, 2, 0, 1], [0, 0, 0, 1, 1, 2], InputError, "fold 3 has one class, or one value"),
        ("poisson", [0, 0, 2, 3, 4, 5], [0, 0, 1, 1, 1, 1], InputError, "fold 1 has one class, or one value, only"),
    ],
)
def test_folds_that_cannot_judge(
    task: str, targets: list[float], folds: list[int], error: type[Exception], said: str
) -> None:
    rows = ROWS.take(np.arange(6))
    with pytest.raises(error, match=said + ".*use fewer --folds"):
        check_folds(given(rows, targets), np.array(folds), task, ("a", "b", "c") if task == "multiclass" else ())


def test_folds_that_can() -> None:
    both = [[1, NAN], [0, 1], [1, 0], [0, NAN], [1, 1], [0, 0]]
    check_folds(given(ROWS.take(np.arange(6)), both), np.array([0, 0, 1, 1, 2, 2]), "binary")
    check_folds(given(ROWS.take(np.arange(6)), [1, 2, 3, 4, 5, 6]), np.array([0, 0, 1, 1, 2, 2]), "regression")

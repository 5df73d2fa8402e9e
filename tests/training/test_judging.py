"""Judgements against scikit-learn and SciPy; bootstrap intervals in simulations; weights as repeated rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    d2_tweedie_score,
    log_loss,
    mean_poisson_deviance,
    mean_squared_error,
    roc_auc_score,
)

from seqcnn.models.tasks import respond
from seqcnn.training import judging
from seqcnn.training.judging import binary_metrics, multiclass_metrics, poisson_metrics, regression_metrics
from tests.training.test_metrics import cases, simulate


@pytest.fixture(autouse=True, scope="module")
def quick_intervals() -> None:
    """Leave intervals as they are: they are what is looked at."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few resamples, where intervals are not what is looked at."""
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 50)


@settings(deadline=None, max_examples=50)
@given(cases)
def test_binary_metrics(case: tuple[int, int, int]) -> None:
    truth, scores = simulate(*case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "N_BOOTSTRAP", 50)
        got = binary_metrics(truth, scores)
    assert got["n"] == len(truth)
    assert got["positives"] == truth.sum()
    assert got["prevalence"] == pytest.approx(truth.mean())
    assert got["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores))
    assert got["auprc"]["value"] == pytest.approx(average_precision_score(truth, scores))
    every = [accuracy_score(truth > 0.5, scores >= level) for level in [*scores, np.inf]]
    assert got["accuracy"]["value"] == pytest.approx(max(every))
    assert accuracy_score(truth > 0.5, scores >= got["threshold"]) == pytest.approx(max(every))
    for name in ("auroc", "auprc", "accuracy"):
        assert 0 <= got[name]["low"] <= got[name]["high"] <= 1


@pytest.mark.parametrize("kind", [np.zeros, np.ones])
def test_one_class(kind: Any) -> None:
    got = binary_metrics(kind(6), np.arange(6.0))
    assert got["accuracy"]["value"] == 1
    assert np.isnan([*got["auroc"].values(), *got["auprc"].values()]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_perfect_and_perfectly_wrong(sign: int) -> None:
    truth = np.array([0.0, 0, 0, 1, 1])
    got = binary_metrics(truth, sign * np.arange(5.0))
    assert got["auroc"] == dict.fromkeys(("value", "low", "high"), float(sign == 1))
    assert got["accuracy"]["value"] == (1 if sign == 1 else 0.6)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.integers(2, 20), st.integers(0, 10**6))
def test_regression_metrics(n: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, levels, n).astype(np.float32)
    scores = (truth + rng.integers(-3, 4, n)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "N_BOOTSTRAP", 50)
        got = regression_metrics(truth, scores)
    assert got["mse"]["value"] == pytest.approx(mean_squared_error(truth, scores))
    if np.ptp(truth) and np.ptp(scores):
        assert got["pearson"]["value"] == pytest.approx(stats.pearsonr(truth, scores).statistic, abs=1e-6)
        assert got["spearman"]["value"] == pytest.approx(stats.spearmanr(truth, scores).statistic, abs=1e-9)
    else:
        assert np.isnan([got["pearson"]["value"], got["spearman"]["value"]]).all()


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_constant_predictions(kind: type[np.floating[Any]]) -> None:
    got = regression_metrics(np.arange(30, dtype=kind), np.full(30, 0.1, dtype=kind))
    assert np.isnan([got["spearman"]["value"], got["pearson"]["value"]]).all()
    assert np.isfinite(got["mse"]["high"])


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.floats(0.2, 50), st.integers(0, 10**6))
def test_poisson_metrics(n: int, mean: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    log_rate = (np.log(mean) + rng.normal(size=n)).astype(np.float32)
    truth = rng.poisson(np.exp(log_rate)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "N_BOOTSTRAP", 50)
        got = poisson_metrics(truth, log_rate)
    rate = np.exp(log_rate.astype(np.float64))
    assert got["n"] == n
    assert got["deviance"]["value"] == pytest.approx(mean_poisson_deviance(truth, rate), rel=1e-6)
    if np.ptp(truth):
        assert got["explained_deviance"]["value"] == pytest.approx(d2_tweedie_score(truth, rate, power=1), rel=1e-6)
        assert got["pearson"]["value"] == pytest.approx(stats.pearsonr(truth, rate).statistic, abs=1e-6)
        assert got["spearman"]["value"] == pytest.approx(stats.spearmanr(truth, log_rate).statistic, abs=1e-9)
    else:
        assert np.isnan([got[name]["value"] for name in ("explained_deviance", "pearson", "spearman")]).all()


def several(n: int, n_classes: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Classes, each of which is there, and scores that know something of them."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % n_classes)
    scores = rng.normal(size=(n, n_classes)) + 1.5 * (truth[:, None] == np.arange(n_classes))
    return truth.astype(np.float32), scores.astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(6, 60), st.integers(2, 5), st.integers(0, 10**6))
def test_multiclass_metrics(n: int, n_classes: int, seed: int) -> None:
    truth, scores = several(n, n_classes, seed)
    names = [f"c{i}" for i in range(n_classes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "N_BOOTSTRAP", 50)
        got = multiclass_metrics(truth, scores, names)
    probability = respond("multiclass", scores)
    labels = np.arange(n_classes)
    one_against_rest = roc_auc_score(
        *((truth == 1, probability[:, 1]) if n_classes == 2 else (truth, probability)), multi_class="ovr"
    )
    assert got["n"] == n
    assert got["auroc"]["value"] == pytest.approx(one_against_rest, abs=1e-9)
    assert got["accuracy"]["value"] == pytest.approx(accuracy_score(truth, scores.argmax(1)))
    assert got["log_loss"]["value"] == pytest.approx(log_loss(truth, probability, labels=labels), rel=1e-6)
    confusion = confusion_matrix(truth, scores.argmax(1), labels=labels)
    assert [list(row.values()) for row in got["confusion"].values()] == confusion.tolist()
    assert [list(got["confusion"]), list(got["classes"])] == [names, names]
    for i, name in enumerate(names):
        of_class = got["classes"][name]
        assert of_class["positives"] == (truth == i).sum()
        assert of_class["prevalence"] == pytest.approx((truth == i).mean())
        assert of_class["auroc"]["value"] == pytest.approx(roc_auc_score(truth == i, probability[:, i]), abs=1e-9)
        wanted = average_precision_score(truth == i, probability[:, i])
        assert of_class["auprc"]["value"] == pytest.approx(wanted, abs=1e-9)
        assert of_class["auroc"]["low"] <= of_class["auroc"]["high"]


@pytest.mark.usefixtures("few")
def test_a_class_that_is_not_there() -> None:
    truth, scores = several(40, 3, 0)
    got = multiclass_metrics(truth % 2, scores, ["a", "b", "c"])
    assert np.isnan(list(got["classes"]["c"]["auroc"].values())).all()
    each = [got["classes"][name]["auroc"]["value"] for name in "ab"]
    assert got["auroc"]["value"] == pytest.approx(np.mean(each))
    assert got["confusion"]["c"] == {"a": 0, "b": 0, "c": 0}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("task", ["binary", "regression", "poisson", "multiclass"])
def test_a_weight_of_two_is_the_row_twice(task: str) -> None:
    rng = np.random.default_rng(7)
    truth, of_classes = several(60, 2, 3)
    scores = of_classes if task == "multiclass" else of_classes[:, 1].round(1)
    if task == "poisson":
        truth = rng.poisson(3, 60).astype(np.float32)
    times = rng.integers(1, 4, 60)
    rows = np.repeat(np.arange(60), times)
    judge: Any = {"binary": binary_metrics, "regression": regression_metrics, "poisson": poisson_metrics}.get(task)
    if task == "multiclass":
        weighted = multiclass_metrics(truth, scores, "ab", 0, times.astype(np.float32))
        repeated = multiclass_metrics(truth[rows], scores[rows], "ab")
        pairs = [(weighted["classes"][name], repeated["classes"][name]) for name in "ab"] + [(weighted, repeated)]
    else:
        pairs = [(judge(truth, scores, 0, times.astype(np.float32)), judge(truth[rows], scores[rows]))]
    for one, other in pairs:
        for name, value in one.items():
            if name in ("n", "positives", "classes", "confusion"):
                continue
            if isinstance(value, dict):
                assert value["value"] == pytest.approx(other[name]["value"], rel=1e-6), name
            else:
                assert value == pytest.approx(other[name]), name
        assert one["n"] == 60


@pytest.mark.usefixtures("few")
def test_weights_move_the_intervals_too() -> None:
    truth, scores = np.arange(80) % 2, np.random.default_rng(0).normal(size=80)
    weights = np.where(truth == (scores > 0), 5.0, 0.1)
    plain, weighted = binary_metrics(truth, scores), binary_metrics(truth, scores, 0, weights)
    assert weighted["auroc"]["low"] > plain["auroc"]["value"]


def test_same_seed_same_interval() -> None:
    truth, scores = simulate(50, 20, 0)
    assert 0.5 < binary_metrics(truth, scores, 3)["auroc"]["value"] < 0.9
    assert binary_metrics(truth, scores, 3) == binary_metrics(truth, scores, 3)
    assert binary_metrics(truth, scores, 3) != binary_metrics(truth, scores, 4)
    assert regression_metrics(truth, scores, 3) == regression_metrics(truth, scores, 3)


def test_order_of_examples_changes_no_value() -> None:
    truth, scores = simulate(50, 8, 2)
    order = np.random.default_rng(0).permutation(50)
    one, other = binary_metrics(truth, scores), binary_metrics(truth[order], scores[order])
    assert one["threshold"] == other["threshold"]
    for name in ("auroc", "auprc", "accuracy"):
        assert one[name]["value"] == pytest.approx(other[name]["value"])


def test_fewer_resamples_of_many_examples() -> None:
    assert judging._n_bootstrap(0) == judging._n_bootstrap(1000) == judging.N_BOOTSTRAP
    assert judging._n_bootstrap(10**6) == 200
    assert judging._n_bootstrap(10**9) == 50


def coverage(truth: dict[str, float], intervals: list[dict[str, Any]]) -> dict[str, float]:
    return {
        name: float(np.mean([each[name]["low"] <= value <= each[name]["high"] for each in intervals]))
        for name, value in truth.items()
    }


def test_intervals_cover_the_truth_of_two_normals(monkeypatch: pytest.MonkeyPatch) -> None:
    """95% intervals; percentiles of a bootstrap cover a little less, and 100 simulations err by 2 percent."""
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 120)
    rng = np.random.default_rng(1)

    def draw(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        truth = (rng.random(n) < 0.3).astype(np.float64)
        return truth, rng.normal(size=n) + truth

    true_values = {
        "auroc": float(stats.norm.cdf(1 / 2**0.5)),
        "auprc": float(average_precision_score(*draw(400_000))),
    }
    for share in coverage(true_values, [binary_metrics(*draw(200), seed) for seed in range(100)]).values():
        assert 0.86 < share < 0.999


def test_intervals_cover_the_truth_of_a_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 120)
    rng = np.random.default_rng(2)
    rho = 0.6
    true_values = {"pearson": rho, "spearman": 6 / np.pi * np.arcsin(rho / 2), "mse": 2 - 2 * rho}
    intervals = []
    for seed in range(100):
        x, noise = rng.normal(size=(2, 200))
        intervals.append(regression_metrics(x, rho * x + (1 - rho**2) ** 0.5 * noise, seed))
    for share in coverage(true_values, intervals).values():
        assert 0.86 < share < 0.999

"""Metrics against scikit-learn and SciPy; bootstrap intervals in simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import accuracy_score, average_precision_score, mean_squared_error, roc_auc_score

from seqcnn.training import metrics
from seqcnn.training.metrics import auroc, binary_metrics, pearson, regression_metrics, validation_score

cases = st.tuples(st.integers(2, 60), st.integers(1, 12), st.integers(0, 10**6))


def simulate(n: int, levels: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both classes, and scores of few values, so that there are many ties."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation((np.arange(n) < rng.integers(1, n)).astype(np.float32))
    return truth, (rng.integers(0, levels, n) / levels - 0.5 + truth * rng.integers(0, 2)).astype(np.float32)


def sorted_down(
    truth: NDArray[np.float32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]:
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    return truth[order] > 0.5, scores, np.append(scores[1:] != scores[:-1], True)


@settings(deadline=None, max_examples=150)
@given(cases)
def test_weighted_areas(case: tuple[int, int, int]) -> None:
    bound, scores, last = sorted_down(*simulate(*case))
    weight = np.random.default_rng(case).integers(0, 4, len(bound))
    area, precision = metrics._weighted_areas(bound, weight, last)
    if not weight[bound].any() or not weight[~bound].any():
        assert np.isnan(area)
        assert np.isnan(precision)
        return
    assert area == pytest.approx(roc_auc_score(bound, scores, sample_weight=weight), abs=1e-12)
    assert precision == pytest.approx(average_precision_score(bound, scores, sample_weight=weight), abs=1e-12)
    repeated = np.repeat(np.arange(len(bound)), weight)
    assert area == pytest.approx(roc_auc_score(bound[repeated], scores[repeated]), abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(cases)
def test_binary_metrics(case: tuple[int, int, int]) -> None:
    truth, scores = simulate(*case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "N_BOOTSTRAP", 50)
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
        patch.setattr(metrics, "N_BOOTSTRAP", 50)
        got = regression_metrics(truth, scores)
    assert got["mse"]["value"] == pytest.approx(mean_squared_error(truth, scores))
    if np.ptp(truth) and np.ptp(scores):
        assert got["pearson"]["value"] == pytest.approx(stats.pearsonr(truth, scores).statistic, abs=1e-6)
        assert got["spearman"]["value"] == pytest.approx(stats.spearmanr(truth, scores).statistic, abs=1e-9)
    else:
        assert np.isnan([got["pearson"]["value"], got["spearman"]["value"]]).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1, 1e-30])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_constant_predictions_have_no_correlation(value: float, kind: type[np.floating[Any]]) -> None:
    """Also where the mean of equal numbers is rounded."""
    truth, scores = np.arange(1001, dtype=kind), np.full(1001, value, dtype=kind)
    assert np.isnan(pearson(truth, scores))
    assert np.isnan(pearson(scores, truth))
    got = regression_metrics(truth[:30], scores[:30])
    assert np.isnan(got["spearman"]["value"])
    assert np.isfinite(got["mse"]["high"])


def test_correlation_of_few() -> None:
    assert np.isnan(pearson(np.zeros(0), np.zeros(0)))
    assert np.isnan(pearson(np.ones(1), np.ones(1)))
    assert pearson(np.array([1.0, 2]), np.array([5.0, 4])) == pytest.approx(-1)


def test_area_of_one_class_or_of_no_number() -> None:
    assert np.isnan(auroc(np.ones(3), np.arange(3.0)))
    assert np.isnan(auroc(np.zeros(0), np.zeros(0)))
    for value in (np.nan, np.inf, -np.inf):
        assert np.isnan(auroc(np.array([0.0, 1.0]), np.array([value, 1.0])))
        assert np.isnan(pearson(np.array([0.0, 1.0]), np.array([value, 1.0])))
        assert np.isnan(pearson(np.array([value, value]), np.array([0.0, 1.0])))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_validation_score_leaves_missing_out(task: str) -> None:
    rng = np.random.default_rng(0)
    targets = rng.choice([0, 1, np.nan], (60, 3)).astype(np.float32)
    scores = rng.normal(size=(60, 3)).astype(np.float32)
    there = ~np.isnan(targets)
    metric = roc_auc_score if task == "binary" else lambda a, b: stats.pearsonr(a, b).statistic
    each = [metric(targets[there[:, i], i], scores[there[:, i], i]) for i in range(3)]
    assert validation_score(task, targets, scores) == pytest.approx(np.mean(each), abs=1e-6)
    targets[:, 1] = np.nan
    assert validation_score(task, targets, scores) == pytest.approx((each[0] + each[2]) / 2, abs=1e-6)
    targets[:] = 1
    assert np.isnan(validation_score(task, targets, scores))


def test_same_seed_same_interval() -> None:
    truth, scores = simulate(50, 20, 0)
    assert 0.5 < auroc(truth, scores) < 0.9
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
    assert metrics._n_bootstrap(0) == metrics._n_bootstrap(1000) == metrics.N_BOOTSTRAP
    assert metrics._n_bootstrap(10**6) == 200
    assert metrics._n_bootstrap(10**9) == 50


def coverage(truth: dict[str, float], intervals: list[dict[str, Any]]) -> dict[str, float]:
    return {
        name: float(np.mean([each[name]["low"] <= value <= each[name]["high"] for each in intervals]))
        for name, value in truth.items()
    }


def test_intervals_cover_the_truth_of_two_normals(monkeypatch: pytest.MonkeyPatch) -> None:
    """95% intervals; percentiles of a bootstrap cover a little less, and 100 simulations err by 2 percent."""
    monkeypatch.setattr(metrics, "N_BOOTSTRAP", 120)
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
    monkeypatch.setattr(metrics, "N_BOOTSTRAP", 120)
    rng = np.random.default_rng(2)
    rho = 0.6
    true_values = {"pearson": rho, "spearman": 6 / np.pi * np.arcsin(rho / 2), "mse": 2 - 2 * rho}
    intervals = []
    for seed in range(100):
        x, noise = rng.normal(size=(2, 200))
        intervals.append(regression_metrics(x, rho * x + (1 - rho**2) ** 0.5 * noise, seed))
    for share in coverage(true_values, intervals).values():
        assert 0.86 < share < 0.999

"""Metrics against scikit-learn and SciPy; weights as repeated rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import average_precision_score, d2_tweedie_score, mean_poisson_deviance, roc_auc_score

from seqcnn.models.tasks import TASKS, respond
from seqcnn.training.metrics import (
    SCORE_NAMES,
    Ranking,
    auroc,
    explained_deviance,
    mean_auroc,
    pearson,
    poisson_deviance,
    ranks,
    validation_score,
)

cases = st.tuples(st.integers(2, 60), st.integers(1, 12), st.integers(0, 10**6))


def simulate(n: int, levels: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both classes, and scores of few values, so that there are many ties."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation((np.arange(n) < rng.integers(1, n)).astype(np.float32))
    return truth, (rng.integers(0, levels, n) / levels - 0.5 + truth * rng.integers(0, 2)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(cases)
def test_weighted_areas(case: tuple[int, int, int]) -> None:
    truth, scores = simulate(*case)
    weight = np.random.default_rng(case).integers(0, 4, len(truth))
    ranking = Ranking(truth, scores)
    np.testing.assert_array_equal(ranking.scores, np.sort(scores)[::-1])
    area, precision = ranking.areas(weight[ranking.order])
    if not weight[truth > 0.5].any() or not weight[truth < 0.5].any():
        assert np.isnan([area, precision, auroc(truth, scores, weight)]).all()
        return
    assert area == pytest.approx(roc_auc_score(truth, scores, sample_weight=weight), abs=1e-12)
    assert precision == pytest.approx(average_precision_score(truth, scores, sample_weight=weight), abs=1e-12)
    repeated = np.repeat(np.arange(len(truth)), weight)
    assert area == pytest.approx(roc_auc_score(truth[repeated], scores[repeated]), abs=1e-12)
    assert auroc(truth, scores, weight) == area
    assert auroc(truth, scores, weight * 0.37) == pytest.approx(area, abs=1e-12)
    assert auroc(truth, scores) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.integers(3, 40), st.integers(2, 20), st.integers(0, 10**6))
def test_weighted_correlations(n: int, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, levels, n).astype(np.float64)
    scores = truth + rng.integers(-3, 4, n)
    times = rng.integers(0, 3, n)
    rows = np.repeat(np.arange(n), times)
    got = pearson(truth, scores, times), pearson(ranks(truth, times), ranks(scores, times), times)
    if len(rows) < 2 or np.ptp(truth[rows]) == 0 or np.ptp(scores[rows]) == 0:
        assert np.isnan(got).all()
        return
    wanted = stats.pearsonr(truth[rows], scores[rows]).statistic, stats.spearmanr(truth[rows], scores[rows]).statistic
    assert got == pytest.approx(wanted, abs=1e-9)
    assert pearson(truth, scores, times * 0.3) == pytest.approx(wanted[0], abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 40), st.floats(0.1, 100), st.integers(0, 10**6))
def test_deviance(n: int, mean: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = mean * np.exp(rng.normal(size=n))
    counts = rng.poisson(rates).astype(np.float32)
    weights = rng.random(n)
    each = poisson_deviance(counts, rates)
    assert (each >= -1e-9).all()
    assert each.mean() == pytest.approx(mean_poisson_deviance(counts, rates), rel=1e-9, abs=1e-12)
    if np.ptp(counts):
        wanted = d2_tweedie_score(counts, rates, power=1, sample_weight=weights)
        assert explained_deviance(counts, rates, weights) == pytest.approx(wanted, rel=1e-6)
    else:
        assert np.isnan(explained_deviance(counts, rates, weights))


def test_explained_deviance_of_what_cannot_be_judged() -> None:
    counts = np.array([0.0, 1, 4])
    assert explained_deviance(counts, np.array([1e-9, 1, 4])) == pytest.approx(1)
    assert explained_deviance(counts, np.full(3, 5 / 3)) == pytest.approx(0)
    assert np.isnan(explained_deviance(counts, np.array([np.inf, 1, 4])))
    assert np.isnan(explained_deviance(counts, np.array([np.nan, 1, 4])))
    assert np.isnan(explained_deviance(np.array([2.0, 2]), np.array([1.0, 2])))
    assert np.isnan(explained_deviance(counts[:1], counts[:1]))
    assert np.isnan(explained_deviance(counts, counts + 1, np.array([0.0, 0, 1])))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1, 1e-30])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_constant_predictions_have_no_correlation(value: float, kind: type[np.floating[Any]]) -> None:
    """Also where the mean of equal numbers is rounded."""
    truth, scores = np.arange(1001, dtype=kind), np.full(1001, value, dtype=kind)
    assert np.isnan(pearson(truth, scores))
    assert np.isnan(pearson(scores, truth))
    assert np.isnan(pearson(truth, scores, np.ones(1001)))


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


def draw(task: str, n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return three targets of a task, some missing, and scores that know nothing."""
    rng = np.random.default_rng(seed)
    shape = (n, 1 if task == "multiclass" else 3)
    drawn = {
        "binary": lambda: rng.integers(0, 2, shape),
        "regression": lambda: rng.normal(size=shape),
        "poisson": lambda: rng.poisson(2, shape),
        "multiclass": lambda: rng.integers(0, 3, shape),
    }[task]().astype(np.float32)
    drawn[rng.random(shape) < 0.3] = np.nan
    return drawn, rng.normal(size=(n, 3)).astype(np.float32)


METRICS: dict[str, Any] = {
    "binary": roc_auc_score,
    "regression": lambda a, b: stats.pearsonr(a, b).statistic,
    "poisson": lambda a, b: d2_tweedie_score(a, np.exp(b), power=1),
}


@pytest.mark.parametrize("task", ["binary", "regression", "poisson"])
def test_validation_score_leaves_missing_out(task: str) -> None:
    targets, scores = draw(task, 60, 0)
    there = ~np.isnan(targets)
    each = [METRICS[task](targets[there[:, i], i], scores[there[:, i], i]) for i in range(3)]
    assert validation_score(task, targets, scores) == pytest.approx(np.mean(each), abs=1e-6)
    targets[:, 1] = np.nan
    assert validation_score(task, targets, scores) == pytest.approx((each[0] + each[2]) / 2, abs=1e-6)
    targets[:] = 1
    assert np.isnan(validation_score(task, targets, scores))


def test_validation_score_of_classes() -> None:
    targets, scores = draw("multiclass", 80, 1)
    there = ~np.isnan(targets[:, 0])
    probability = respond("multiclass", scores[there])
    wanted = roc_auc_score(targets[there, 0], probability, multi_class="ovr")
    assert validation_score("multiclass", targets, scores) == pytest.approx(wanted, abs=1e-9)
    shifted = scores + np.random.default_rng(0).normal(size=(80, 1)).astype(np.float32) * 9
    assert validation_score("multiclass", targets, shifted) == pytest.approx(wanted, abs=1e-3)
    assert np.isnan(validation_score("multiclass", np.zeros_like(targets), scores))
    two = np.where(targets == 2, np.nan, targets)
    rows = ~np.isnan(two[:, 0])
    of_two = [roc_auc_score(two[rows, 0] == i, respond("multiclass", scores[rows])[:, i]) for i in range(2)]
    assert validation_score("multiclass", two, scores) == pytest.approx(np.mean(of_two), abs=1e-9)
    assert mean_auroc(two[rows, 0], scores[rows]) != validation_score("multiclass", two, scores)


@pytest.mark.parametrize("task", TASKS)
def test_validation_score_with_weights(task: str) -> None:
    targets, scores = draw(task, 60, 2)
    times = np.random.default_rng(0).integers(0, 3, 60)
    rows = np.repeat(np.arange(60), times)
    weighted = validation_score(task, targets, scores, times.astype(np.float32))
    assert weighted == pytest.approx(validation_score(task, targets[rows], scores[rows]), abs=1e-9)
    assert weighted != pytest.approx(validation_score(task, targets, scores), abs=1e-3)


def test_validation_scores_that_are_not_numbers() -> None:
    """Such as of a fit that has gone astray: no warning, no number."""
    targets = np.array([[0.0], [1], [2]], dtype=np.float32)
    scores = np.array([[1e3], [0], [1]], dtype=np.float32)
    assert np.isnan(validation_score("poisson", targets, scores))
    assert set(SCORE_NAMES) == set(TASKS)

"""The numbers behind a report's plots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve, roc_curve

from seqcnn.report import curves
from tests.report.run_folders import held_out


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray]:
    part = held_out("test", "binary", 1, 300)
    return part.truth[:, 0].astype(float), part.scores[:, 0].round(1).astype(float)


def test_curves_are_those_of_scikit_learn(judged: tuple[np.ndarray, np.ndarray]) -> None:
    found = curves.roc_and_pr(*judged)
    assert found is not None
    false, true, _ = roc_curve(*judged, drop_intermediate=False)
    assert np.allclose((found[0].x, found[0].y), (false, true))
    precision, recall, _ = precision_recall_curve(*judged)
    assert np.allclose((found[1].x, found[1].y), (recall[:-1][::-1], precision[:-1][::-1]))


def test_weights_count_as_rows(judged: tuple[np.ndarray, np.ndarray]) -> None:
    truth, scores = judged
    weights = np.arange(len(truth)) % 3
    weighted = curves.roc_and_pr(truth, scores, weights.astype(float), bands=False)
    repeated = curves.roc_and_pr(np.repeat(truth, weights), np.repeat(scores, weights), bands=False)
    assert weighted is not None
    assert repeated is not None
    for one, other in zip(weighted, repeated, strict=True):
        assert set(zip(other.x.round(9), other.y.round(9), strict=True)) <= set(
            zip(one.x.round(9), one.y.round(9), strict=True)
        )
        assert not len(one.low)


def test_bands_hold_the_curve_and_narrow_with_examples() -> None:
    widths = []
    for n in (100, 1600):
        part = held_out("test", "binary", 1, n)
        found = curves.roc_and_pr(part.truth[:, 0], part.scores[:, 0])
        assert found is not None
        at = np.interp(curves.GRID, found[0].x, found[0].y)
        assert ((found[0].low <= at + 0.05) & (at - 0.05 <= found[0].high)).all()
        widths.append((found[0].high - found[0].low).mean())
    assert widths[1] < widths[0] / 2


def test_one_class_has_no_curve() -> None:
    assert curves.roc_and_pr(np.ones(30), np.arange(30.0)) is None


def test_long_curves_are_thinned() -> None:
    part = held_out("test", "binary", 1, 5000)
    found = curves.roc_and_pr(part.truth[:, 0], part.scores[:, 0], bands=False)
    assert found is not None
    assert len(found[0].x) == curves.MOST_POINTS
    assert (found[0].x[0], found[0].y[-1]) == (0, 1)


def test_wilson_is_that_of_scipy() -> None:
    low, high = curves.wilson(np.array([0.0, 0.3, 1.0]), np.array([20, 50, 7]))
    for i, (k, n) in enumerate(((0, 20), (15, 50), (7, 7))):
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_reliability_of_true_probabilities() -> None:
    rng = np.random.default_rng(1)
    said = rng.random(20_000)
    found = curves.reliability((rng.random(20_000) < said).astype(float), said)
    assert found is not None
    assert found.n.tolist() == [2000] * 10
    assert found.error < 0.02
    assert ((found.low < found.said) & (found.said < found.high)).sum() >= 8
    wrong = curves.reliability((rng.random(20_000) < said**3).astype(float), said)
    assert wrong is not None
    assert wrong.error == pytest.approx(float(np.mean(said - said**3)), abs=0.03)
    assert curves.reliability(np.ones(19), np.ones(19)) is None


def test_histograms_share_out_all_values() -> None:
    found = curves.histogram([np.arange(100.0), np.array([50.0, 1e9, np.nan])])
    assert found is not None
    assert [float(shares.sum()) for shares in found.shares] == pytest.approx([1, 1])
    assert found.shares[1][-1] == 0.5
    assert curves.histogram([np.array([np.nan])]) is None

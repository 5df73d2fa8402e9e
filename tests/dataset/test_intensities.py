"""Probe intensities on a scale of mean 0 and variance 1."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqcnn.dataset.intensities import PERCENTILE, Scale, fit_scale

VALUES = arrays(np.float64, st.integers(3, 40), elements=st.floats(-1e5, 1e5).map(lambda x: round(x, 2)))


def skewed(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(3, 1.5, n) - 5


@pytest.mark.parametrize("power", [1.0, 0.7, 0.5])
def test_rnacompete_is_clamped_at_its_percentile_and_standardised_as_pandas_does(power):
    values = skewed(5000)
    scale = fit_scale(values, percentile=PERCENTILE, power=power)
    column = pd.Series(values)
    clamped = column.clip(upper=column.quantile(0.9995))
    raised = np.sign(clamped) * clamped.abs().pow(power)
    expected = (raised - raised.mean()) / raised.std(ddof=0)
    np.testing.assert_allclose(scale.apply(values), expected, atol=1e-12)
    assert scale.ceiling == pytest.approx(column.quantile(0.9995))
    assert (values > scale.ceiling).sum() == 3


def test_only_the_values_above_the_ceiling_change():
    values = skewed(4000)
    scale = fit_scale(values, percentile=PERCENTILE, power=0.5)
    back = scale.undo(scale.apply(values))
    below = values <= scale.ceiling
    np.testing.assert_allclose(back[below], values[below])
    np.testing.assert_allclose(back[~below], scale.ceiling)


@given(VALUES, st.sampled_from([1.0, 0.7, 0.5, 0.25]))
def test_targets_have_mean_0_and_variance_1_and_come_back(values, power):
    if np.ptp(values) < 0.01:
        return
    scale = fit_scale(values, power=power)
    targets = scale.apply(values)
    assert abs(targets.mean()) < 1e-6
    assert abs(targets.std() - 1) < 1e-6
    np.testing.assert_allclose(scale.undo(targets), values, rtol=1e-6, atol=1e-6 * np.abs(values).max())


def test_order_is_kept_whatever_the_sign():
    values = np.array([-9.0, -4, -0.5, 0, 0.5, 4, 9])
    targets = fit_scale(values, power=0.5).apply(values)
    assert (np.diff(targets) > 0).all()
    np.testing.assert_allclose(targets, -targets[::-1])


def test_missing_values_stay_missing_and_do_not_count():
    values = skewed(300)
    with_gaps = np.insert(values, [0, 7, 300], np.nan)
    scale = fit_scale(values, percentile=90, power=0.5)
    assert fit_scale(with_gaps, percentile=90, power=0.5) == scale
    assert np.isnan(scale.apply(with_gaps)).sum() == 3


def test_bias_is_divided_out_before_all_else_and_multiplied_back():
    values, bias = skewed(500), np.random.default_rng(1).normal(size=500)
    scale = fit_scale(values, power=0.5, log_bias=bias, slope=0.4)
    ratio = values / np.exp(bias) ** 0.4
    root = np.sign(ratio) * np.sqrt(np.abs(ratio))
    np.testing.assert_allclose(scale.apply(values, bias), (root - root.mean()) / root.std())
    np.testing.assert_allclose(scale.undo(scale.apply(values, bias), bias), values)
    np.testing.assert_allclose(scale.undo(scale.apply(values, bias)), ratio)


def test_an_unknown_bias_is_no_bias():
    values = np.array([1.0, 4, 9, 16])
    bias = np.array([0.5, np.nan, 0, np.nan])
    scale = Scale(0, 1, slope=1.0)
    np.testing.assert_allclose(scale.apply(values, bias), [np.exp(-0.5), 4, 9, 16])
    np.testing.assert_allclose(scale.undo(values, bias), [np.exp(0.5), 4, 9, 16])
    np.testing.assert_allclose(scale.apply(values), values)


@pytest.mark.parametrize(
    ("values", "said"),
    [([2.0, 2, 2], "all 3 values are 2"), ([np.nan, np.nan], "there are no values"), ([1e8] * 9, "all 9 values")],
)
def test_what_cannot_be_standardised_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        fit_scale(np.array(values), power=0.5)


def test_a_scale_survives_json():
    scale = fit_scale(skewed(50), percentile=99, power=0.7)
    assert Scale(**json.loads(json.dumps(scale.as_json()))) == scale

"""The bias of microarray probes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.probe_bias import ProbeLevels, bias_slope, log_bias, log_levels
from seqcnn.sequence.ragged import encode_all, from_text


def array(probes: list[str], *columns: list[float]) -> Examples:
    targets = np.array(columns, dtype=np.float32).T
    names = from_text(str(i) for i in range(len(probes)))
    return Examples(encode_all(probes), names, targets, np.zeros(len(probes), dtype=np.uint8))


def test_levels_are_logs_of_what_is_above_the_median():
    levels = log_levels(np.array([1.0, 2, 4, 8, 0, -3, np.nan]))
    np.testing.assert_allclose(levels, np.log([1 / 3, 2 / 3, 4 / 3, 8 / 3, np.nan, np.nan, np.nan]))
    assert np.isnan(log_levels(np.array([-1.0, 0, np.nan]))).all()


def test_bias_is_the_median_over_arrays_as_pandas_takes_it():
    rng = np.random.default_rng(0)
    arrays = rng.lognormal(5, 1, (200, 5)) * rng.lognormal(0, 2, 5)
    arrays[rng.random(arrays.shape) < 0.2] = np.nan
    arrays[7] = np.nan
    bias = log_bias(np.stack([log_levels(column) for column in arrays.T], axis=1))
    frame = pd.DataFrame(arrays)
    expected = np.log(frame / frame.median()).median(axis=1)
    np.testing.assert_allclose(bias, expected)
    assert np.isnan(bias[7])


def test_brightness_of_an_array_does_not_matter():
    rng = np.random.default_rng(1)
    arrays = rng.lognormal(5, 1, (50, 3))
    levels = [np.stack([log_levels(column) for column in (arrays * by).T], axis=1) for by in (1, [1, 10, 0.01])]
    np.testing.assert_allclose(log_bias(levels[0]), log_bias(levels[1]))


def test_slope_is_that_of_a_regression_within_0_and_1():
    rng = np.random.default_rng(2)
    bias = rng.normal(size=300)
    values = np.exp(0.6 * bias + rng.normal(size=300))
    assert bias_slope(values, bias) == pytest.approx(linregress(bias, np.log(values)).slope)
    assert bias_slope(np.exp(3 * bias), bias) == 1
    assert bias_slope(np.exp(-bias), bias) == 0


def test_slope_leaves_out_what_has_no_logarithm_or_no_bias():
    bias = np.array([0.0, 1, 2, 3, np.nan])
    values = np.array([1.0, np.e, -5, np.nan, 100])
    assert bias_slope(values, bias) == pytest.approx(1)
    assert bias_slope(values[2:], bias[2:]) == 0
    assert bias_slope(np.array([1.0, 2, 3]), np.ones(3)) == 0


def test_a_full_slope_is_deepbinds_ratio_to_the_median():
    rng = np.random.default_rng(3)
    arrays = rng.lognormal(5, 1, (101, 7))
    arrays /= np.median(arrays, axis=0)
    bias = log_bias(np.stack([log_levels(column) for column in arrays.T], axis=1))
    np.testing.assert_allclose(arrays[:, 0] / np.exp(bias), arrays[:, 0] / np.median(arrays, axis=1))


def test_probes_are_found_by_their_sequences_in_any_order():
    first = array(["ACGT", "GGGG", "TTTTT"], [1, 2, 4], [8, 8, 2])
    second = array(["GGGG", "CCCC"], [3, 27])
    levels = ProbeLevels([first, second])
    assert levels.n_arrays == 3
    found = levels.of(encode_all(["CCCC", "TTTTT", "AAAA", "GGGG"]))
    nan = np.nan
    expected = [[nan, nan, 27 / 15], [2, 0.25, nan], [nan, nan, nan], [1, 1, 3 / 15]]
    np.testing.assert_allclose(found, np.log(expected))


@given(st.lists(st.tuples(st.sampled_from(["AC", "ACG", "GT", "T"]), st.integers(1, 99)), min_size=1, max_size=30))
def test_probes_that_recur_on_an_array_count_by_their_median(rows):
    probes, values = zip(*rows, strict=True)
    levels = ProbeLevels([array(list(probes), list(values))])
    frame = pd.DataFrame({"probe": probes, "level": np.log(np.array(values) / np.median(values))})
    expected = frame.groupby("probe")["level"].median()
    found = levels.of(encode_all(expected.index.tolist()))
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)

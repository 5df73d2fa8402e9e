"""Scores on the scale of the targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqcnn.models.modelfile import Model
from seqcnn.models.tasks import RESPONSES, TASKS, respond

Scores = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
SCORES = arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(1, 3)), elements=st.floats(-50, 50, width=32))


@given(SCORES)
def test_responses_by_definition(scores: Scores) -> None:
    before = scores.copy()
    exact = scores.astype(np.float64)
    np.testing.assert_allclose(respond("binary", scores), 1 / (1 + np.exp(-exact)))
    np.testing.assert_array_equal(respond("regression", scores), exact)
    np.testing.assert_allclose(respond("poisson", scores), np.exp(exact))
    several = respond("multiclass", scores)
    np.testing.assert_allclose(several, np.exp(exact) / np.exp(exact).sum(1, keepdims=True))
    np.testing.assert_allclose(several.sum(1), 1)
    np.testing.assert_array_equal(before, scores)


@given(st.floats(-50, 50))
def test_two_classes_are_a_binary_target(score: float) -> None:
    two = respond("multiclass", np.array([[0, score]]))
    np.testing.assert_allclose(two[:, 1], respond("binary", np.array([score])), rtol=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_what_has_no_score(task: str) -> None:
    got = respond(task, np.array([[np.nan, np.nan], [0, 1]], dtype=np.float32))
    assert np.isnan(got).tolist() == [[True, True], [False, False]]
    assert got.dtype == np.float64


def test_extreme_scores() -> None:
    """A warning would be an error."""
    scores = np.array([[-1e4, 0, 1e4]], dtype=np.float32)
    assert respond("binary", scores).tolist() == [[0, 0.5, 1]]
    assert respond("multiclass", scores).tolist() == [[0, 0, 1]]


def test_which_tasks_have_another_scale() -> None:
    assert set(RESPONSES) == set(TASKS) - {"regression"}


def test_names_of_columns() -> None:
    def model(task: str, **training: str) -> Model:
        return Model(None, "deepbind", "dna", task, ("a", "b"), None, dict(training))  # type: ignore[arg-type]

    assert model("binary").target_columns == ("a", "b")
    assert model("multiclass", class_column="cell").target_columns == ("cell",)
    assert model("multiclass").target_columns == ("class",)

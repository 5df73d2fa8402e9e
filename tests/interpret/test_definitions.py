"""How a change of the score is expressed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from seqcnn.errors import UsageError
from seqcnn.interpret.definitions import DEFINITIONS, check_definition, express
from seqcnn.models.tasks import TASKS

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(0, 2, (50, 3)).astype(np.float32)
CHANGE = RNG.normal(0, 2, (50, 3)).astype(np.float32)
MUTANT = REFERENCE + CHANGE


def test_difference() -> None:
    for task in TASKS:
        assert np.array_equal(express("difference", task, REFERENCE, CHANGE), CHANGE)


def test_the_rule_of_deepbind() -> None:
    want = CHANGE * np.maximum(0, np.sign(np.maximum(REFERENCE, MUTANT)))
    found = express("deepbind", "binary", REFERENCE, CHANGE)
    np.testing.assert_allclose(found, want)
    assert 0 < np.count_nonzero(found == 0) < found.size


def test_log_odds() -> None:
    want = logit(expit(MUTANT.astype(np.float64))) - logit(expit(REFERENCE.astype(np.float64)))
    np.testing.assert_allclose(express("log-odds", "binary", REFERENCE, CHANGE), want, atol=1e-5)
    want = logit(softmax(MUTANT.astype(np.float64), axis=1)) - logit(softmax(REFERENCE.astype(np.float64), axis=1))
    np.testing.assert_allclose(express("log-odds", "multiclass", REFERENCE, CHANGE), want, atol=1e-5)


def test_response() -> None:
    np.testing.assert_allclose(
        express("response", "binary", REFERENCE, CHANGE), expit(MUTANT) - expit(REFERENCE), atol=1e-6
    )
    np.testing.assert_allclose(
        express("response", "poisson", REFERENCE, CHANGE), np.exp(MUTANT) - np.exp(REFERENCE), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_no_score_has_no_change(definition: str) -> None:
    nothing = np.full((1, 1), np.nan, dtype=np.float32)
    assert np.isnan(express(definition, "binary", nothing, nothing)).all()


@pytest.mark.parametrize(
    ("definition", "task", "message"),
    [
        ("ratio", "binary", "unknown definition 'ratio' of a change; there are: difference, deepbind"),
        ("log-odds", "regression", "a regression model predicts no probabilities"),
        ("log-odds", "poisson", "a poisson model predicts no probabilities"),
        ("response", "regression", "what a regression model predicts is the score itself"),
    ],
)
def test_definitions_that_mean_nothing_are_refused(definition: str, task: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_definition(definition, task)
    with pytest.raises(UsageError, match=message):
        express(definition, task, REFERENCE, CHANGE)

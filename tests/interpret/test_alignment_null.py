"""The distribution of the best alignment's score, against every possible target."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqcnn.interpret.alignment_null import log_chances_below
from tests.interpret.tomtom_by_definition import alignments


def span_chance(chances: Any, low: int, columns: list[int], score: int) -> float:
    """Return P(sum of these columns >= score), one combination of values at a time."""
    values = range(chances.shape[1])
    return sum(
        math.prod(chances[q, v] for q, v in zip(columns, word, strict=True))
        for word in itertools.product(values, repeat=len(columns))
        if sum(low + v for v in word) >= score
    )


@settings(max_examples=60)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(0, 5).map(float)),
    st.sets(st.integers(1, 7), min_size=1, max_size=3),
    st.data(),
)
def test_every_score_and_width(raw: Any, widths: set[int], data: st.DataObject) -> None:
    raw[raw.sum(axis=1) == 0] = 1
    chances = raw / raw.sum(axis=1, keepdims=True)
    width, n_values = chances.shape
    low = -data.draw(st.integers(0, n_values - 1))
    found = log_chances_below(chances, low, widths)
    assert set(found) == widths
    for target, logs in found.items():
        assert len(logs) == width * (n_values - 1) + 1
        for index, log in enumerate(logs):
            score = width * low + index
            spans = [span_chance(chances, low, on, score) for _, on in alignments(width, target)]
            assert math.exp(log) == pytest.approx(math.prod(1 - min(chance, 1) for chance in spans), abs=1e-12)


def test_rare_scores_are_exact() -> None:
    chances = np.tile([1 - 1e-5, 1e-5], (8, 1))
    logs = log_chances_below(chances, 0, [8])[8]
    # only the alignment of all eight columns can score 8
    assert -math.expm1(logs[8]) == pytest.approx(1e-40, rel=1e-9)

"""Hits are the best of overlapping windows, however the scores come in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.interpret.hits import HitFinder, best_apart


def choose_plainly(start: np.ndarray, score: np.ndarray, length: int) -> set[int]:
    """Choose greedily, one by one; scores must differ."""
    left, chosen = set(range(len(start))), set()
    while left:
        best = max(left, key=lambda i: score[i])
        chosen.add(best)
        left -= {i for i in left if abs(start[i] - start[best]) < length}
    return chosen


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=60, unique=True), st.integers(1, 40), st.randoms())
def test_greedy(starts: list[int], length: int, rng: object) -> None:
    start = np.sort(np.array(starts))
    score = np.random.default_rng(len(starts)).permutation(len(starts)).astype(np.float32)
    assert set(best_apart(start, score, length).tolist()) == choose_plainly(start, score, length)


def test_the_middle_of_equals() -> None:
    start = np.arange(100, 131)
    score = np.where((start >= 110) & (start <= 120), 5, 1).astype(np.float32)
    assert start[best_apart(start, score, 50)].tolist() == [115]
    assert start[best_apart(start, score + start * 1e-8, 50)].tolist() == [115]  # but for rounding
    assert start[best_apart(start[::3], score[::3], 50, 3) * 3].tolist() == [115]


def test_equals_that_are_wider_than_a_window() -> None:
    start = np.arange(100)
    found = start[best_apart(start, np.ones(100, dtype=np.float32), 10)]
    assert all(b - a >= 10 for a, b in pairwise(found.tolist()))
    assert len(found) >= 5


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_any_pieces(size: int, overlaps: bool, step: int) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3000)).astype(np.float32)
    values[:, 100:300] = np.nan
    finder, found = HitFinder(20, step, 1.5, overlaps=overlaps), []
    for chrom, row in zip("ab", values, strict=True):
        for at in range(0, 3000, size):
            found += list(finder.add(chrom, at * step, row[at : at + size]))
    found += list(finder.finish())
    for chrom, row in zip("ab", values, strict=True):
        rows = np.flatnonzero(row >= 1.5)
        wanted = rows if overlaps else rows[best_apart(rows * step, row[rows], 20, step)]
        start = np.concatenate([hits.start for hits in found if hits.chrom == chrom])
        np.testing.assert_array_equal(start, wanted * step)
        np.testing.assert_array_equal(np.concatenate([h.score for h in found if h.chrom == chrom]), row[wanted])


def test_hits_are_known_early() -> None:
    finder = HitFinder(10, 1, 0.0)
    values = np.full(100, -1, dtype=np.float32)
    values[50] = 1
    assert [hits.start.tolist() for hits in finder.add("a", 0, values)] == [[50]]
    assert list(finder.finish()) == []

"""Contributions equal their definition; seqlets are the best windows that do not overlap, above what shuffles give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.interpret import seqlets
from seqcnn.interpret.seqlets import Profiles, Seqlets, above_shuffled, find, profile
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows
from tests.interpret.plain_deepbind import make, random_sequences


def with_contributions(rows: list[list[float]]) -> Profiles:
    """Return profiles of poly-A in which A contributes these values, and any other base nothing."""
    by_base = np.zeros((sum(map(len, rows)), 4), np.float32)
    by_base[:, 0] = [value for row in rows for value in row]
    return Profiles(from_rows(bytes(len(row)) for row in rows), by_base)


@pytest.mark.parametrize("shape", [{}, {"n_members": 3, "hidden": 0}, {"n_targets": 2, "both_strands": False}])
def test_a_contribution_is_the_score_less_the_mean_of_the_mutants(
    shape: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seqlets, "LETTERS_AT_ONCE", 60)  # several parts
    network, sequences = make(shape), random_sequences(np.random.default_rng(1), [30, 45, 1, 38])
    target = network.settings.n_targets - 1
    found = profile(network, sequences, target)
    own = found.own()
    score = predict(network, sequences)[:, target]
    for row, codes in enumerate(sequences):
        for place in range(0, len(codes), 7):
            base = int(sequences.offsets[row]) + place
            if codes[place] == 4:
                assert own[base] == 0
                continue
            mutants = np.repeat(codes[None], 4, axis=0)
            mutants[np.arange(4), place] = np.arange(4)
            scores = predict(network, from_rows(list(mutants)))[:, target]
            others = np.delete(scores, codes[place])
            assert own[base] == pytest.approx(score[row] - others.mean(), abs=1e-4)
            for code in range(4):
                want = scores[code] - np.delete(scores, code).mean()
                assert found.by_base[base, code] == pytest.approx(want, abs=1e-4)


def test_windows_are_read_on_their_strand_and_empty_beyond_the_ends() -> None:
    rng = np.random.default_rng(0)
    sequences = random_sequences(rng, [12, 9])
    profiles = Profiles(sequences, rng.normal(size=(21, 4)).astype(np.float32))
    places = Seqlets(np.array([0, 1, 1]), np.array([3, -2, 5]), np.array([False, True, False]), np.zeros(3))
    values, codes = profiles.windows(places, 6)
    np.testing.assert_array_equal(codes[0], sequences[0][3:9])
    np.testing.assert_array_equal(values[0], profiles.by_base[3:9].T)
    inside = np.concatenate([[4, 4], sequences[1][:4]]).astype(np.uint8)
    np.testing.assert_array_equal(codes[1], reverse_complement(inside))
    np.testing.assert_array_equal(values[1][:, :4], profiles.by_base[12:16].T[::-1, ::-1])
    np.testing.assert_array_equal(values[1][:, 4:], 0)
    np.testing.assert_array_equal(codes[2], [*sequences[1][5:9], 4, 4])
    np.testing.assert_array_equal(values[2][:, 4:], 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(-4, 9), st.integers(-6, 6), st.booleans(), st.booleans(), st.integers(1, 9), st.integers(1, 9))
def test_a_moved_window_is_what_one_reads_there(
    start: int, shift: int, minus: bool, turned: bool, width: int, new: int
) -> None:
    rng = np.random.default_rng(3)
    sequences = random_sequences(rng, [14], 0)
    profiles = Profiles(sequences, rng.normal(size=(14, 4)).astype(np.float32))
    old = Seqlets(np.array([0]), np.array([start]), np.array([minus]), np.zeros(1))
    far = 30  # of either side of the old window, as it is read
    around = Seqlets(old.sequence, old.start - far, old.minus, old.score)
    values, codes = profiles.windows(around, width + 2 * far)
    if turned:
        values, codes = values[:, ::-1, ::-1], reverse_complement(codes)
    moved = old.moved(shift, np.array([turned]), width, new)
    got_values, got_codes = profiles.windows(moved, new)
    np.testing.assert_array_equal(got_codes, codes[:, far + shift : far + shift + new])
    np.testing.assert_array_equal(got_values, values[:, :, far + shift : far + shift + new])


def best_windows(values: list[float], core: int) -> list[tuple[int, float]]:
    """Take the best window, then the best that does not overlap it, and so on, by definition."""
    sums = [sum(values[i : i + core]) for i in range(max(len(values) - core, 0) + 1)]
    found: list[tuple[int, float]] = []
    while True:
        free = [i for i, s in enumerate(sums) if s > 1e-9 and all(abs(i - start) >= core for start, _ in found)]
        if not free:
            return sorted(found)
        best = max(free, key=lambda i: (sums[i], -i))
        found.append((best, sums[best]))


VALUES = st.lists(st.lists(st.integers(-8, 8).map(float), min_size=1, max_size=30), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(1, 12), st.sampled_from([1, -1]))
def test_seqlets_are_the_best_windows_that_do_not_overlap(rows: list[list[float]], core: int, sign: int) -> None:
    found = find(with_contributions(rows), core, sign)
    for number, values in enumerate(rows):
        mine = found.sequence == number
        want = best_windows([sign * value for value in values], core)
        assert found.start[mine].tolist() == [start for start, _ in want]
        np.testing.assert_allclose(found.score[mine], [sign * score for _, score in want], atol=1e-6)
    assert not found.minus.any()


def test_parts_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    rows = [rng.normal(size=n).tolist() for n in rng.integers(1, 60, 40)]
    whole = find(with_contributions(rows), 7, 1)
    monkeypatch.setattr(seqlets, "LETTERS_AT_ONCE", 90)
    parts = find(with_contributions(rows), 7, 1)
    np.testing.assert_array_equal(whole.start, parts.start)
    np.testing.assert_array_equal(whole.sequence, parts.sequence)


def test_nothing_contributes() -> None:
    assert len(find(with_contributions([[0.0] * 20]), 5, 1)) == 0
    empty = Profiles(from_rows([]), np.zeros((0, 4), np.float32))
    assert len(find(empty, 5, 1)) == 0
    found, others = above_shuffled(with_contributions([[0.0] * 9]), with_contributions([[1.0] * 9]), 3, 1, 0.5)
    assert len(found) == len(others) == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_the_threshold_is_the_lowest_that_keeps_the_rate(sign: int, rate: float) -> None:
    rng = np.random.default_rng(7)
    real = with_contributions(
        [[sign * float(v)] for v in np.concatenate([rng.normal(3, 1, 300), rng.normal(0, 1, 700)])]
    )
    null = with_contributions([[sign * float(v)] for v in rng.normal(0, 1, 500)])
    found, others = above_shuffled(real, null, 1, sign, rate)
    scores = np.sort(real.own()[real.own() * sign > 0] * sign)[::-1]
    expected = [(np.count_nonzero(null.own() * sign >= s) + 1) * 2 / (k + 1) for k, s in enumerate(scores)]
    want = max(k + 1 for k, share in enumerate(expected) if share <= rate)
    assert len(found) == want
    assert len(others) == np.count_nonzero(null.own() * sign >= scores[want - 1])


def test_windows_of_other_shapes_go_together() -> None:
    rows = Ragged(np.zeros(6, np.uint8), np.array([0, 6]))
    profiles = Profiles(rows, np.ones((6, 4), np.float32))
    found = find(profiles, 10, 1)
    assert found.start.tolist() == [0]
    assert found.score.tolist() == [6]
    assert len(found.take(np.array([False]))) == 0

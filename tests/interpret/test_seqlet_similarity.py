"""The best alignment of windows, against trying every shift and strand one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqcnn.interpret import seqlet_similarity
from seqcnn.interpret.seqlet_similarity import align, similarities


def cosine(window: NDArray[np.float32], reference: NDArray[np.float32], shift: int) -> float:
    """Lay the reference's first column on the window's column `shift`."""
    total = 0.0
    for column in range(window.shape[1]):
        if 0 <= column - shift < reference.shape[1]:
            total += float(window[:, column] @ reference[:, column - shift])
    return total / float(np.linalg.norm(window) * np.linalg.norm(reference))


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 9), st.integers(3, 9), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_the_best_of_all_alignments(width: int, other: int, overlap: int, both: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(3, 4, width)).astype(np.float32)
    references = rng.normal(size=(2, 4, other)).astype(np.float32)
    found = align(windows, references, overlap, both_strands=both)
    for i, window in enumerate(windows):
        for j, reference in enumerate(references):
            tried = {
                (shift, turned): cosine(window[::-1, ::-1] if turned else window, reference, shift)
                for shift in range(overlap - other, width - overlap + 1)
                for turned in (False, True)[: 1 + both]
            }
            assert found.similarity[i, j] == pytest.approx(max(tried.values()), abs=1e-5)
            at = int(found.shift[i, j]), bool(found.turned[i, j])
            assert tried[at] == pytest.approx(max(tried.values()), abs=1e-5)


def test_pairs_are_as_alike_as_their_best_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seqlet_similarity, "ROWS_AT_ONCE", 4)
    windows = np.random.default_rng(1).normal(size=(11, 4, 8)).astype(np.float32)
    for both in (False, True):
        found = similarities(windows, 5, both_strands=both)
        want = align(windows, windows, 5, both_strands=both).similarity
        np.testing.assert_allclose(found, want, atol=1e-5)
        np.testing.assert_array_equal(found, found.T)
        assert (np.diag(found) == 1).all()


def test_shifted_and_turned_windows_are_the_same() -> None:
    window = np.zeros((1, 4, 15), np.float32)
    window[0, [0, 1, 2, 3, 0], [5, 6, 7, 8, 9]] = [1, 2, 3, 4, 5]
    shifted = np.roll(window, 3, axis=2)
    found = align(shifted, window, 10, both_strands=True)
    assert (found.similarity[0, 0], found.shift[0, 0], found.turned[0, 0]) == (pytest.approx(1), 3, False)
    turned = align(shifted[:, ::-1, ::-1], window, 10, both_strands=True)
    assert (turned.similarity[0, 0], turned.shift[0, 0], turned.turned[0, 0]) == (pytest.approx(1), 3, True)
    assert align(shifted[:, ::-1, ::-1], window, 10, both_strands=False).similarity[0, 0] < 0.9
    assert align(shifted, window, 14, both_strands=True).similarity[0, 0] < 0.9  # a shift of 3 is not allowed


def test_palindromes_are_taken_as_they_are() -> None:
    window = np.zeros((1, 4, 8), np.float32)
    window[0, [0, 1, 2, 3], [2, 3, 4, 5]] = 1  # ACGT
    assert not align(window, window, 6, both_strands=True).turned.any()


def test_a_window_of_zeros_is_like_nothing() -> None:
    windows = np.zeros((2, 4, 6), np.float32)
    windows[1, 0, 3] = 1
    assert align(windows, windows[1:], 3, both_strands=True).similarity[0, 0] == 0

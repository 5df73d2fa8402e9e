"""Where filters fire, against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from seqcnn.interpret import activations
from seqcnn.interpret.activations import Activations
from seqcnn.models.detectors import Detectors
from seqcnn.sequence.alphabet import N_CODE, one_hot
from tests.interpret.small_networks import network, sequences


def windows_by_definition(detectors: Detectors, codes: np.ndarray) -> np.ndarray:
    """Return the activation of all windows, shape (n_strands, width, n_windows)."""
    filters = detectors.filters.flatten(0, 1).numpy().astype(np.float64)
    threshold = detectors.threshold.flatten().numpy()
    k = filters.shape[2]
    ends = np.full(k - 1, N_CODE, np.uint8)
    windows = sliding_window_view(one_hot(np.concatenate([ends, codes, ends])), k, axis=1)
    strands = [filters, filters[:, ::-1, ::-1]][: 1 + detectors.both_strands]
    return np.stack([np.einsum("bwk,fbk->fw", windows, strand) for strand in strands]) - threshold[:, None]


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 5, 8])
def test_best_windows(both: bool, kernel_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The activation, its first base and its strand, in batches of any size; short sequences among longer ones."""
    monkeypatch.setattr(activations, "LETTERS_AT_ONCE", 60)
    monkeypatch.setattr(activations, "SLICE", 4)
    (detectors,) = network(kernel_size=kernel_size, both_strands=both).detectors()
    codes = sequences([1, 30, 30, 4, 12, 30, 50])
    best = Activations(detectors).best(codes)
    for i, row in enumerate(codes):
        every = windows_by_definition(detectors, row)
        np.testing.assert_allclose(best.activation[i], every.max((0, 2)), rtol=1e-5, atol=1e-5)
        strand, at = best.minus[i].astype(int), best.start[i] + kernel_size - 1
        chosen = every[strand, np.arange(every.shape[1]), at]
        np.testing.assert_allclose(chosen, every.max((0, 2)), rtol=1e-5, atol=1e-5)
    assert both or not best.minus.any()


def test_ties_go_to_the_first_window_and_the_given_strand() -> None:
    """A palindrome that occurs twice is found where it begins first, on the plus strand."""
    (detectors,) = network(n_members=1, n_filters=1, kernel_size=4).detectors()
    hot = one_hot(np.array([0, 1, 2, 3], np.uint8))  # ACGT is its own reverse complement
    detectors.filters[:] = detectors.filters.new_tensor(hot)
    codes = sequences([1])
    codes = type(codes)(np.array([3, 0, 1, 2, 3, 0, 1, 2, 3], np.uint8), np.array([0, 9]))
    best = Activations(detectors).best(codes)
    assert (best.start[0, 0], bool(best.minus[0, 0])) == (1, False)


@pytest.mark.parametrize("both", [True, False])
def test_all_windows_above_a_level(both: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each window once, with its better strand; none in what fills up a short sequence."""
    monkeypatch.setattr(activations, "LETTERS_AT_ONCE", 60)
    (detectors,) = network(both_strands=both).detectors()
    codes = sequences([3, 30, 20, 30, 1])
    level = np.linspace(0, 1, 6).astype(np.float32)
    fired = Activations(detectors).above(codes, level)
    found = {(s, f, a): (m, v) for s, f, a, m, v in zip(*(c.tolist() for c in fired), strict=True)}
    assert len(found) == len(fired.sequence)
    expected = {}
    for i, row in enumerate(codes):
        every = windows_by_definition(detectors, row)
        for column, window in zip(*np.nonzero(every.max(0) > level[:, None]), strict=True):
            expected[i, column, window - 4] = every[:, column, window]
    assert found.keys() == expected.keys()
    for key, (minus, value) in found.items():
        assert value == pytest.approx(expected[key].max(), abs=1e-5)
        assert expected[key][int(minus)] == pytest.approx(expected[key].max(), abs=1e-5)
    order = list(zip(fired.sequence.tolist(), fired.filter.tolist(), fired.start.tolist(), strict=True))
    assert order == sorted(order)

"""Windows along a run, pooled at once, against each window cut out and scored as a sequence of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.models import run_pooling, sliding, window_scan
from seqcnn.models.architectures import deepbind
from seqcnn.models.network import Network
from seqcnn.models.sliding import Sliding
from tests.models.test_deepbind import make


def random_codes(seed: int, n: int, n_share: float = 0.05) -> np.ndarray:
    p = [(1 - n_share) / 4] * 4 + [n_share]
    return np.random.default_rng(seed).choice(5, n, p=p).astype(np.uint8)


def scale_up(network: deepbind.Model) -> deepbind.Model:
    with torch.no_grad():
        network.filters.mul_(3)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("both_strands", [True, False])
@pytest.mark.parametrize("pooling", ["max", "max-average"])
@pytest.mark.parametrize(
    ("k", "length"), [(1, 1), (1, 4), (7, 7), (7, 8), (7, 13), (7, 14), (7, 40), (6, 29), (24, 101)]
)
def test_like_windows_cut_out(k: int, length: int, pooling: str, both_strands: bool) -> None:
    options: dict[str, Any] = {"n_filters": 3, "hidden": 4, "n_members": 2, "n_targets": 2}
    network = scale_up(make(k, kernel_size=k, pooling=pooling, both_strands=both_strands, **options))
    codes = random_codes(length, length + 150)
    starts = np.arange(len(codes) - length + 1)
    with torch.inference_mode():
        wanted = Network.score_windows(network, codes, starts, length)
        np.testing.assert_allclose(network.score_windows(codes, starts, length), wanted, atol=2e-5)
        np.testing.assert_allclose(network.score_windows(codes, starts, length, exact=False), wanted, atol=2e-5)


@pytest.mark.parametrize("step", [1, 2, 3, 20])
def test_some_of_the_windows(step: int) -> None:
    network = scale_up(make(kernel_size=8, n_filters=5))
    codes = random_codes(1, 300)
    starts = np.arange(7, 240, step)
    with torch.inference_mode():
        for length in (5, 8, 30):
            wanted = Network.score_windows(network, codes, starts, length)
            np.testing.assert_allclose(network.score_windows(codes, starts, length), wanted, atol=2e-5)


def test_blocks_and_parts_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    network = scale_up(make(kernel_size=9, n_filters=6, n_members=3))
    codes = random_codes(2, 700)
    for length in (9, 40):
        starts = np.arange(len(codes) - length + 1)
        with torch.inference_mode():
            wanted = network.score_windows(codes, starts, length)
            with monkeypatch.context() as patch:
                patch.setattr(deepbind, "WINDOWS_AT_ONCE", 100)
                patch.setattr(deepbind, "FEATURES_AT_ONCE", 1)
                patch.setattr(window_scan, "BLOCK_VALUES", 500)
                patch.setattr(run_pooling, "WIDTH", 8)
                patch.setattr(run_pooling, "SLIDING_WIDTH", 8)
                network._pooling = None
                np.testing.assert_array_equal(network.score_windows(codes, starts, length), wanted)
        network._pooling = None


@pytest.mark.parametrize("length", [10, 13, 15, 19, 30])
def test_neighbours_do_not_show(length: int) -> None:
    """Not in a single bit, also where many detectors hang over windows' ends in some runs, and few in others."""
    network = make(1, kernel_size=10, n_filters=8).eval().requires_grad_(False)
    rng = np.random.default_rng(3)
    with torch.no_grad():
        network.filters.copy_(torch.from_numpy(rng.normal(size=network.filters.shape)))
        network.threshold.fill_(4)
    codes = random_codes(1, 1500, 0)
    with torch.inference_mode():
        whole = network.score_windows(codes, np.arange(len(codes) - length + 1), length)
        for start in range(0, 1400, 20):
            few = network.score_windows(codes[start : start + length + 2], np.arange(3), length)
            np.testing.assert_array_equal(few, whole[:, start : start + 3])


def test_changed_weights_are_seen() -> None:
    network = scale_up(make(kernel_size=6, n_filters=2))
    codes, starts = random_codes(3, 60), np.arange(20)
    with torch.inference_mode():
        before = network.score_windows(codes, starts, 30)
    with torch.no_grad():
        network.filters.neg_()
    with torch.inference_mode():
        after = network.score_windows(codes, starts, 30)
        np.testing.assert_allclose(after, Network.score_windows(network, codes, starts, 30), atol=1e-5)
    assert np.abs(after - before).max() > 1e-3


def features(
    filters: np.ndarray, threshold: np.ndarray, codes: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the fast way finds, and what the plain way finds."""
    columns = window_scan.tabulate(filters.astype(np.float32), threshold.astype(np.float32))
    return Sliding(columns, length).features(codes), window_scan.window_features(columns, codes, length)[0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 17), st.integers(0, 60), st.sampled_from(["normal", "steps", "ends"]))
def test_sliding_like_going_through_all(seed: int, k: int, more: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    filters = rng.normal(size=(4, 4, k))
    if kind == "steps":  # ties, and sums that are whole numbers of the bytes' units
        filters = rng.integers(-2, 3, size=filters.shape).astype(float)
    elif kind == "ends":  # detectors whose ends alone count, so that the overhangs win often
        filters *= np.exp(-np.minimum(np.arange(k), np.arange(k)[::-1]))
    codes = random_codes(seed, k + more + int(rng.integers(1, 400)), rng.choice([0, 0.1, 0.9]))
    found, wanted = features(filters, rng.normal(size=4), codes, k + more)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("threshold", [-100.0, 0.0, 3.0, 100.0])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e4])
def test_sliding_of_any_size(threshold: float, scale: float) -> None:
    filters = np.random.default_rng(0).normal(size=(5, 4, 12)) * scale
    found, wanted = features(filters, np.full(5, threshold), random_codes(4, 300), 50)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-5 * max(1, scale))


def test_sliding_over_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing inside is better than what hangs over, many starts are looked up, or all windows gone through."""
    filters = -np.abs(np.random.default_rng(1).normal(size=(3, 4, 10)))
    filters[:, 0] = -1
    filters[:, 0, -3:] = 2
    codes = np.zeros(400, dtype=np.uint8)
    for share in (0.0, 2.0):
        monkeypatch.setattr(sliding, "MOST_CANDIDATES", share)
        found, wanted = features(filters, np.zeros(3), codes, 40)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("n_sites", [0, 200])
def test_short_windows_are_tried_on_a_few_bases_first(n_sites: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first bases have too many sites over windows' ends, all windows are gone through."""
    monkeypatch.setattr(sliding, "SAMPLE", 64)
    tried: list[int] = []
    whole = Sliding._try
    monkeypatch.setattr(Sliding, "_try", lambda self, codes: tried.append(len(codes)) or whole(self, codes))
    filters = np.full((3, 4, 10), -1.0)
    filters[:, 2:, :-3] = 1
    filters[:, 0, -3:] = 2
    codes = np.full(1000, 1, dtype=np.uint8)
    codes[:n_sites] = 0
    found, wanted = features(filters, np.zeros(3), codes, 12)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert tried == ([96] if n_sites else [96, 1000])  # a few windows' lengths
    tried.clear()
    features(filters, np.zeros(3), codes, 20)
    assert tried == [1000]


@pytest.mark.parametrize("combine", [np.add, np.maximum])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 30])
def test_slide(combine: np.ufunc, size: int) -> None:
    values = np.random.default_rng(size).normal(size=(30, 2)).astype(np.float32)
    wanted = [combine.reduce(values[i : i + size], axis=0) for i in range(30 - size + 1)]
    np.testing.assert_allclose(window_scan.slide(combine, values.copy(), size), wanted, atol=1e-5)

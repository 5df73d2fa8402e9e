"""Central position bias against the binomial test, region by region."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from seqcnn.interpret.central import CentralBias


def by_definition(starts: np.ndarray, width: int, lengths: np.ndarray) -> tuple[float, int]:
    """Return p and width of the best region, by counting places."""
    tried = []
    for reach in range(int((lengths - width).max())):
        inside = np.abs(2 * starts - (lengths - width)) <= reach
        places = [np.abs(2 * np.arange(n - width + 1) - (n - width)) for n in lengths]
        share = float(np.mean([(each <= reach).mean() for each in places]))
        tried.append((share, int(inside.sum()), reach + 1))
    kept = [one for i, one in enumerate(tried) if one[0] > (tried[i - 1][0] if i else 0)]
    best = [(binomtest(n, len(starts), min(share, 1), "greater").pvalue, size) for share, n, size in kept]
    p, size = min(best, key=lambda pair: pair[0])
    return 1 - (1 - p) ** len(kept), size


@pytest.mark.parametrize("lengths", [[50], [51], [50, 51, 70, 33]])
@pytest.mark.parametrize("spread", [3, 20])
def test_regions(lengths: list[int], spread: int) -> None:
    """The same as one region after the other, for sequences of one length and of several."""
    rng, width, n = np.random.default_rng(1), 8, 60
    sizes = np.array([lengths[i % len(lengths)] for i in range(n)])
    starts = ((sizes - width) // 2 + rng.integers(-spread, spread + 1, n)).clip(0, sizes - width)
    bias = CentralBias()
    bias.add(starts[:20], width, sizes[:20])
    bias.add(starts[20:], width, sizes[20:])
    found = bias.test()
    assert found is not None
    p, region = by_definition(starts, width, sizes)
    assert found.p == pytest.approx(p, rel=1e-6)
    assert found.width == region


def test_sites_anywhere_are_not_central() -> None:
    """Of sets with evenly drawn sites, few have a small p."""
    rng, ps = np.random.default_rng(2), []
    for _ in range(200):
        bias = CentralBias()
        bias.add(rng.integers(0, 93, 100), 9, np.full(100, 101))
        found = bias.test()
        assert found is not None
        assert 0 <= found.p <= 1
        ps.append(found.p)
    assert np.mean(np.array(ps) < 0.05) <= 0.08


def test_nothing_to_test() -> None:
    """No sites, sites that hang over an end, or sequences as long as the site."""
    assert CentralBias().test() is None
    bias = CentralBias()
    bias.add(np.array([-1, 95]), 9, np.array([101, 101]))
    assert bias.test() is None
    bias.add(np.array([0]), 9, np.array([9]))
    assert bias.test() is None


def test_all_in_the_middle_of_many() -> None:
    """The chance is too small for a number: p is 0, not NaN."""
    bias = CentralBias()
    bias.add(np.full(3000, 46), 9, np.full(3000, 101))
    found = bias.test()
    assert found is not None
    assert found.p == 0
    assert found.width == 1

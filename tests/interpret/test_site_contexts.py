"""Contexts of sites, counted one by one."""

from __future__ import annotations

import numpy as np

from seqcnn.interpret.found_motifs import Sites
from seqcnn.interpret.site_contexts import SiteContexts
from seqcnn.sequence.contexts import N_CONTEXTS, contexts, in_context
from seqcnn.sequence.ragged import from_rows


def test_shares_are_those_of_the_sites_that_count() -> None:
    rng = np.random.default_rng(0)
    counted, expected, width = SiteContexts(), np.zeros((N_CONTEXTS, 5)), 5
    for _ in range(3):
        rows = from_rows(
            in_context(rng.integers(0, 5, n, dtype=np.uint8), rng.integers(0, 7, n, dtype=np.uint8)) for n in (9, 12, 6)
        )
        used = np.array([True, False, True])
        sequence = np.sort(rng.integers(0, 3, 20))
        start = rng.integers(-4, 10, 20)
        sites = Sites(sequence, start, np.zeros(20, bool), np.ones(20, np.float32), width)
        counted.add(1, sites, rows, used)
        for i, first in zip(sequence.tolist(), start.tolist(), strict=True):
            for j in range(width):
                if used[i] and 0 <= first + j < len(rows[i]) and (context := contexts(rows[i])[first + j]):
                    expected[context - 1, j] += 1
    np.testing.assert_allclose(counted.shares(1, width), expected / expected.sum(0))
    np.testing.assert_allclose(counted.shares(0, 3), 1 / N_CONTEXTS)


def test_where_nothing_is_known_contexts_are_alike() -> None:
    counted = SiteContexts()
    one = Sites(np.array([0]), np.array([-2]), np.zeros(1, bool), np.ones(1, np.float32), 3)
    counted.add(0, one, from_rows([in_context(np.zeros(1, np.uint8), np.full(1, 2, np.uint8))]), np.ones(1, bool))
    np.testing.assert_allclose(counted.shares(0, 3)[:, :2], 1 / N_CONTEXTS)
    assert counted.shares(0, 3)[:, 2].tolist() == [0, 1, 0, 0, 0, 0]

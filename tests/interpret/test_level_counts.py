"""AUROCs from counts by level."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from seqcnn.interpret.level_counts import LevelCounts


def test_auroc() -> None:
    """As ranks give it, but for ties within a level; block after block; NaN without one of the labels."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(500, 3)).astype(np.float32).clip(-4, 4)
    labels = rng.integers(0, 2, 500).astype(np.float32)
    scores[:, 1] += labels
    counts = LevelCounts(np.full(3, -5.0), np.full(3, 5.0))
    assert np.isnan(counts.auroc()).all()
    labels[:5] = np.nan
    for part in (slice(0, 200), slice(200, 500)):
        counts.add(scores[part], labels[part])
    known = ~np.isnan(labels)
    expected = [roc_auc_score(labels[known], column[known]) for column in scores.T]
    np.testing.assert_allclose(counts.auroc(), expected, atol=1e-3)


def test_a_filter_of_zeros() -> None:
    """All scores are one level: an AUROC of a half."""
    counts = LevelCounts(np.zeros(1), np.zeros(1))
    counts.add(np.zeros((4, 1), np.float32), np.array([0, 1, 1, 0], np.float32))
    assert counts.auroc().tolist() == [0.5]

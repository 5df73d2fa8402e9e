"""Counts of windows against the definition, whatever the blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from seqcnn.errors import UsageError
from seqcnn.interpret.extraction import Extraction, ExtractionOptions
from seqcnn.interpret.spool import Spool
from seqcnn.models.network import Network
from seqcnn.sequence.alphabet import N_CODE, reverse_complement
from seqcnn.sequence.ragged import Ragged
from tests.interpret.small_networks import examples, network, sequences
from tests.interpret.test_activations import windows_by_definition

LENGTHS = [20, 31, 31, 8, 25, 40, 31, 12, 5, 30]


def extract(
    net: Network,
    codes: Ragged,
    options: ExtractionOptions,
    spool: Spool,
    labels: np.ndarray | None = None,
    at: Sequence[int] = (),
    weights: np.ndarray | None = None,
) -> Extraction:
    """Take sequences in blocks that are cut at these rows."""
    extraction = Extraction(net.detectors(), options, spool)
    bounds = [0, *at, len(codes)]
    for start, stop in pairwise(bounds):
        part = None if weights is None else weights[start:stop]
        known = None if labels is None else labels[start:stop]
        extraction.take(examples(codes.slice(start, stop), weights=part), known)
    return extraction


def by_definition(
    net: Network, codes: Ragged, options: ExtractionOptions, used: np.ndarray, weights: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts, shape (width, 4, k), and the number of windows, one window at a time."""
    (detectors,) = net.detectors()
    k = detectors.filters.shape[3]
    every = [windows_by_definition(detectors, row) for row in codes]
    width = every[0].shape[1]
    largest = np.max([e.max((0, 2)) for e, u in zip(every, used, strict=True) if u], axis=0).clip(0)
    counts, total, n = np.zeros((width, 4, k)), np.zeros(width), np.zeros(width, int)
    hot = np.vstack([np.eye(4), base])
    for row, scores, use, weight in zip(codes, every, used, weights, strict=True):
        if not use:
            continue
        ends = np.full(k - 1, N_CODE, np.uint8)
        padded = np.concatenate([ends, row, ends])
        for column in range(width):
            of_window = scores[:, column].max(0)
            chosen = [of_window.argmax()] if options.rule == "best" else range(len(of_window))
            for at in chosen:
                if of_window[at] <= options.share * largest[column]:
                    continue
                window = padded[at : at + k]
                if len(scores) == 2 and scores[1, column, at] > scores[0, column, at]:
                    window = reverse_complement(window)
                each = weight * (of_window[at] if options.weights == "activation" else 1)
                counts[column] += each * hot[window].T
                total[column] += each
                n[column] += 1
    return counts * (n / np.where(total > 0, total, 1))[:, None, None], n


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        ExtractionOptions(),
        ExtractionOptions(weights="activation"),
        ExtractionOptions(fraction=0.6),
        ExtractionOptions("fraction"),
        ExtractionOptions("fraction", 0.3, "activation"),
    ],
)
def test_counts(options: ExtractionOptions, both: bool) -> None:
    """Every rule, with labels, weights of sequences and blocks of any size: as one window after the other."""
    net, codes = network(both_strands=both), sequences(LENGTHS)
    labels = np.array([0, 1, 1, 1, 0, 1, 1, 0, 1, np.nan], np.float32)
    weights = np.linspace(0.5, 2, len(codes)).astype(np.float32)
    results = []
    for at in ((), (1, 2, 7)):
        with Spool() as spool:
            extraction = extract(net, codes, options, spool, labels, at, weights)
            counts, n = extraction.count()
            results.append((counts, n, extraction.background))
    expected, n_expected = by_definition(net, codes, options, labels == 1, weights, results[0][2])
    for counts, n, _ in results:
        np.testing.assert_array_equal(n, n_expected)
        np.testing.assert_allclose(np.stack(counts), expected, rtol=1e-4, atol=1e-4)


def test_without_labels_all_sequences_count() -> None:
    """So do numbers that are no labels, also where they come late."""
    net, codes = network(), sequences(LENGTHS)
    options, every = ExtractionOptions("fraction", 0.5), np.ones(len(codes), bool)
    numbers = np.array([0, 1, 1, 1, 0, 1, 1, 0, 1, 2.5], np.float32)
    for labels in (None, numbers, np.full(len(codes), np.nan, np.float32), np.zeros(len(codes), np.float32)):
        with Spool() as spool:
            extraction = extract(net, codes, options, spool, labels, (4, 8))
            counts, n = extraction.count()
            assert not extraction.labelled
            assert np.isnan(extraction.auroc()).all()
        expected, n_expected = by_definition(net, codes, options, every, every, extraction.background)
        np.testing.assert_array_equal(n, n_expected)
        np.testing.assert_allclose(np.stack(counts), expected, rtol=1e-4, atol=1e-4)


def test_background() -> None:
    """Base frequencies of all sequences, N aside; of both strands where both are read."""
    codes = sequences(LENGTHS)
    shares = np.bincount(codes.data[codes.data < 4], minlength=4) / (codes.data < 4).sum()
    for both, expected in ((True, (shares + shares[::-1]) / 2), (False, shares)):
        with Spool() as spool:
            extraction = extract(network(both_strands=both), codes, ExtractionOptions(), spool)
            np.testing.assert_allclose(extraction.background, expected)


def test_auroc_of_filters() -> None:
    """The best activation against the labels, as ranks give it."""
    from sklearn.metrics import roc_auc_score

    net, codes = network(), sequences([30] * 200, n_codes=4)
    labels = (np.arange(200) % 3 == 0).astype(np.float32)
    with Spool() as spool:
        found = extract(net, codes, ExtractionOptions(), spool, labels, (50, 60)).auroc()
    (detectors,) = net.detectors()
    best = np.stack([windows_by_definition(detectors, row).max((0, 2)) for row in codes])
    np.testing.assert_allclose(found, [roc_auc_score(labels, column) for column in best.T], atol=2e-3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rule": "all"}, "rule 'all' is unknown; there are: best, fraction"),
        ({"weights": "x"}, "weights 'x' is unknown; there are: none, activation"),
        ({"fraction": 1.0}, "the fraction of the largest activation must be at least 0 and below 1: 1.0"),
    ],
)
def test_wrong_options(given: dict[str, object], said: str) -> None:
    """One line each."""
    with pytest.raises(UsageError, match=said):
        ExtractionOptions(**given)  # type: ignore[arg-type]

"""Reads of HT-SELEX rounds as one set."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.selex import mean_round, merge_rounds, round_names
from seqcnn.sequence.ragged import decode_all, encode_all, from_text

READS = st.lists(st.text("ACGTN", min_size=1, max_size=3), min_size=1, max_size=30)


def reads(sequences: list[str], prefix: str = "r") -> Examples:
    names = from_text(f"{prefix}{i}" for i in range(len(sequences)))
    return Examples(encode_all(sequences), names, None, np.zeros(len(sequences), dtype=np.uint8))


def chunks(sequences: list[str], prefix: str) -> list[Examples]:
    whole = reads(sequences, prefix)
    half = len(sequences) // 2
    rows = np.arange(len(sequences))
    return [whole.take(rows[:half]), whole.take(rows[half:])] if half else [whole]


@given(st.lists(READS, min_size=2, max_size=4))
def test_every_different_sequence_once_with_its_counts(rounds):
    examples, counts = merge_rounds([chunks(r, f"{i}_") for i, r in enumerate(rounds)], "each")
    of_round = [Counter(r) for r in rounds]
    different = list(dict.fromkeys(s for r in rounds for s in r))
    assert decode_all(examples.sequences) == different
    expected = np.array([[c[s] for c in of_round] for s in different])
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(examples.targets, expected > 0)
    np.testing.assert_array_equal(examples.weights, expected.sum(axis=1))
    first = {s: f"{i}_{j}" for i, r in reversed(list(enumerate(rounds))) for j, s in reversed(list(enumerate(r)))}
    assert examples.names.decode() == [first[s] for s in different]


def test_mean_round_counts_shares_so_that_depth_does_not_matter():
    counts = np.array([[2, 0, 0], [0, 0, 5], [1, 0, 1], [1, 4, 4]])
    deeper = counts * [1, 1, 1000]
    expected = [0, 1, (1 / 10) / (1 / 4 + 1 / 10), (0.5 * 1 + 1 * 0.4) / (0.25 + 1 + 0.4)]
    np.testing.assert_allclose(mean_round(counts)[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(mean_round(deeper), mean_round(counts))


def test_order_is_one_target():
    examples, _ = merge_rounds([[reads(["AC", "AC", "GT"])], [reads(["GT", "TT"])]], "order")
    np.testing.assert_allclose(examples.targets[:, 0], [0, (1 / 2) / (1 / 3 + 1 / 2), 1])
    np.testing.assert_array_equal(examples.weights, [2, 2, 1])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/ALX1_0.fastq.gz", "b/ALX1_1.fq"], ["ALX1_0", "ALX1_1"]),
        (["a/reads.fa", "b/reads.fa"], ["round_0", "round_1"]),
        (["x.r1.txt", ".fa"], ["x.r1", ".fa"]),
    ],
)
def test_rounds_are_named_by_their_files(paths, names):
    assert round_names(paths) == names

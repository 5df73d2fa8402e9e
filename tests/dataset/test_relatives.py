from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset.examples import Examples, Origin, join
from seqcnn.dataset.overlaps import clusters
from seqcnn.dataset.relatives import related_groups, shuffled_from
from seqcnn.dataset.split import SplitOptions, assign
from seqcnn.sequence.ragged import Ragged, encode_all, from_text, offsets_of
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.sequence.windows import Windows


def random_sequences(n: int, length: int, seed: int) -> Ragged:
    codes = np.random.default_rng(seed).integers(0, 4, n * length).astype(np.uint8)
    return Ragged(codes, offsets_of(np.full(n, length)))


def examples(sequences: Ragged, label: float, origin: Origin, windows: Windows | None = None) -> Examples:
    n = len(sequences)
    names = from_text(f"s{i}" for i in range(n))
    targets = np.full((n, 1), label, dtype=np.float32)
    return Examples(sequences, names, targets, np.full(n, origin, dtype=np.uint8), windows)


def with_shuffles(n: int, length: int = 60) -> Examples:
    given_ones = random_sequences(n, length, 1)
    shuffled = dinucleotide_shuffle(given_ones, 7)
    return join([examples(given_ones, 1, Origin.GIVEN), examples(shuffled, 0, Origin.DINUCLEOTIDE)])


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(-5, 60), st.integers(1, 12)), min_size=1, max_size=30)
)
def test_clusters_are_what_pairwise_overlaps_connect(intervals: list[tuple[str, int, int]]) -> None:
    chrom = np.array([name for name, _, _ in intervals], dtype=object)
    start = np.array([begin for _, begin, _ in intervals])
    end = start + np.array([length for _, _, length in intervals])
    label = list(range(len(intervals)))
    for _ in intervals:  # enough rounds for any chain
        for i in range(len(intervals)):
            for j in range(len(intervals)):
                if chrom[i] == chrom[j] and start[i] < end[j] and start[j] < end[i]:
                    label[i] = label[j] = min(label[i], label[j])
    found = clusters(Windows(chrom, start, end))
    for i in range(len(intervals)):
        for j in range(len(intervals)):
            assert (found[i] == found[j]) == (label[i] == label[j])


def test_overlapping_windows_are_related_though_their_sequences_are_not() -> None:
    start = np.array([0, 50, 500, 0])
    windows = Windows(np.array(["a", "a", "a", "b"], dtype=object), start, start + 60)
    groups = related_groups(examples(random_sequences(4, 60, 3), 1, Origin.GIVEN, windows), both_strands=True)
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


def test_each_shuffle_finds_its_sequence() -> None:
    both = with_shuffles(200)
    assert shuffled_from(both).tolist() == [-1] * 200 + list(range(200))


def test_short_empty_and_equal_sequences() -> None:
    given_ones = encode_all(["A", "C", "AC", "", "AAAA", "NN"])
    shuffled = dinucleotide_shuffle(given_ones, 1)
    both = join([examples(given_ones, 1, Origin.GIVEN), examples(shuffled, 0, Origin.DINUCLEOTIDE)])
    assert shuffled_from(both).tolist() == [-1] * 6 + list(range(6))


def test_a_shuffle_is_in_the_part_of_its_sequence() -> None:
    both = with_shuffles(300)
    split = assign(both, SplitOptions(valid_fraction=0.2, test_fraction=0.1), both_strands=True, seed=1)
    assert (split.part[:300] == split.part[300:]).all()
    assert split.counts["valid"] == 2 * round(0.2 * (300 - 30))
    assert split.counts["test"] == 60


@pytest.mark.parametrize("held_out", ["valid", "test"])
def test_nothing_is_moved_into_a_part_that_the_user_said(held_out: str) -> None:
    sequences = random_sequences(40, 60, 5)
    rows = np.concatenate([np.arange(40), [0, 0, 0]])  # a held-out sequence, three times on another chromosome
    start = np.arange(43) * 100
    chrom = np.array(["a"] * 10 + ["b"] * 33, dtype=object)
    repeated = examples(sequences.take(rows), 1, Origin.GIVEN, Windows(chrom, start, start + 60))
    options = {"valid": SplitOptions(valid_chroms=("a",)), "test": SplitOptions(test_chroms=("a",), valid_fraction=0)}
    split = assign(repeated, options[held_out], both_strands=True, seed=1)
    assert (split.part[[0, 40, 41, 42]] == "train").all()
    assert (split.part[1:10] == held_out).all()
    assert split.counts["moved to keep near-duplicates together"] == 1
    assert f"1 from {held_out} to train" in split.notes[0]

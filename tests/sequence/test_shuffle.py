"""The dinucleotide shuffle against full enumeration of every sequence it may give."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seqcnn.sequence import shuffle
from seqcnn.sequence.ragged import Ragged, concatenate, decode_all, encode_all
from seqcnn.sequence.shuffle import dinucleotide_shuffle, shuffle_strings

sequence_lists = st.lists(st.text("ACGTN", max_size=40) | st.text("ACGT", max_size=40) | st.text("AN", max_size=6))


def permitted(sequence: str) -> set[str]:
    """Every sequence with the same dinucleotide counts and first letter, by depth-first search."""
    found = set()

    def extend(walk: str, left: Counter[str]) -> None:
        if len(walk) == len(sequence):
            found.add(walk)
        for pair in [pair for pair, count in left.items() if count and pair[0] == walk[-1]]:
            extend(walk + pair[1], left - Counter([pair]))

    extend(sequence[0], Counter(a + b for a, b in pairwise(sequence)))
    return found


def test_enumeration_agrees_with_permutations() -> None:
    sequence = "ACGACA"
    counts = Counter(pairwise(sequence))
    brute = {"".join(p) for p in permutations(sequence) if Counter(pairwise(p)) == counts and p[0] == "A"}
    assert permitted(sequence) == brute


@given(sequence_lists, st.integers(0, 2**64), st.integers(0, 3))
def test_counts_and_ends_are_kept(sequences: list[str], seed: int, turn: int) -> None:
    shuffled = decode_all(dinucleotide_shuffle(encode_all(sequences), seed, round=turn))
    assert len(shuffled) == len(sequences)
    for before, after in zip(sequences, shuffled, strict=True):
        assert Counter(pairwise(before)) == Counter(pairwise(after))
        assert len(before) == len(after)
        assert before[:1] == after[:1]
        assert before[-1:] == after[-1:]


@pytest.mark.parametrize(
    "sequence",
    [
        "ACGACGTACT",  # ends in a letter that occurs inside
        "AACAGATAAC",
        "ACAGACTAAGA",  # a circuit: first letter = last letter
        "CCCAACAAC",  # two letters
        "GATTACAGGT",
        "ACACGCATCG",
        "AAGAACAACCGT",  # T is met once, at the end; G leads to A and T
        "ACNANCGNA",  # N is a letter
        "NNANNANA",
        "TGTNGTTGNT",
        "CGCGTTCG",
    ],
)
def test_every_permitted_sequence_is_equally_likely(sequence: str) -> None:
    allowed = sorted(permitted(sequence))
    assert len(allowed) > 1
    n = 400 * len(allowed)
    drawn = Counter(decode_all(dinucleotide_shuffle(encode_all([sequence] * n), seed=11)))
    assert set(drawn) == set(allowed)
    assert stats.chisquare([drawn[text] for text in allowed]).pvalue > 1e-4


def test_choosing_last_edges_evenly_would_be_biased() -> None:
    """The test above can see the common mistake: last edges drawn by letter instead of by multiplicity."""
    sequence = "ACACACATCT"
    allowed = sorted(permitted(sequence))
    n = 300 * len(allowed)
    fair = Counter(decode_all(dinucleotide_shuffle(encode_all([sequence] * n), seed=2)))
    assert stats.chisquare([fair[text] for text in allowed]).pvalue > 1e-4

    original = shuffle._last_exits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffle, "_last_exits", lambda counts, *rest: original(np.minimum(counts, 1), *rest))
        biased = Counter(decode_all(dinucleotide_shuffle(encode_all([sequence] * n), seed=2)))
    assert stats.chisquare([biased[text] for text in allowed]).pvalue < 1e-6


@pytest.mark.parametrize("sequence", ["ACGACGTACT", "ACNANCGNA"])
def test_rounds_are_independent(sequence: str) -> None:
    allowed = sorted(permitted(sequence))
    n = 30 * len(allowed) ** 2
    rounds = [decode_all(dinucleotide_shuffle(encode_all([sequence] * n), seed=3, round=turn)) for turn in (0, 1)]
    table = Counter(zip(*rounds, strict=True))
    assert stats.chisquare([table[a, b] for a in allowed for b in allowed]).pvalue > 1e-4


@given(sequence_lists.filter(bool), st.data())
def test_result_does_not_depend_on_the_batch(sequences: list[str], data: st.DataObject) -> None:
    everything = encode_all(sequences)
    whole = decode_all(dinucleotide_shuffle(everything, 7, first_index=100, round=2))
    cut = data.draw(st.integers(0, len(sequences)))
    halves = [
        dinucleotide_shuffle(everything.slice(0, cut), 7, 100, 2),
        dinucleotide_shuffle(everything.slice(cut, len(sequences)), 7, 100 + cut, 2),
    ]
    assert decode_all(concatenate(halves)) == whole
    order = np.array(data.draw(st.permutations(range(len(sequences)))))
    mixed = decode_all(dinucleotide_shuffle(everything.take(order), 7, first_index=100 + order, round=2))
    assert mixed == [whole[i] for i in order]


def test_block_size_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sequences = encode_all("".join(rng.choice(list("ACGT"), size)) for size in rng.integers(0, 90, 200))
    expected = decode_all(dinucleotide_shuffle(sequences, 1))
    for letters in (1, 100, 1000):
        monkeypatch.setattr(shuffle, "_BLOCK", letters)
        assert decode_all(dinucleotide_shuffle(sequences, 1)) == expected


def test_seed_index_and_round_change_the_result() -> None:
    rng = np.random.default_rng(1)
    one = encode_all(["".join(rng.choice(list("ACGT"), 200))])
    results = {
        decode_all(dinucleotide_shuffle(one, seed, index, turn))[0]
        for seed in (1, 2)
        for index in (0, 1)
        for turn in (0, 1)
    }
    assert len(results) == 8
    assert decode_all(dinucleotide_shuffle(one, 1)) == decode_all(dinucleotide_shuffle(one, 1))


def test_input_is_left_alone() -> None:
    sequences = encode_all(["ACGACGTACT" * 5])
    before = sequences.data.copy()
    dinucleotide_shuffle(sequences, 1)
    assert np.array_equal(sequences.data, before)


def test_nothing_at_all() -> None:
    assert decode_all(dinucleotide_shuffle(encode_all([]), 1)) == []
    assert shuffle_strings([]) == []


def test_code_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="code 9"):
        dinucleotide_shuffle(Ragged(np.array([0, 9, 1, 1], dtype=np.uint8), np.array([0, 4])), 1)


def test_strings_keep_their_alphabet() -> None:
    dna, rna, mixed = shuffle_strings(["acgtacgtRacgta", "acguacguacgua", "AAAA"], seed=4)
    assert Counter(pairwise(dna)) == Counter(pairwise("ACGTACGTNACGTA"))
    assert Counter(pairwise(rna)) == Counter(pairwise("ACGUACGUACGUA"))
    assert mixed == "AAAA"


def test_first_order_composition_of_long_sequences_is_mixed() -> None:
    """A block of G's in front does not stay in front."""
    text = "A" + "G" * 500 + "ACT" * 500
    after = shuffle_strings([text], seed=1)[0]
    assert after[:700].count("G") < 400

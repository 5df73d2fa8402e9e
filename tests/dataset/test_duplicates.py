"""Near-duplicates: planted ones are found, unrelated sequences are left apart, groups never straddle a split."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset import duplicates
from seqcnn.dataset.duplicates import duplicate_groups, keep_together
from seqcnn.sequence.alphabet import encode, reverse_complement
from seqcnn.sequence.ragged import Ragged, encode_all, from_rows, offsets_of

Codes = np.ndarray


def rectangle(codes: Codes) -> Ragged:
    return Ragged(np.ascontiguousarray(codes).reshape(-1), offsets_of([codes.shape[1]] * len(codes)))


def random_codes(rng: np.random.Generator, n: int, length: int) -> Codes:
    return rng.integers(0, 4, (n, length)).astype(np.uint8)


def mutated(rng: np.random.Generator, codes: Codes, n_changes: int) -> Codes:
    codes = codes.copy()
    for row in codes:
        places = rng.choice(len(row), n_changes, replace=False)
        row[places] = (row[places] + rng.integers(1, 4, n_changes)) % 4
    return codes


def word_counts(sequence: Codes, both_strands: bool) -> Counter[bytes]:
    """Every 12-letter word without N, by the definition in the docstring."""
    words = Counter[bytes]()
    for start in range(len(sequence) - 11):
        word = sequence[start : start + 12]
        if word.max() < 4:
            other = reverse_complement(word).tobytes() if both_strands else word.tobytes()
            words[min(word.tobytes(), other)] += 1
    return words


def near_by_definition(a: Codes, b: Codes, both_strands: bool) -> bool:
    words_a, words_b = word_counts(a, both_strands), word_counts(b, both_strands)
    return (words_a & words_b).total() >= max(0.5 * min(words_a.total(), words_b.total()), 8)


@pytest.mark.parametrize("both_strands", [True, False])
@given(data=st.data())
def test_comparison_agrees_with_the_definition(both_strands: bool, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    rows = []
    for _ in range(6):
        a = rng.choice(4, rng.integers(0, 60), p=rng.dirichlet([0.3] * 4)).astype(np.uint8)
        b = np.concatenate([a[rng.integers(0, 25) :], rng.integers(0, 4, rng.integers(0, 20)).astype(np.uint8)])
        b[rng.random(len(b)) < 0.02] = rng.integers(0, 5)
        rows += [a, reverse_complement(b) if rng.random() < 0.3 else b]
    pairs = [(i, j) for i in range(len(rows)) for j in range(i + 1, len(rows))]
    packed = np.array([i << 32 | j for i, j in pairs], dtype=np.uint64)
    near = duplicates._near_identical(from_rows(rows), packed, both_strands, None)
    assert near.tolist() == [near_by_definition(rows[i], rows[j], both_strands) for i, j in pairs]


@pytest.mark.parametrize("k", [12, 13, 16])
@given(text=st.lists(st.text("ACGTN", max_size=30) | st.text("ACGT", max_size=30), max_size=5))
def test_words_agree_with_text(k: int, text: list[str]) -> None:
    words, valid = duplicates._words(encode_all(text), k, both_strands=True)
    at = 0
    for row in text:
        for start in range(len(row)):
            word = row[start : start + k]
            assert valid[at] == (len(word) == k and "N" not in word)
            if valid[at]:
                codes = encode(word)
                numbers = [int("".join(map(str, c)), 4) for c in (codes, reverse_complement(codes))]
                assert words[at] == min(numbers)
            at += 1


@pytest.mark.parametrize("n", [60, 3000])
@pytest.mark.parametrize("kind", ["exact", "reverse complement", "shifted by 10", "3 changes", "1 change, turned"])
def test_planted_copies_are_found(n: int, kind: str) -> None:
    rng = np.random.default_rng(1)
    n_copies = n // 3
    long = random_codes(rng, n, 111)
    originals, shifted = long[:, :101], long[:n_copies, 10:]
    copies = {
        "exact": originals[:n_copies],
        "reverse complement": reverse_complement(originals[:n_copies]),
        "shifted by 10": shifted,
        "3 changes": mutated(rng, originals[:n_copies], 3),
        "1 change, turned": reverse_complement(mutated(rng, shifted, 1)),
    }[kind]
    order = rng.permutation(n + n_copies)
    groups = np.empty(len(order), dtype=np.int64)
    groups[order] = duplicate_groups(rectangle(np.concatenate([originals, copies])[order]), both_strands=True)
    assert (groups[n:] == groups[:n_copies]).mean() >= 0.99
    assert len(np.unique(groups[:n])) == n  # and nothing else is joined


def test_one_strand_only_for_rna() -> None:
    rng = np.random.default_rng(2)
    codes = random_codes(rng, 50, 101)
    both = rectangle(np.concatenate([codes, reverse_complement(codes)]))
    assert duplicate_groups(both, both_strands=False).tolist() == list(range(100))
    assert duplicate_groups(both, both_strands=True).tolist() == list(range(50)) * 2


def test_groups_are_numbered_by_first_appearance() -> None:
    a, b, c = ("".join(row) for row in np.random.default_rng(3).choice(list("ACGT"), (3, 50)))
    groups = duplicate_groups(encode_all([b, a, b, c, a[5:], "", "ACG", "", "ACG"]), both_strands=False)
    assert groups.tolist() == [0, 1, 0, 2, 1, 3, 4, 3, 4]
    assert groups.dtype == np.int64
    assert duplicate_groups(encode_all([]), both_strands=True).tolist() == []


@pytest.mark.parametrize(("n", "length"), [(5000, 101), (5000, 35), (20_000, 20), (20_000, 14), (300, 1000)])
def test_unrelated_sequences_are_left_apart(n: int, length: int) -> None:
    codes = random_codes(np.random.default_rng(4), n, length)
    groups = duplicate_groups(rectangle(codes), both_strands=True)
    forward = {row.tobytes() for row in codes}
    identical = n - len({min(row.tobytes(), reverse_complement(row).tobytes()) for row in codes})
    assert len(forward) >= n - 2
    assert n - len(np.unique(groups)) <= identical + 1


@pytest.mark.parametrize("linker", [24, 36])
def test_a_linker_shared_by_all_links_none(linker: int) -> None:
    rng = np.random.default_rng(5)
    probes = np.concatenate(
        [random_codes(rng, 2000, 16), np.repeat(random_codes(rng, 1, linker), 2000, axis=0)], axis=1
    )
    with_copies = np.concatenate([probes, probes[:100]])
    groups = duplicate_groups(rectangle(with_copies), both_strands=True)
    assert len(np.unique(groups[:2000])) >= 1998
    assert np.array_equal(groups[2000:], groups[:100])


def test_a_repeat_in_some_sequences_links_none() -> None:
    """A 40-letter stretch and a poly-A tail in many unrelated sequences are too little of each."""
    rng = np.random.default_rng(6)
    codes = random_codes(rng, 4000, 101)
    codes[:150, 30:70] = random_codes(rng, 1, 40)
    codes[150:400, 61:] = 0
    assert len(np.unique(duplicate_groups(rectangle(codes), both_strands=True))) == 4000


def test_poly_a_is_no_duplicate_of_what_holds_a_little_of_it() -> None:
    rng = np.random.default_rng(7)
    codes = random_codes(rng, 20, 101)
    codes[:10, 40:56] = 0
    codes[0] = 0
    assert len(np.unique(duplicate_groups(rectangle(codes), both_strands=True))) == 20


def test_a_large_family_is_one_group() -> None:
    """Many copies of one sequence share every bucket: each still meets a few others."""
    rng = np.random.default_rng(8)
    family = mutated(rng, np.repeat(random_codes(rng, 1, 101), 60, axis=0), 2)
    codes = np.concatenate([random_codes(rng, 3000, 101), family])
    groups = duplicate_groups(rectangle(codes[rng.permutation(len(codes))]), both_strands=True)
    assert sorted(np.bincount(groups))[-2:] == [1, 60]


def test_a_short_sequence_belongs_to_the_long_one_that_holds_it() -> None:
    rng = np.random.default_rng(9)
    rows = list(random_codes(rng, 200, 150))
    rows += [reverse_complement(row[60:100]) for row in rows[:100]]
    groups = duplicate_groups(from_rows(rows), both_strands=True)
    assert np.array_equal(groups[200:], groups[:100])
    assert len(np.unique(groups)) == 200


def test_chunk_borders_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    rows = [row[: rng.integers(0, 90)] for row in random_codes(rng, 300, 90)]
    rows += [row[5:] for row in rows[:150]]
    expected = duplicate_groups(from_rows(rows), both_strands=True)
    monkeypatch.setattr(duplicates, "_LETTERS", 250)
    assert np.array_equal(duplicate_groups(from_rows(rows), both_strands=True), expected)


@pytest.mark.realdata
def test_pbm_probes_are_all_different(shared_data: Path) -> None:
    with gzip.open(shared_data / "dream5_pbm" / "Cebpb_HK.txt.gz", "rt") as table:
        lines = table.read().splitlines()[1:]
    groups = duplicate_groups(encode_all(line.split()[0] for line in lines), both_strands=True)
    assert len(np.unique(groups)) == len(lines)


@given(st.lists(st.tuples(st.sampled_from(["train", "valid", "test"]), st.integers(0, 6)), max_size=40), st.booleans())
def test_keep_together_follows_the_majority(members: list[tuple[str, int]], as_numbers: bool) -> None:
    names = ["train", "valid", "test"]
    parts = [part for part, _ in members]
    split = (
        np.array([names.index(part) for part in parts], dtype=np.int64) if as_numbers else np.array(parts, dtype="U5")
    )
    groups = np.array([group for _, group in members], dtype=np.int64)
    moved_split, n_moved = keep_together(split, groups)
    for row, (_, group) in enumerate(members):
        votes = [part for part, other in members if other == group]
        expected = max(names, key=votes.count)  # the first of those that tie
        assert moved_split[row] == (names.index(expected) if as_numbers else expected)
    assert n_moved == np.count_nonzero(moved_split != split)
    assert moved_split.dtype == split.dtype


def test_keep_together_takes_object_arrays_and_leaves_its_input() -> None:
    split = np.array(["test", "train", "test", "train"], dtype=object)
    result, n_moved = keep_together(split, np.array([5, 5, 9, 9]))
    assert result.tolist() == ["train"] * 4
    assert n_moved == 2
    assert split.tolist() == ["test", "train", "test", "train"]

"""Folds: nothing related is divided, sizes and classes are as even as can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin, join
from seqcnn.dataset.folds import MOST_CLASSES, assign_folds
from seqcnn.dataset.relatives import related_groups
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows, from_text
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.sequence.windows import Windows

NAN = float("nan")


def examples_of(
    targets: Sequence[float], chrom: Sequence[str] | None = None, seed: int = 0, step: int = 100
) -> Examples:
    """Random sequences, none like another, at places that do not overlap."""
    n, width = len(targets), 60
    codes = np.random.default_rng(seed).integers(0, 4, n * width).astype(np.uint8)
    windows = None
    if chrom is not None:
        places = np.arange(n) * step
        windows = Windows(np.array(chrom, dtype=object), places, places + width)
    return Examples(
        Ragged(codes, np.arange(n + 1) * width),
        from_text(f"s{i}" for i in range(n)),
        np.array(targets, dtype=np.float32).reshape(n, -1),
        np.zeros(n, dtype=np.uint8),
        windows,
    )


def repeated(examples: Examples, sizes: Sequence[int], seed: int = 0) -> Examples:
    """Repeat each example so many times, every other time as its reverse complement, in random order."""
    rows = [
        reverse_complement(row) if i % 2 else row
        for row, n in zip(examples.sequences, sizes, strict=True)
        for i in range(n)
    ]
    which = np.repeat(np.arange(len(sizes)), sizes)
    order = np.random.default_rng(seed).permutation(len(which))
    assert examples.targets is not None
    many = Examples(
        from_rows(rows),
        from_text(f"s{i}" for i in which),
        examples.targets[which],
        np.zeros(len(which), dtype=np.uint8),
    )
    return many.take(order)


def divide(
    examples: Examples, n_folds: int, by: str = "auto", seed: int = 0, strands: bool = True
) -> NDArray[np.int64]:
    folds = assign_folds(examples, n_folds, both_strands=strands, seed=seed, by=by)[0]
    assert set(folds.tolist()) == set(range(n_folds))
    return folds


def per_class(examples: Examples, folds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count each class in each fold, shape (n_folds, n_classes)."""
    assert examples.targets is not None
    _, which = np.unique(examples.targets[:, 0], return_inverse=True)
    return np.array([np.bincount(which[folds == fold], minlength=which.max() + 1) for fold in range(folds.max() + 1)])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(2, 6), st.integers(0, 9))
def test_every_fold_has_its_share_of_each_class(sizes: list[int], n_folds: int, seed: int) -> None:
    examples = examples_of(np.repeat(np.arange(len(sizes)), sizes).tolist() + [0.0] * n_folds)
    counts = per_class(examples, divide(examples, n_folds, seed=seed))
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(counts.sum(1)) <= 2


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), min_size=6, max_size=25),
    st.integers(2, 6),
    st.integers(0, 9),
)
def test_related_examples_are_in_one_fold(groups: list[tuple[int, int]], n_folds: int, seed: int) -> None:
    examples = repeated(examples_of([target for _, target in groups]), [size for size, _ in groups], seed)
    folds = divide(examples, n_folds, seed=seed)
    related = related_groups(examples, True)
    assert len(np.unique(related)) == len(groups)
    for group in np.unique(related):
        assert len(set(folds[related == group].tolist())) == 1
    # Greedy by size: no fold is larger than another by more than the largest group, unless it has but one.
    counts = np.bincount(folds)
    largest = max(size for size, _ in groups)
    assert np.ptp(counts) <= 2 * largest


def test_strands_matter() -> None:
    """A reverse complement is another sequence where one strand is read."""
    examples = repeated(examples_of([0.0] * 10), [2] * 10)
    names = np.array(examples.names.decode())
    for strands in (True, False):
        folds = divide(examples, 2, strands=strands)
        together = all(len(set(folds[names == name].tolist())) == 1 for name in np.unique(names))
        assert together == strands


def test_small_classes_are_evened_out_by_large_groups() -> None:
    """Groups of one class fill one fold; single examples of that class go to the others."""
    examples = join([repeated(examples_of([1.0]), [5]), examples_of([1.0] * 7 + [0.0] * 9, seed=1)])
    counts = per_class(examples, divide(examples, 3))
    assert sorted(counts[:, 1].tolist()) == [3, 4, 5]
    assert counts[:, 0].tolist() == [3, 3, 3]


def test_no_fold_is_empty() -> None:
    """Where the shares say that one should be: three groups, three folds."""
    examples = join([repeated(examples_of([0.0]), [5]), examples_of([1.0, 1.0], seed=1)])
    assert sorted(np.bincount(divide(examples, 3)).tolist()) == [1, 1, 5]


@pytest.mark.parametrize("values", [np.arange(40.0), np.full(40, NAN)])
def test_many_values_and_missing_ones_are_divided_evenly(values: NDArray[np.float64]) -> None:
    assert len(values) > MOST_CLASSES
    assert np.bincount(divide(examples_of(values.tolist()), 4)).tolist() == [10] * 4


def test_no_targets() -> None:
    examples = examples_of([0.0] * 9).with_targets(None)
    assert np.bincount(divide(examples, 3)).tolist() == [3] * 3


def test_the_seed_decides() -> None:
    examples = examples_of([1.0, 0.0] * 50)
    one, again, other = (divide(examples, 3, seed=seed).tolist() for seed in (1, 1, 2))
    assert one == again != other


CHROMS = [f"chr{i % 8}" for i in range(80)]


def test_chromosomes_are_kept_whole() -> None:
    examples = examples_of([1.0, 0.0] * 40, CHROMS)
    folds, by = assign_folds(examples, 3, both_strands=True, seed=0)
    assert by == "chromosome"
    of_chrom = {chrom: set(folds[np.array(CHROMS) == chrom].tolist()) for chrom in CHROMS}
    assert all(len(found) == 1 for found in of_chrom.values())
    assert sorted(np.bincount(folds).tolist()) == [20, 30, 30]
    assert assign_folds(examples, 3, both_strands=True, seed=0, by="similarity")[1] == "similarity"


@pytest.mark.parametrize(
    ("chroms", "n_folds", "by"),
    [
        (CHROMS, 4, "chromosome"),
        (CHROMS, 5, "similarity"),  # fewer than twice as many chromosomes as folds
        (["big"] * 30 + CHROMS[30:], 2, "chromosome"),
        (["big"] * 41 + CHROMS[41:], 2, "similarity"),  # one holds more than a fold's share
        (["", *CHROMS[1:]], 2, "similarity"),
        (None, 2, "similarity"),
    ],
)
def test_what_auto_does(chroms: list[str] | None, n_folds: int, by: str) -> None:
    assert assign_folds(examples_of([1.0, 0.0] * 40, chroms), n_folds, both_strands=True, seed=0)[1] == by


def test_overlapping_windows_are_in_one_fold() -> None:
    examples = examples_of([1.0, 0.0] * 20, ["chr1"] * 40, step=100)
    assert examples.windows is not None
    start = examples.windows.start
    start[1::2] = start[::2] + 50
    examples.windows.end[:] = start + 60
    folds = divide(examples, 2, by="similarity")
    assert (folds[::2] == folds[1::2]).all()
    assert len(np.unique(folds)) == 2


@pytest.mark.parametrize("by", ["similarity", "chromosome"])
def test_shuffles_are_where_their_positive_is(by: str) -> None:
    positives = examples_of([1.0] * 30, CHROMS[:30])
    shuffled = dinucleotide_shuffle(positives.sequences, 3)
    assert positives.windows is not None
    negatives = Examples(
        shuffled,
        positives.names,
        np.zeros((30, 1), dtype=np.float32),
        np.full(30, Origin.DINUCLEOTIDE, dtype=np.uint8),
        positives.windows,
    )
    folds = divide(join([positives, negatives]), 3, by=by)
    assert (folds[:30] == folds[30:]).all()


def test_a_shuffle_of_what_is_not_there_is_by_itself() -> None:
    both = join([examples_of([1.0] * 6), examples_of([0.0] * 6, seed=9)])
    both.origin[6:] = Origin.DINUCLEOTIDE
    assert np.bincount(divide(both, 3)).tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("examples", "n_folds", "by", "error", "said"),
    [
        (examples_of([1.0, 0.0, 1.0]), 4, "auto", InputError, "4 folds cannot be made of 3 groups of related examples"),
        (repeated(examples_of([1.0]), [9]), 2, "similarity", InputError, "made of 1 groups .*; lower --folds"),
        (examples_of([1.0] * 9, CHROMS[:2] * 4 + ["chr1"]), 3, "chromosome", InputError, "made of 2 chromosomes"),
        (examples_of([1.0] * 9), 3, "chromosome", UsageError, "use --folds-by similarity"),
        (examples_of([1.0] * 3, ["chr1", "", "chr2"]), 2, "chromosome", UsageError, "need regions"),
    ],
)
def test_folds_that_cannot_be(examples: Examples, n_folds: int, by: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        divide(examples, n_folds, by)

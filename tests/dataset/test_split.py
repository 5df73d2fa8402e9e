import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset.examples import Examples, Origin, join
from seqcnn.dataset.split import SplitOptions, assign
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows, from_text
from seqcnn.sequence.windows import Windows


def examples_of(targets, chrom=None, split=None, seed=0, width=60):
    """Random sequences, none like another."""
    n = len(targets)
    codes = np.random.default_rng(seed).integers(0, 4, n * width).astype(np.uint8)
    windows = None
    if chrom is not None:
        places = np.arange(n) * 100
        windows = Windows(np.array(chrom, dtype=object), places, places + width)
    return Examples(
        Ragged(codes, np.arange(n + 1) * width),
        from_text(f"s{i}" for i in range(n)),
        np.array(targets, dtype=np.float32).reshape(n, -1),
        np.zeros(n, dtype=np.uint8),
        windows,
        None if split is None else np.array(split, dtype=object),
    )


def parts(examples, seed=0, both_strands=True, **options):
    split = assign(examples, SplitOptions(**options), both_strands=both_strands, seed=seed)
    assert sum(len(split.rows(part)) for part in ("train", "valid", "test")) == len(examples)
    for part in ("train", "valid", "test"):
        assert split.counts[part] == len(split.rows(part))
    return split


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 99))
def test_fractions_within_each_class(n_ones, n_zeros, valid, test, seed):
    examples = examples_of([1] * n_ones + [0] * n_zeros)
    split = parts(examples, seed, valid_fraction=valid, test_fraction=test)
    for rows in (slice(0, n_ones), slice(n_ones, None)):
        part = split.part[rows]
        n_test = int(np.count_nonzero(part == "test"))
        assert n_test == (max(1, round(test * len(part))) if test else 0)
        left = len(part) - n_test
        expected = max(round(valid * left), int(left > 1)) if valid else 0
        assert np.count_nonzero(part == "valid") == expected
    assert split.notes == [] or "no examples are left" in split.notes[0]


def test_the_seed_decides():
    examples = examples_of([1, 0] * 50)
    first = parts(examples, 1, test_fraction=0.2).part.tolist()
    assert parts(examples, 1, test_fraction=0.2).part.tolist() == first
    assert parts(examples, 2, test_fraction=0.2).part.tolist() != first


def test_numbers_and_missing_targets_are_one_class():
    examples = examples_of([0.5, np.nan, 3, -1, 2, 7, 8, 9, 10, 11])
    assert len(parts(examples, valid_fraction=0.3).rows("valid")) == 3


def test_each_of_several_classes_gives_its_share():
    sizes = [100, 40, 11, 2, 1]
    targets = np.repeat([*range(4), np.nan], sizes)
    rng = np.random.default_rng(0)
    examples = examples_of(rng.permutation(targets))
    options = SplitOptions(valid_fraction=0.2)
    split = assign(examples, options, both_strands=True, seed=0, multiclass=True)
    of_valid = examples.targets[split.rows("valid"), 0]
    assert [np.count_nonzero(of_valid == number) for number in range(4)] == [20, 8, 2, 1]
    assert not np.isnan(of_valid).any()  # one example
    plain = assign(examples, options, both_strands=True, seed=0)
    assert plain.counts["valid"] == 20 + 8 + round(14 * 0.2)


CHROMS = ["chrI", "chrII", "chrIII", "chrIV", "chrI", "chrII"]


@pytest.mark.parametrize("asked", [("chrI",), ("chr1",), ("I",), ("1",)])
def test_chromosomes(asked):
    examples = examples_of([1, 0] * 3, CHROMS)
    split = parts(examples, valid_chroms=asked, test_chroms=("chrIII", "chrIV"))
    assert split.part.tolist() == ["valid", "train", "test", "test", "valid", "train"]
    renamed = asked != ("chrI",)
    assert len(split.notes) == renamed
    if renamed:
        assert split.notes[0] == f"chromosome names: {asked[0]} in the options is chrI here (1 name matched)"


def test_test_chromosomes_and_a_validation_fraction():
    examples = examples_of([1, 0] * 3, CHROMS)
    split = parts(examples, test_chroms=("chrI",), valid_fraction=0.5)
    assert split.rows("test").tolist() == [0, 4]
    assert len(split.rows("valid")) == 2


def test_wrong_chromosomes():
    examples = examples_of([1, 0] * 3, CHROMS)
    with pytest.raises(InputError, match=r"no example is on chromosome 'chrX'; there are: chrI, chrII, chrIII, chrIV"):
        parts(examples, valid_chroms=("chrX",))
    for both in ("chrI", "chr1"):
        with pytest.raises(UsageError, match="a chromosome cannot be in both the validation and the test part"):
            parts(examples, valid_chroms=(both,), test_chroms=("chrI",))
    with pytest.raises(UsageError, match="a split by chromosome needs regions"):
        parts(examples_of([1, 0]), test_chroms=("chr1",))


def test_examples_on_no_chromosome_stay_and_are_told():
    examples = join([examples_of([1] * 3, ["a", "b", "b"]), examples_of([0] * 3, seed=1)])
    split = parts(examples, valid_chroms=("a",))
    assert split.rows("valid").tolist() == [0]
    assert split.notes == ["3 examples are on no chromosome, so that the split by chromosome leaves them"]


def test_column():
    column = ["train", "VAL", " test ", "validation", "dev", "training", "Testing", "valid"]
    split = parts(examples_of([1, 0] * 4, split=column))
    assert split.part.tolist() == ["train", "valid", "test", "valid", "valid", "train", "test", "valid"]
    with pytest.raises(InputError, match="the split column says 'fold1'; it may say train, valid or test"):
        parts(examples_of([1, 0], split=["train", "fold1"]))


def test_column_without_a_validation_part():
    split = parts(examples_of([1, 0] * 10, split=["train"] * 16 + ["test"] * 4), valid_fraction=0.25)
    assert split.rows("test").tolist() == [16, 17, 18, 19]
    assert len(split.rows("valid")) == 4


def test_what_the_column_does_not_say_is_drawn_in_the_same_shares():
    given = examples_of([1] * 20, split=["train"] * 10 + ["valid"] * 6 + ["test"] * 4)
    negatives = examples_of([0] * 40, seed=1)
    split = parts(join([given, negatives]))
    assert split.part[:20].tolist() == given.split.tolist()
    assert [np.count_nonzero(split.part[20:] == part) for part in ("train", "valid", "test")] == [20, 12, 8]
    assert split.counts["drawn a part, as none is said for them"] == 40
    assert "40 examples for which no part is said" in split.notes[0]
    none = parts(examples_of([1, 0] * 5, split=[""] * 10), valid_fraction=0.2)
    assert len(none.rows("valid")) == 2


def write(path, rows):
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return str(path)


def test_file(tmp_path):
    examples = examples_of([1, 1, 1, 0, 0, 0])
    shuffled = Examples(
        examples.sequences,
        from_text(["s0", "s1", "s2", "s0_shuffled", "s1_shuffled", "s2_shuffled"]),
        examples.targets,
        np.array([0, 0, 0, 1, 1, 1], dtype=np.uint8),
    )
    path = write(tmp_path / "s.tsv", [("s0", "train"), ("s1", "Val"), ("s2", "test"), ("other", "test")])
    assert parts(shuffled, split_file=path).part.tolist() == ["train", "valid", "test"] * 2


def test_file_and_genomic_negatives(tmp_path):
    given = examples_of([1] * 4)
    made = examples_of([0] * 4, seed=1)
    made = Examples(made.sequences, from_text(f"chr1:{i}" for i in range(4)), made.targets, np.full(4, Origin.GC))
    path = write(tmp_path / "s.tsv", [("s0", "train"), ("s1", "train"), ("s2", "test"), ("s3", "valid")])
    split = parts(join([given, made]), split_file=path)
    assert sorted(split.part[4:].tolist()) == ["test", "train", "train", "valid"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("s0", "train")], r"s.tsv: does not say the part of 1 of 2 examples, such as 's1'"),
        ([("s0", "train"), ("s1", "fold")], r"s.tsv:2: \['s1', 'fold'\] is not a name and train, valid or test"),
        ([("s0", "train"), ("s1", "")], r"s.tsv:2: "),
        ([("s0",)], r"s.tsv:1: \['s0'\] is not a name and"),
        ([("s0", "a", "train")], r"s.tsv:1: "),
        ([("s0", "train"), ("s1", "test"), ("s0", "test")], r"s.tsv:3: puts 's0' in test, but in train before"),
    ],
)
def test_wrong_file(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        parts(examples_of([1, 0]), split_file=write(tmp_path / "s.tsv", rows))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        parts(examples_of([1, 0]), split_file=str(tmp_path / "none"))


@pytest.mark.parametrize("both_strands", [True, False])
def test_near_duplicates_are_never_in_two_parts(both_strands):
    unlike = examples_of([1, 0] * 60)
    rows = list(unlike.sequences)
    again = [reverse_complement(row) if both_strands else row for row in rows[:40]]
    again = [np.append(row[3:], row[:3]) for row in again]
    sequences = from_rows(rows + again)
    targets = np.concatenate([unlike.targets, unlike.targets[:40]])
    n = len(sequences)
    examples = Examples(sequences, from_text(map(str, range(n))), targets, np.zeros(n, np.uint8))
    split = parts(examples, both_strands=both_strands, valid_fraction=0.3, test_fraction=0.2)
    assert (split.part[:40] == split.part[120:]).all()
    moved = split.counts["moved to keep near-duplicates together"]
    assert moved > 5
    assert len(split.notes) == 1
    told = [int(count) for count in re.findall(r"(\d+) from", split.notes[0])]
    assert sum(told) == moved


def test_a_part_that_is_wanted_but_empty_is_told():
    one = examples_of([1])
    same = Examples(
        from_rows([one.sequences[0]] * 8),
        from_text("abcdefgh"),
        np.array([[1], [0]] * 4, np.float32),
        np.zeros(8, np.uint8),
    )
    split = parts(same, valid_fraction=0.3)
    assert len(split.rows("train")) == 8
    assert split.notes[-1] == "no examples are left for valid: too few, or near-duplicates of training examples"

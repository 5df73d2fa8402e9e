"""Datasets that are read in blocks: the parts of a split, the blocks, and what is held in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcnn.dataset import streamed as module
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.part_rule import TEST, TRAIN, VALID
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.sequence.windows import Windows


def simulate(n: int, *, ragged: bool = False, seed: int = 0, **columns: Any) -> Examples:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 80, n) if ragged else np.full(n, 50)
    rows = [rng.integers(0, 5, length).astype(np.uint8) for length in lengths]
    targets = (rng.random((n, 1)) < 0.4).astype(np.float32)
    origin = np.full(n, Origin.GIVEN, dtype=np.uint8)
    return Examples(from_rows(rows), from_text(f"s{i}" for i in range(n)), targets, origin, **columns)


def write(path: Path, *parts: Examples, n_targets: int = 1) -> Dataset:
    with DatasetWriter(path, "dna", [f"t{i}" for i in range(n_targets)]) as writer:
        for part in parts:
            writer.append(part)
        writer.finish({})
    return Dataset(path)


def stream(dataset: Dataset, both_strands: bool = True, seed: int = 0, **options: Any) -> Streamed:
    return Streamed(dataset, SplitOptions(**options), both_strands=both_strands, seed=seed)


def parts_of(streamed: Streamed) -> np.ndarray:
    return np.concatenate([streamed.parts_of(block) for block in range(streamed.n_blocks)])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_LETTERS", 1000)
    monkeypatch.setattr(module, "CHUNK", 64)


@pytest.mark.parametrize("ragged", [False, True])
def test_blocks_are_the_file(ragged: bool, tmp_path: Path) -> None:
    examples = simulate(300, ragged=ragged, weights=np.arange(300, dtype=np.float32))
    streamed = stream(write(tmp_path / "d.h5", examples), test_fraction=0.2)
    parts = parts_of(streamed)
    assert streamed.n_blocks > 5
    assert len(streamed) == len(parts) == 300
    assert [streamed.counts[name] for name in ("train", "valid", "test")] == np.bincount(parts).tolist()
    for part in (TRAIN, VALID, TEST):
        read, rows = streamed.read(range(streamed.n_blocks), part)
        wanted = examples.take(parts == part)
        assert rows.tolist() == np.flatnonzero(parts == part).tolist()
        assert np.array_equal(read.sequences.data, wanted.sequences.data)
        assert np.array_equal(read.sequences.offsets, wanted.sequences.offsets)
        assert np.array_equal(read.targets, wanted.targets)
        assert np.array_equal(read.weights, wanted.weights)
    some, rows = streamed.read([4, 1])
    assert set(rows // streamed.rows_per_block) == {1, 4}
    assert streamed.names([7, 0, 299]) == ["s7", "s0", "s299"]
    assert len(some) == len(rows)


def test_only_one_hot(tmp_path: Path) -> None:
    import h5py

    examples = simulate(100)
    codes = examples.sequences.padded()
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["one_hot"] = (codes[:, None] == np.arange(4)[:, None]).astype(np.uint8)
        file["targets"] = examples.targets
    streamed = stream(Dataset(tmp_path / "d.h5"), valid_fraction=0.0)
    read, rows = streamed.read(range(streamed.n_blocks))
    assert np.array_equal(read.sequences.data, examples.sequences.data)
    assert streamed.names(rows[:2].tolist()) == ["row_1", "row_2"]


def test_fractions_are_met_and_follow_the_seed(tmp_path: Path) -> None:
    dataset = write(tmp_path / "d.h5", simulate(4000))
    streamed = stream(dataset, valid_fraction=0.2, test_fraction=0.1)
    parts = parts_of(streamed)
    assert abs(np.mean(parts == TEST) - 0.1) < 0.02
    assert abs(np.mean(parts[parts != TEST] == VALID) - 0.2) < 0.03
    assert np.array_equal(parts, parts_of(stream(dataset, valid_fraction=0.2, test_fraction=0.1)))
    assert not np.array_equal(parts, parts_of(stream(dataset, valid_fraction=0.2, test_fraction=0.1, seed=1)))
    assert "near-duplicates are not looked for; --in-memory looks for them" in streamed.notes[0]


def test_copies_and_shuffles_go_together(tmp_path: Path) -> None:
    examples = simulate(300)
    other = from_rows([reverse_complement(row) for row in examples.sequences])
    shuffled = dinucleotide_shuffle(examples.sequences, 1)
    made = [Examples(each, examples.names, examples.targets, examples.origin) for each in (other, shuffled)]
    dataset = write(tmp_path / "d.h5", examples, *made)
    own, of_other, of_shuffled = parts_of(stream(dataset, valid_fraction=0.5)).reshape(3, -1)
    assert np.array_equal(own, of_shuffled)
    assert np.array_equal(own, of_other)
    own, of_other, _ = parts_of(stream(dataset, both_strands=False, valid_fraction=0.5)).reshape(3, -1)
    assert not np.array_equal(own, of_other)


def test_neighbours_in_the_genome_go_together(tmp_path: Path) -> None:
    start = np.arange(4000, dtype=np.int64) * 5000
    chrom = np.array(["chr1", "chr2"] * 2000, dtype=object)
    windows = Windows(chrom, start, start + 50, np.full(4000, "+"))
    dataset = write(tmp_path / "d.h5", simulate(4000, windows=windows))
    streamed = stream(dataset, valid_fraction=0.3)
    parts = parts_of(streamed)
    stretch = (start + 25) >> 20
    for name in ("chr1", "chr2"):
        for number in np.unique(stretch):
            assert len(np.unique(parts[(chrom == name) & (stretch == number)])) == 1
    assert 0.05 < np.mean(parts == VALID) < 0.6
    assert "stretches of 1,048,576 bp" in streamed.notes[0]


def test_chromosomes_that_are_held_out(tmp_path: Path) -> None:
    chrom = np.array(["chr1", "chr2", "chr3", ""] * 50, dtype=object)
    zero = np.zeros(200, dtype=np.int64)
    windows = Windows(chrom, zero, zero + 50, np.full(200, "+"))
    dataset = write(tmp_path / "d.h5", simulate(200, windows=windows))
    streamed = stream(dataset, valid_chroms=("2",), test_chroms=("chr3",))
    parts = parts_of(streamed)
    assert np.array_equal(parts == VALID, chrom == "chr2")
    assert np.array_equal(parts == TEST, chrom == "chr3")
    assert "chromosome names: 2 in the options is chr2 here" in streamed.notes[0]
    with pytest.raises(InputError, match=r"no example is on chromosome 'chr9'; there are: chr1, chr2, chr3"):
        stream(dataset, valid_chroms=("chr9",))
    with pytest.raises(UsageError, match="chr2: a chromosome cannot be in both"):
        stream(dataset, valid_chroms=("chr2",), test_chroms=("chr2",))
    with pytest.raises(UsageError, match="a split by chromosome needs regions"):
        stream(write(tmp_path / "e.h5", simulate(10)), valid_chroms=("chr1",))


def test_what_the_column_says_goes_first(tmp_path: Path) -> None:
    said = np.array(["train", "val", "test", ""] * 500, dtype=object)
    dataset = write(tmp_path / "d.h5", simulate(2000, split=said))
    streamed = stream(dataset)
    parts = parts_of(streamed)
    for word, part in (("train", TRAIN), ("val", VALID), ("test", TEST)):
        assert (parts[said == word] == part).all()
    unsaid = np.bincount(parts[said == ""], minlength=3)
    assert (unsaid > 120).all()  # a third each
    assert streamed.notes == ["500 examples for which no part is said are divided at random, as the others are"]
    wrong = write(tmp_path / "e.h5", simulate(4, split=np.array(["train", "fold1", "x", ""], dtype=object)))
    with pytest.raises(InputError, match="the split column says 'fold1'; it may say train, valid or test"):
        stream(wrong)
    with pytest.raises(UsageError, match="--split-file needs all examples in memory: say --in-memory"):
        stream(dataset, split_file="parts.tsv")


def test_a_column_that_says_no_validation(tmp_path: Path) -> None:
    said = np.array(["train", "test"] * 500, dtype=object)
    parts = parts_of(stream(write(tmp_path / "d.h5", simulate(1000, split=said)), valid_fraction=0.2))
    assert (parts[said == "test"] == TEST).all()
    assert 0.1 < np.mean(parts[said == "train"] == VALID) < 0.3


def test_what_is_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = simulate(600)
    dataset = write(tmp_path / "d.h5", examples)
    streamed = stream(dataset, valid_fraction=0.4)
    held_out = streamed.held_out("valid")
    assert held_out is not None
    assert np.array_equal(held_out.sequences.data, examples.take(parts_of(streamed) == VALID).sequences.data)
    assert streamed.held_out("test") is None
    assert len(streamed.notes) == 1
    monkeypatch.setattr(module, "HELD_OUT_LETTERS", 50 * 30)
    streamed = stream(dataset, valid_fraction=0.4)
    few = streamed.held_out("valid")
    again = streamed.held_out("valid")
    assert few is not None
    assert again is not None
    assert len(few) == 30
    assert np.array_equal(few.sequences.data, again.sequences.data)
    assert set(map(bytes, few.sequences)) <= set(map(bytes, held_out.sequences))
    assert f"30 of the {len(held_out)} examples for validation, drawn at random, are used" in streamed.notes[-1]


def test_what_is_known_of_all(tmp_path: Path) -> None:
    examples = simulate(300, ragged=True)
    streamed = stream(write(tmp_path / "d.h5", examples), valid_fraction=0.0)
    assert streamed.longest == examples.sequences.lengths.max()
    assert not streamed.has_shuffles
    assert streamed.training.complete
    assert streamed.training.count(0, 1.0) == int((examples.targets == 1).sum())
    other = simulate(300, ragged=True, seed=1)
    assert stream(write(tmp_path / "e.h5", other), valid_fraction=0.0).digest != streamed.digest
    assert stream(Dataset(tmp_path / "d.h5"), valid_fraction=0.3).digest != streamed.digest
    assert stream(Dataset(tmp_path / "d.h5"), valid_fraction=0.0).digest == streamed.digest


def test_targets_change_as_they_are_read(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).random(100).astype(np.float32)
    examples = simulate(100, weights=weights)
    streamed = stream(write(tmp_path / "d.h5", examples), valid_fraction=0.0)
    assert examples.targets is not None
    changed = streamed.changed(lambda chunk: chunk.with_targets(chunk.targets + 5))
    read, _ = changed.read(range(streamed.n_blocks))
    np.testing.assert_allclose(read.targets, examples.targets + 5)
    np.testing.assert_allclose(read.weights, weights / weights.mean(), rtol=1e-5)
    assert np.array_equal(streamed.read([0])[0].targets, examples.targets[: streamed.rows_per_block])


def test_without_targets(tmp_path: Path) -> None:
    examples = simulate(5).with_targets(None)
    with pytest.raises(InputError, match="there are no targets to train on"):
        stream(write(tmp_path / "d.h5", examples, n_targets=0))


def test_empty_sequences_are_left_out(tmp_path: Path) -> None:
    examples = simulate(50)
    sequences = list(examples.sequences)
    sequences[3] = sequences[20] = np.zeros(0, dtype=np.uint8)
    dataset = write(
        tmp_path / "d.h5", Examples(from_rows(sequences), examples.names, examples.targets, examples.origin)
    )
    streamed = stream(dataset, valid_fraction=0.0)
    assert streamed.counts["train"] == streamed.training.n == 48
    assert not {3, 20} & set(streamed.read(range(streamed.n_blocks))[1].tolist())
    assert streamed.notes == ["2 empty sequences left out"]


def test_a_file_that_fails_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed = stream(write(tmp_path / "d.h5", simulate(20)))

    def fail(*_: object) -> None:
        raise OSError("input/output error")

    monkeypatch.setattr(module, "read_bare", fail)
    with pytest.raises(InputError, match=r"d\.h5: cannot be read any more \(input/output error\)"):
        streamed.read([0])

"""Which bases are bound: as by looking at each base, in any order of strands, files and chunks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset.bound_bases import BoundBases, scatter
from seqcnn.dataset.build import collect, load, open_sources
from seqcnn.dataset.examples import UNKNOWN, Examples, Origin, join
from seqcnn.dataset.negatives import NegativeOptions
from seqcnn.dataset.reading import BoundOptions, ReadOptions, Tally
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.ragged import Ragged, from_rows, from_text
from seqcnn.sequence.windows import Windows


def windows(rows: list[tuple[str, int, int, str]]) -> Windows:
    return Windows(
        np.array([row[0] for row in rows], dtype=object),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows]),
    )


def examples_at(places: Windows) -> Examples:
    rng = np.random.default_rng(1)
    rows = from_rows(rng.integers(0, 5, n).astype(np.uint8) for n in (places.end - places.start).tolist())
    n = len(places)
    return Examples(rows, from_text(["x"] * n), None, np.zeros(n, dtype=np.uint8), places)


intervals = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(-5, 40), st.integers(1, 20), st.sampled_from("+-.")), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(intervals, intervals.filter(len))
def test_marks_are_those_of_looking_at_each_base(
    peaks: list[tuple[str, int, int, str]], places: list[tuple[str, int, int, str]]
) -> None:
    parts, around = (windows([(c, a, a + n, s) for c, a, n, s in rows]) for rows in (peaks, places))
    marker = BoundBases([parts])
    chunk = examples_at(around)
    found = marker.mark(chunk)
    assert found.bound is not None
    bases = {(c, x) for c, a, n, _ in peaks for x in range(a, a + n)}
    for (chrom, start, length, strand), row, codes in zip(places, found.bound, chunk.sequences, strict=True):
        wanted = [int((chrom, x) in bases) for x in range(start, start + length)][:: -1 if strand == "-" else 1]
        wanted = [UNKNOWN if code == 4 else mark for mark, code in zip(wanted, codes.tolist(), strict=True)]
        assert row.tolist() == wanted
    assert marker.n_bound == int((found.bound.data == 1).sum())
    assert marker.n_known == int((found.bound.data != UNKNOWN).sum())


def test_shuffles_and_what_has_no_place_are_not_bound() -> None:
    places = windows([("a", 0, 10, "+")] * 2 + [("", 0, 10, ".")])
    chunk = replace(examples_at(places), origin=np.array([Origin.GIVEN, Origin.DINUCLEOTIDE, 0], dtype=np.uint8))
    marker = BoundBases([windows([("a", 2, 8, "+")])])
    found = marker.mark(chunk)
    assert found.bound is not None
    assert [bool((row == 1).any()) for row in found.bound] == [True, False, False]
    nowhere = marker.mark(replace(chunk, windows=None))
    assert nowhere.bound is not None
    assert not (nowhere.bound.data == 1).any()


def test_windows_lie_anywhere_around_their_bound_parts() -> None:
    n, rng = 3000, np.random.default_rng(0)
    centre = rng.integers(1000, 5000, n)
    chrom = np.full(n, "a", dtype=object)
    around = Windows(chrom, centre - 50, centre + 51)
    parts = Windows(chrom, centre - 10, centre + 11)
    moved = scatter(around, parts, BoundOptions(21, seed=3))
    at = parts.start - moved.start
    assert (moved.end - moved.start == 101).all()
    assert (at.min(), at.max()) == (0, 80)
    assert np.bincount(at).min() > 10
    assert (scatter(around, parts, BoundOptions(21, seed=4)).start != moved.start).any()
    wide = Windows(chrom, centre - 80, centre + 81)  # what does not fit is left where it is
    np.testing.assert_array_equal(scatter(around, wide, BoundOptions(161)).start, around.start)


@pytest.fixture
def genome(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">chr{i}\n{''.join(rng.choice(list('ACGT'), 9000))}\n" for i in (1, 2)))
    return str(path)


def peaks(folder: Path, name: str = "peaks.bed", shift: int = 0) -> str:
    path = folder / name
    path.write_text(
        "".join(f"chr{1 + i % 2}\t{a}\t{a + 12}\tp\t0\t{'+-'[i % 2]}\n" for i, a in enumerate(STARTS + shift))
    )
    return str(path)


STARTS = np.arange(300, 8000, 700)


def test_encoded_as_in_memory(tmp_path: Path, genome: str) -> None:
    """Peaks of one file are bound in windows of another, negatives are not, and what is read again is the same."""
    reading = ReadOptions(genome=genome, length=101, bound=BoundOptions(None, 5))
    paths, options, tally = [peaks(tmp_path), peaks(tmp_path, "more.bed", 20)], NegativeOptions("gc"), Tally()
    examples, _ = load(paths, reading, options, tally)
    assert examples.bound is not None
    assert examples.targets is not None
    per_row = np.array([int((row == 1).sum()) for row in examples.bound])
    assert (per_row[examples.targets[:, 0] == 0] == 0).all()
    assert per_row.max() == 24
    assert any("in bound parts" in note for note in tally.notes)
    sources = open_sources(paths, reading, Tally(), label=1.0)
    target = tmp_path / "d.h5"
    with DatasetWriter(target, "dna", sources[0].target_names) as writer:
        collect(sources, reading, options, writer, Tally())
        writer.finish({})
    again, _ = load([str(target)], ReadOptions(), NegativeOptions("none"), Tally())
    assert again.bound is not None
    np.testing.assert_array_equal(again.bound.data, examples.bound.data)
    with h5py.File(target) as file:
        assert file["bound"].shape == file["codes"].shape
        assert file["bound"].dtype == np.uint8
    streamed = Streamed(Dataset(target), SplitOptions(valid_fraction=0.3), both_strands=True, seed=1)
    read, rows = streamed.read(range(streamed.n_blocks))
    assert read.bound is not None
    np.testing.assert_array_equal(read.bound.data, examples.bound.take(rows).data)
    np.testing.assert_array_equal(streamed.n_bases, np.bincount(read.bound.data, minlength=3))
    with_shuffles, _ = load([str(target)], ReadOptions(), NegativeOptions("none"), Tally())
    assert join([with_shuffles, replace(examples, bound=None)]).bound.data[-1] == UNKNOWN  # type: ignore[union-attr]


def test_widths_and_seeds_matter(tmp_path: Path, genome: str) -> None:
    path, counts, starts = peaks(tmp_path), [], []
    for bound in (BoundOptions(None), BoundOptions(31), BoundOptions(31, seed=2), None):
        reading = ReadOptions(genome=genome, length=101, bound=bound)
        examples, _ = load([path], reading, NegativeOptions("none"), Tally())
        assert examples.windows is not None
        counts.append(None if examples.bound is None else int((examples.bound.data == 1).sum()))
        starts.append(examples.windows.start.tolist())
    assert counts == [12 * len(STARTS), 31 * len(STARTS), 31 * len(STARTS), None]
    assert starts[1] != starts[2]
    assert starts[3] == (STARTS + 6 - 50).tolist()


def test_a_dataset_of_which_only_some_know_their_bases(tmp_path: Path) -> None:
    places = windows([("a", 0, 8, "+")])
    known = BoundBases([windows([("a", 2, 5, "+")])]).mark(examples_at(places))
    unknown = examples_at(places)
    with DatasetWriter(tmp_path / "d.h5", "dna", []) as writer:
        for part in (unknown, known, unknown):
            writer.append(part)
        writer.finish({})
    read = join(list(Dataset(tmp_path / "d.h5").chunks()))
    assert read.bound is not None
    assert (read.bound[0] == UNKNOWN).all()
    assert (read.bound[2] == UNKNOWN).all()
    assert known.bound is not None
    np.testing.assert_array_equal(read.bound[1], known.bound[0])
    with h5py.File(tmp_path / "d.h5", "a") as file:
        file["bound"][3] = 7
    with pytest.raises(InputError, match="bound is 7, not 0, 1 or 2"):
        list(Dataset(tmp_path / "d.h5").chunks())
    with h5py.File(tmp_path / "d.h5", "a") as file:
        file["bound"].resize(5, axis=0)
    with pytest.raises(InputError, match="bound does not fit codes"):
        Dataset(tmp_path / "d.h5")


def test_what_has_no_bound_bases(tmp_path: Path, genome: str) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_text(">a\nACGTACGT\n")
    for reading, path, said in (
        (ReadOptions(genome=genome, bound=BoundOptions(5)), str(fasta), "for regions .* is FASTA"),
        (ReadOptions(genome=genome, bound=BoundOptions()), peaks(tmp_path), "needs --length"),
    ):
        with pytest.raises(UsageError, match=said):
            open_sources([path], reading, Tally(), label=1.0)


def test_taken_rows_keep_their_bases() -> None:
    rows = from_rows([np.array([0, 1, 2], dtype=np.uint8), np.array([3], dtype=np.uint8)])
    examples = Examples(rows, from_text("ab"), None, np.zeros(2, dtype=np.uint8))
    examples = replace(examples, bound=Ragged(np.array([1, 0, 2, 1], dtype=np.uint8), rows.offsets))
    taken = examples.take(np.array([1, 0]))
    assert taken.bound is not None
    assert [row.tolist() for row in taken.bound] == [[1], [1, 0, 2]]

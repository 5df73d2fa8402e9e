"""Structures of examples: in datasets, in words, and what is asked for against what is there."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from seqcnn.dataset import structure
from seqcnn.dataset.duplicates import duplicate_groups
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.folding import Folding
from seqcnn.dataset.part_rule import PartRule
from seqcnn.dataset.reading import ReadOptions
from seqcnn.dataset.relatives import related_groups
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.stored_rows import read_bare
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.contexts import bases_of, in_context
from seqcnn.sequence.ragged import Ragged, from_rows, from_text

READ = {"method": "read"}
FOLD = {"method": "fold", "by": "ViennaRNA 2.6.0", "span": None}


def some(lengths: list[int], seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    rows = from_rows(
        in_context(rng.integers(0, 5, n, dtype=np.uint8), rng.integers(1, 7, n, dtype=np.uint8)) for n in lengths
    )
    names, origin = from_text("abc"[: len(rows)]), np.full(len(rows), Origin.GIVEN, np.uint8)
    return Examples(rows, names, np.zeros((len(rows), 1), np.float32), origin)


def write(path: Path, examples: Examples, about: dict[str, object] | None = READ) -> Path:
    with DatasetWriter(path, "rna", ["target"], structure=about) as writer:
        writer.append(examples)
        (back,) = writer.read_back()
        assert (
            back.sequences.data.tolist()
            == (examples.sequences if about else bases_of(examples.sequences)).data.tolist()
        )
        writer.finish({})
    return path


def test_contexts_come_back(tmp_path: Path) -> None:
    examples = some([5, 0, 7])
    path = write(tmp_path / "d.h5", examples, FOLD)
    dataset = Dataset(path)
    assert dataset.structure == FOLD
    (chunk,) = dataset.chunks()
    assert chunk.has_contexts
    assert chunk.sequences.data.tolist() == examples.sequences.data.tolist()
    with h5py.File(path) as file:
        assert file["codes"][:].tolist() == bases_of(examples.sequences).data.tolist()
        assert file.attrs["version"] == 2
        bare = read_bare(file, slice(2, 3))
        assert bare.sequences.data.tolist() == examples.sequences[2].tolist()


def test_without_structure_the_file_is_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "d.h5", some([5, 3]), None)
    with h5py.File(path) as file:
        assert "contexts" not in file
        assert file.attrs["version"] == 1
        assert "structure" not in file.attrs
    assert Dataset(path).structure is None


def test_damaged_contexts_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "d.h5", some([5, 3]))
    with h5py.File(path, "r+") as file:
        file["contexts"][2] = 9
        del file.attrs["structure"]
    assert Dataset(path).structure == READ
    with pytest.raises(InputError, match="9 is not a context"):
        list(Dataset(path).chunks())
    with h5py.File(path, "r+") as file:
        file["contexts"].resize(4, axis=0)
    with pytest.raises(InputError, match="contexts do not fit codes; encode it again"):
        Dataset(path)


def test_what_is_encoded_against_what_is_asked_for() -> None:
    near = ReadOptions(structure="fold", folding=Folding(span=9))
    pytest.importorskip("RNA", reason="ViennaRNA is not installed")
    assert structure.of_dataset(READ, ReadOptions(), "x") == READ
    assert structure.of_dataset(None, ReadOptions(), "x") is None
    assert structure.of_dataset(FOLD, ReadOptions(structure="none"), "x") is None
    assert structure.of_dataset(FOLD, ReadOptions(structure="read"), "x") == FOLD
    assert structure.of_dataset(FOLD, ReadOptions(structure="fold"), "x") == FOLD
    anew = structure.of_dataset(READ, near, "x")
    assert anew is not None
    assert (anew["method"], anew["span"]) == ("fold", 9)
    with pytest.raises(InputError, match="x: holds no structures"):
        structure.of_dataset(None, ReadOptions(structure="read"), "x")
    assert structure.as_described(ReadOptions(), anew).folding.span == 9
    assert structure.as_described(near, None).structure == "none"


def test_words() -> None:
    assert structure.in_words(None) == "none"
    assert structure.in_words(READ) == "read from the input"
    assert structure.in_words(FOLD) == "folded by ViennaRNA 2.6.0"
    assert structure.in_words(FOLD | {"span": 50}).endswith(", pairs at most 50 bp apart")
    assert structure.alike(FOLD, FOLD | {"by": "ViennaRNA 2.7.2"})
    assert not structure.alike(FOLD, FOLD | {"span": 50})
    assert not structure.alike(None, READ)
    assert structure.alike(None, None)
    with pytest.raises(UsageError, match="x: structures are of RNA"):
        structure.check_alphabet(READ, None, "x")
    structure.check_alphabet(READ, "rna", "x")


def test_a_split_goes_by_the_bases() -> None:
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 4, (3, 60), dtype=np.uint8)
    rows = from_rows(in_context(row, rng.integers(1, 7, 60, dtype=np.uint8)) for row in plain[[0, 1, 0, 2]])
    examples = Examples(rows, from_text("abcd"), None, np.zeros(4, np.uint8))
    groups = related_groups(examples, False)
    assert groups.tolist() == duplicate_groups(bases_of(rows), False).tolist() == [0, 1, 0, 2]
    rule = PartRule(SplitOptions(valid_fraction=0.5), chrom_names=[], said={}, both_strands=False, seed=1)
    bare = Examples(Ragged(bases_of(rows).data, rows.offsets), examples.names, None, examples.origin)
    assert rule.parts(examples).tolist() == rule.parts(bare).tolist()

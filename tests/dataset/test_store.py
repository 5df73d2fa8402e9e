import json
import subprocess
import sys
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset import store_writer, stored_rows
from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.errors import InputError
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import encode_all, from_text
from seqcnn.sequence.windows import Windows
from tests.dataset.test_examples import chunks, rows_of


def simple(sequences, **columns):
    n = len(sequences)
    names = from_text(f"s{i}" for i in range(n))
    return Examples(encode_all(sequences), names, columns.pop("targets", None), np.zeros(n, np.uint8), **columns)


def write(path, parts, alphabet="dna", target_names=(), provenance=None, **options):
    with DatasetWriter(path, alphabet, list(target_names), **options) as writer:
        for part in parts:
            writer.append(part)
        writer.finish(provenance or {})
    return path


@settings(max_examples=30, deadline=None)
@given(st.lists(chunks(), max_size=5), st.integers(1, 20))
def test_round_trip_is_what_join_gives(tmp_path_factory, parts, size):
    path = write(tmp_path_factory.mktemp("s") / "d.h5", parts, target_names=["a", "b"])
    dataset = Dataset(path)
    assert len(dataset) == sum(map(len, parts))
    read = list(dataset.chunks(size))
    assert [len(chunk) for chunk in read[:-1]] == [size] * (len(read) - 1)
    if parts:
        joined = join(parts)
        assert [row for chunk in read for row in rows_of(chunk)] == rows_of(joined)
        back = join(read)
        for name in ("targets", "windows", "split", "weights"):
            assert (getattr(back, name) is None) == (getattr(joined, name) is None)
        assert dataset.has_weights == (joined.weights is not None)
        assert back.sequences.data.dtype == np.uint8
        assert back.sequences.offsets.dtype == np.int64
        assert dataset.has_windows == (joined.windows is not None)


@settings(max_examples=10, deadline=None)
@given(st.lists(chunks(), min_size=1, max_size=4), st.integers(1, 7))
def test_reads_back_while_it_is_written(tmp_path_factory, parts, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_writer, "CHUNK", size)
        with DatasetWriter(tmp_path_factory.mktemp("s") / "d.h5", "dna", []) as writer:
            for i, part in enumerate(parts, 1):
                writer.append(part)
                assert [row for chunk in writer.read_back() for row in rows_of(chunk)] == rows_of(join(parts[:i]))
            # Appending while reading does not change what is read.
            read = 0
            for chunk in writer.read_back():
                read += len(chunk)
                writer.append(chunk)
            assert read * 2 == len(writer)


def test_attributes(tmp_path):
    long = {"command": "x" * 200_000, "ü": [1.5, None]}
    path = write(tmp_path / "d.h5", [simple(["ACGU"])], "rna", ["α", "b"], long)
    dataset = Dataset(path)
    assert (dataset.alphabet, dataset.target_names, dataset.provenance) == ("rna", ["α", "b"], long)


def test_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(store_writer, "CHUNK", 2)
    path = tmp_path / "d.h5"
    with DatasetWriter(path, "dna", ["kind"]) as writer:
        writer.append(simple(["A", "C", "G", "T"], targets=np.array([[0], [1], [np.nan], [0]], np.float32)))
        writer.append(simple(["A"], targets=np.array([[2]], np.float32)))
        writer.renumber(np.array([2, 0, 1], np.float32))
        writer.finish({}, task="multiclass", class_names=["b", "c", "a"])
    dataset = Dataset(path)
    assert (dataset.task, dataset.class_names, dataset.target_names) == ("multiclass", ["b", "c", "a"], ["kind"])
    np.testing.assert_array_equal(join(list(dataset.chunks())).targets[:, 0], [2, 0, np.nan, 2, 1])
    other = Dataset(write(tmp_path / "o.h5", [simple(["A"])]))
    assert (other.task, other.class_names) == (None, [])


def test_weights_as_documented(tmp_path):
    path = write(tmp_path / "d.h5", [simple(["A"]), simple(["C", "G"], weights=np.array([0, 2.5], np.float32))])
    with h5py.File(path, "r") as file:
        assert file["weights"][:].tolist() == [1, 0, 2.5]
        assert file["weights"].dtype == np.float32


@pytest.mark.parametrize("weight", [-1, np.nan])
def test_weights_that_are_none(tmp_path, weight):
    path = write(tmp_path / "d.h5", [simple(["A", "C"], weights=np.array([1, weight], np.float32))])
    with pytest.raises(InputError, match=f"is not a whole HDF5 dataset .a weight is {weight:.1f}, not 0 or more"):
        list(Dataset(path).chunks())
    with h5py.File(path, "r+") as file:
        file["weights"].resize(1, axis=0)
    with pytest.raises(InputError, match="weights has 1 rows for 2 sequences"):
        Dataset(path)


def test_weights_beside_one_hot(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["one_hot"] = one_hot(encode_all(["ACGN", "TTTT"]).padded())
        file["weights"] = [1, 3]
    (chunk,) = Dataset(tmp_path / "d.h5").chunks()
    assert chunk.weights.tolist() == [1, 3]


def test_other_tools_can_read_it_as_documented(tmp_path):
    chrom = np.array(["chr2", "", "chr2", "chr1"], dtype=object)
    zero = np.arange(4)
    strand = np.array(["-", ".", "+", "-"])
    split = np.array(["test", "", "train", "test"], dtype=object)
    examples = simple(["ACG", "", "TTN", "A"], windows=Windows(chrom, zero, zero + 3, strand), split=split)
    path = write(tmp_path / "d.h5", [simple(["G"]), examples], target_names=["t"], provenance={"seed": 1})
    with h5py.File(path) as file:
        offsets = file["offsets"][:]
        letters = np.array(list("ACGTN"))
        assert ["".join(letters[file["codes"][a:b]]) for a, b in pairwise(offsets)] == ["G", "ACG", "", "TTN", "A"]
        assert file["chrom_names"].asstr()[:][file["chrom"][:]].tolist() == ["", *chrom]
        assert file["split_names"].asstr()[:][file["split"][:]].tolist() == ["", *split]
        assert file["strand"].asstr()[:].tolist() == [".", *strand]
        assert file["strand"].dtype == np.dtype("S1")
        assert file["start"][:].tolist() == [0, 0, 1, 2, 3]
        assert "targets" not in file
        assert json.loads(file.attrs["provenance"]) == {"seed": 1}
        assert file.attrs["format"] == "seqcnn dataset"


def test_one_hot(tmp_path):
    parts = [simple(["ACGT", "NNAC"]), simple(["TTTT"]), simple(["GANT"])]
    targets = np.array([[1], [0], [np.nan], [2]], dtype=np.float32)
    path = write(tmp_path / "d.h5", [p.with_targets(targets[: len(p)]) for p in parts], with_one_hot=True)
    with h5py.File(path) as file:
        assert file["one_hot"].dtype == np.uint8
        expected = np.concatenate([one_hot(p.sequences.padded(), n_value=0) for p in parts])
        np.testing.assert_array_equal(file["one_hot"][:], expected)
    with h5py.File(tmp_path / "alone.h5", "w") as file:
        file["one_hot"], file["targets"] = expected, targets[:, 0].astype(float)  # as others write them
    alone = Dataset(tmp_path / "alone.h5")
    assert (alone.alphabet, alone.target_names, len(alone), alone.has_windows) == ("dna", ["target_1"], 4, False)
    read = join(list(alone.chunks(3)))
    assert [row.tolist() for row in read.sequences] == [row.tolist() for p in parts for row in p.sequences]
    np.testing.assert_array_equal(read.targets, targets)
    assert read.names.decode() == ["row_1", "row_2", "row_3", "row_4"]


def test_one_hot_columns_that_are_not_one_base_are_n(tmp_path):
    columns = [[1, 0, 0, 0], [0.25] * 4, [0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0.9, 0, 0.1, 0], [1, -1, 0, 1]]
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["one_hot"] = np.array(columns, dtype=np.float32).T[None]
    (read,) = Dataset(tmp_path / "d.h5").chunks()
    assert read.sequences[0].tolist() == [0, 4, 4, 4, 3, 4, 4]
    assert read.targets is None


def test_one_hot_needs_one_length(tmp_path):
    path = tmp_path / "d.h5"
    with DatasetWriter(path, "dna", [], with_one_hot=True) as writer:
        writer.append(simple(["ACG", "TTT"]))
        with pytest.raises(InputError, match=r"one length, but there are 3 and 4 bp; set --length"):
            writer.append(simple(["ACGT"]))
        with pytest.raises(InputError, match="one length"):
            writer.append(simple(["ACG", "ACGTA"]))
        assert len(writer) == 2
        writer.append(simple([]))
    assert len(Dataset(path)) == 2


def test_long_sequences_come_in_smaller_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_rows, "LETTERS", 10)
    monkeypatch.setattr(store_writer, "LETTERS", 10)
    sequences = ["ACGTACGTACGTACGT", "ACGT", "ACG", "AAAA", "C"]
    path = write(tmp_path / "d.h5", [simple(sequences)])
    assert [len(chunk) for chunk in Dataset(path).chunks()] == [1, 2, 2]
    same = write(tmp_path / "o.h5", [simple(["ACGTA"] * 7)], with_one_hot=True)
    with h5py.File(same, "a") as file:
        assert (file["one_hot"][:] == one_hot(encode_all(["ACGTA"])[0], 0)).all()
        del file["codes"]
    assert sum(map(len, Dataset(same).chunks())) == 7


def damaged(path, change):
    write(path, [simple(["ACGT", "AC"], targets=np.zeros((2, 1), np.float32))], target_names=["t"])
    with h5py.File(path, "a") as file:
        change(file)


def resize(name, n):
    return lambda file: file[name].resize(n, axis=0)


def put(name, values):
    def change(file):
        file[name][...] = values

    return change


def remove(name):
    def change(file):
        del file[name]

    return change


def attribute(name, value):
    return lambda file: file.attrs.modify(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (resize("codes", 3), "offsets do not fit codes; encode it again"),
        (resize("targets", 1), "targets has 1 rows for 2 sequences"),
        (resize("origin", 5), "origin has 5 rows for 2 sequences"),
        (resize("offsets", 0), "offsets do not fit codes"),
        (remove("names"), "is not a whole HDF5 dataset"),
        (remove("codes"), "holds neither codes nor one_hot; is it a seqcnn dataset?"),
        (put("codes", 7), "is not a whole HDF5 dataset (code 7 is not a letter); encode it again"),
        (put("offsets", [0, 9, 6]), "offsets decrease"),
        (attribute("target_names", "not json"), "is not a whole HDF5 dataset"),
        (attribute("target_names", '["a", "b"]'), "names 2 targets, but holds 1"),
        (attribute("version", 99), "is a dataset of version 99; this seqcnn reads up to 2"),
    ],
)
def test_a_damaged_dataset_is_refused(tmp_path, change, message):
    path = tmp_path / "d.h5"
    damaged(path, change)
    with pytest.raises(InputError) as caught:
        list(Dataset(path).chunks())
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 4)])
def test_one_hot_of_another_shape_is_refused(tmp_path, shape):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["one_hot"] = np.zeros(shape)
    with pytest.raises(InputError, match=r"one_hot has shape .*, not \(n, 4, length\)"):
        Dataset(tmp_path / "d.h5")


def test_no_dataset(tmp_path):
    path = write(tmp_path / "d.h5", [simple(["ACGT"] * 999)])
    whole = path.read_bytes()
    for n in (9, 100, 1000, len(whole) - 500):
        path.write_bytes(whole[:n])
        with pytest.raises(InputError, match="is not a whole HDF5 dataset") as caught:
            list(Dataset(path).chunks())
        assert "\n" not in str(caught.value)
    (tmp_path / "text").write_text(">a\nACGT\n")
    assert not Dataset.is_one(tmp_path / "text")
    for name, message in (("text", "is not an HDF5 file"), ("none", "there is no such file"), ("", "is a folder")):
        with pytest.raises(InputError, match=message):
            Dataset(tmp_path / name)


MEMORY = """
import resource, sys
import numpy as np
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.sequence.ragged import Ragged, from_text
from seqcnn.sequence.windows import Windows

rng = np.random.default_rng(0)
n = 10_000
sequences = Ragged(rng.integers(0, 5, n * 101).astype(np.uint8), np.arange(n + 1) * 101)
chrom = np.array([f"chr{i}" for i in range(22)], dtype=object)[rng.integers(0, 22, n)]
place = np.arange(n)
windows = Windows(chrom, place, place + 101, np.array(["+", "-"])[place % 2])
names = from_text(map(str, range(n)))
chunk = Examples(sequences, names, np.ones((n, 1), np.float32), np.zeros(n, np.uint8), windows, chrom)

def used(n_chunks):
    with DatasetWriter(sys.argv[1], "dna", ["t"]) as writer:
        for _ in range(n_chunks):
            writer.append(chunk)
        assert sum(map(len, writer.read_back())) == n * n_chunks
    assert sum(map(len, Dataset(sys.argv[1]).chunks())) == n * n_chunks
    if sys.platform == "linux":  # getrusage also counts the process that this one was forked from
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / (1 << 10)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)

few = used(4)
many = used(30)
print(few, many)
assert many < 300
assert many - few < 12
"""


def test_memory_does_not_grow(tmp_path):
    subprocess.run([sys.executable, "-c", MEMORY, tmp_path / "d.h5"], check=True)

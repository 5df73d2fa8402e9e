"""Published parameter files are read whole, or refused with file, line and reason."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqcnn.errors import InputError
from seqcnn.formats.deepbind_parameters import (
    ARRAYS,
    NUMBERS,
    Entry,
    find_files,
    read_ids,
    read_index,
    read_parameters,
)


def text(*, n: int = 2, length: int = 3, average: int = 0, hidden: int = 2, both: int = 1, version: str = "0.1") -> str:
    """Return a file whose values are 1, 2, 3, ... in each array."""
    features = n * (1 + average)
    sizes = [length * 4 * n, n, features * (hidden or 1), hidden or 1, hidden, 1 if hidden else 0]
    lines = [f"# deepbind {version}"]
    lines += [f"{key} = {value}" for key, value in zip(NUMBERS, (both, n, length, average, hidden), strict=True)]
    lines += [f"{key} = {','.join(map(str, range(1, size + 1)))}" for key, size in zip(ARRAYS, sizes, strict=True)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(content: str) -> Path:
        path = tmp_path / "D00001.001.txt"
        path.write_text(content)
        return path

    return write


def test_shapes(write: Callable[[str], Path]) -> None:
    model = read_parameters(write(text(n=2, length=3, average=1, hidden=5, both=0)))
    assert not model.reverse_complement
    assert model.has_avg_pooling
    assert model.detectors.shape == (3, 4, 2)
    assert model.detectors[1, 2, 1] == 1 + (1 * 4 + 2) * 2 + 1
    assert model.weights1.shape == (4, 5)
    assert (model.weights2.shape, model.biases2.shape) == ((5,), (1,))


def test_without_hidden_layer(write: Callable[[str], Path]) -> None:
    model = read_parameters(write(text(hidden=0)))
    assert (model.weights1.shape, model.biases1.shape) == ((2, 1), (1,))
    assert (model.weights2.shape, model.biases2.shape) == ((0,), (0,))


def test_line_ends_comments_and_compression(write: Callable[[str], Path], tmp_path: Path) -> None:
    wanted = read_parameters(write(text()))
    for other in (text().replace("\n", "\r\n"), text().replace("num_hidden", "# a comment\n\nnum_hidden")):
        again = read_parameters(write(other))
        np.testing.assert_array_equal(again.detectors, wanted.detectors)
    packed = tmp_path / "D00001.001.txt.gz"
    packed.write_bytes(gzip.compress(text().encode()))
    np.testing.assert_array_equal(read_parameters(packed).weights1, wanted.weights1)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (text(version="9.9"), 1, "is of deepbind 9.9; version 0.1 can be read"),
        (">seq\nACGT\n", 1, "not '# deepbind 0.1'; is it a DeepBind parameter file?"),
        (text().replace("num_hidden = 2\n", ""), 12, "num_hidden is missing; the file is truncated"),
        (text().replace("weights2 = 1,2", "weights2 = 1,2,3"), 11, "weights2 has 3 values, not 2; the sizes above"),
        (text().replace("detectors = 1,", "detectors = "), 7, "detectors has 23 values, not 3 x 4 x 2"),
        (text().replace("thresholds = 1,2", "thresholds = 1,nan"), 8, "value 2 of thresholds is nan"),
        (text().replace("thresholds = 1,2", "thresholds = 1,inf"), 8, "value 2 of thresholds is inf"),
        (text().replace("thresholds = 1,2", "thresholds = 1,1e99"), 8, "value 2 of thresholds is 1e99"),
        (text().replace("thresholds = 1,2", "thresholds = 1,x"), 8, "value 2 of thresholds is 'x', not a number"),
        (text().replace("thresholds = 1,2", "thresholds = 1,,2"), 8, "value 2 of thresholds is '', not a number"),
        (text().replace("reverse_complement = 1", "reverse_complement = 2"), 2, "not a whole number from 0 to 1"),
        (
            text().replace("num_detectors = 2", "num_detectors = 0"),
            3,
            "num_detectors is '0', not a whole number from 1",
        ),
        (text().replace("detector_len = 3", "detector_len = -3"), 4, "detector_len is '-3', not a whole number"),
        (text().replace("detector_len = 3", "detector_len = 99999999"), 4, "detector_len is '99999999', not a whole"),
        (text() + "biases2 = 1\n", 13, "biases2 is there a second time, first on line 12"),
        (text() + "colour = red\n", 13, "found 'colour = red'; a line is KEY = VALUE with reverse_complement"),
        (text() + "what\n", 13, "found 'what'"),
    ],
)
def test_malformed(write: Callable[[str], Path], content: str, line: int, reason: str) -> None:
    path = write(content)
    if "is missing" in reason:
        line = content.count("\n") + 1
    with pytest.raises(InputError) as caught:
        read_parameters(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert reason in str(caught.value)


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"# deepbind 0.1\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"x\.txt:2: is not text"):
        read_parameters(path)


HEAD = "# comment\n#\nID\tProtein\tType\tSpecies\tExperiment\tExperiment Details\tLabels\n"


def test_index(tmp_path: Path) -> None:
    path = tmp_path / "db.tsv"
    path.write_text(HEAD + "D1\tCTCF\tTF\tHomo sapiens\tSELEX\t['Cycle=4']\tdeprecated\nD2\tX\n" + "D2\tX\n")
    entries = read_index(path)
    assert entries["D1"] == Entry("CTCF", "TF", "Homo sapiens", "", "SELEX", "Cycle=4", "deprecated")
    assert entries["D2"] == Entry("X")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEAD + "D1\tA\nD1\tB\n", ":5: D1 is there a second time, with other values"),
        (HEAD + "D1\t" + "\t" * 9 + "\n", ":4: 11 columns, but the header has 7"),
        ("id\tname\n", ":1: has no columns ID and Protein"),
        ("# nothing\n", "holds no table"),
    ],
)
def test_wrong_index(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "db.tsv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_index(path)
    assert reason in str(caught.value)


def test_ids(tmp_path: Path) -> None:
    path = tmp_path / "x.ids"
    path.write_text("D1 # CTCF\n\n# none\nD2\n")
    assert read_ids(path) == ["D1", "D2"]
    path.write_text("# none\n")
    with pytest.raises(InputError, match="holds no ids"):
        read_ids(path)


def test_files_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    for name in ("D2.001.txt", "D1.001.txt", "README.txt"):
        (tmp_path / "params" / name).write_text("")
    assert list(find_files(tmp_path)[0]) == ["D1.001", "D2.001"]
    assert find_files(tmp_path)[1] is None
    (tmp_path / "db.tsv").write_text(HEAD)
    assert find_files(tmp_path / "params")[1] == tmp_path / "db.tsv"


@pytest.mark.realdata
def test_all_published_samples(shared_data: Path) -> None:
    files, index = find_files(shared_data / "deepbind_models")
    assert len(files) == 50
    assert index is not None
    entries = read_index(index)
    for name, path in files.items():
        model = read_parameters(path)
        assert model.detectors.shape[1:] == (4, 16)
        assert entries[name].protein

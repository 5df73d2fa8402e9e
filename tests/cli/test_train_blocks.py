"""`seqcnn train` on datasets that are read in blocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqcnn.cli import streaming
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
from tests.cli.conftest import SMALL, Inputs, Shell

MOTIF = np.array([3, 2, 0, 1, 3, 1, 0, 3, 1], dtype=np.uint8)


def write(path: Path, n: int, length: int = 50) -> Path:
    """Write positives, with a motif, before negatives, as `seqcnn encode` does."""
    rng = np.random.default_rng(0)
    with DatasetWriter(path, "dna", ["bound"]) as writer:
        for start in range(0, n, 20_000):
            m = min(20_000, n - start)
            codes = rng.integers(0, 4, (m, length), dtype=np.uint8)
            targets = (np.arange(start, start + m) < n // 2).astype(np.float32)[:, None]
            codes[targets[:, 0] == 1, 7:16] = MOTIF
            names = from_text(f"s{i}" for i in range(start, start + m))
            sequences = Ragged(codes.reshape(-1), offsets_of(np.full(m, length)))
            writer.append(Examples(sequences, names, targets, np.zeros(m, dtype=np.uint8)))
        writer.finish({})
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("blocks") / "data.h5", 2000)


LEARNING = ["--epochs", 4, "--members", 1, "--n-filters", 8, "--kernel-size", 9, "--threads", 1, "--test-fraction", 0.2]


def test_it_learns_as_well_as_in_memory(data: Path, shell: Shell, tmp_path: Path) -> None:
    for where in ("--stream", "--in-memory"):
        done = shell("train", data, where, "-o", tmp_path / where, *LEARNING)
        assert done.code == 0, done.err
        record = json.loads((tmp_path / where / "run.json").read_text())
        metrics = json.loads((tmp_path / where / "metrics.json").read_text())
        assert metrics["test"]["bound"]["auroc"]["value"] > 0.95
        assert metrics["test"]["bound"]["n"] == record["counts"]["split: test"]
        assert sum(record["counts"][f"split: {part}"] for part in ("train", "valid", "test")) == 2000
        assert record["in_memory"] is (where == "--in-memory")
        assert ("read in blocks" in done.err) is (where == "--stream")
        said = "near-duplicates are not looked for; --in-memory looks for them"
        assert (said in done.err) is (said in str(record["notes"])) is (where == "--stream")
        model = shell("info", tmp_path / where)
        assert "both" in model.out
    assert shell("predict", tmp_path / "--stream", data).code == 0


def test_it_goes_on_where_it_was(data: Path, shell: Shell, tmp_path: Path) -> None:
    """With the same bits."""
    whole = tmp_path / "whole"
    assert shell("train", data, "--stream", "-o", whole, "--seed", 3, *SMALL).code == 0
    again = tmp_path / "again"
    assert shell("train", data, "--stream", "-o", again, "--seed", 3, "--resume", *SMALL).code == 0
    assert (whole / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()
    done = shell("train", data, "--stream", "-o", again, "--seed", 3, "--resume", *SMALL)
    assert done.code == 0
    assert "nothing left to do" in done.err


@pytest.mark.parametrize(("free", "in_blocks"), [(10_000, True), (1 << 40, False), (None, False)])
def test_by_the_free_memory(
    free: int | None, in_blocks: bool, data: Path, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "available_memory", lambda: free)
    done = shell("train", data, "-o", tmp_path / "run", *SMALL)
    assert done.code == 0
    assert ("of memory, and 0.0 GB are free: it is read in blocks (--stream)" in done.err) is in_blocks
    assert json.loads((tmp_path / "run" / "run.json").read_text())["in_memory"] is not in_blocks


def test_what_is_not_read_in_blocks_whatever_its_size(
    inputs: Inputs, data: Path, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "available_memory", lambda: 1)
    for i, words in enumerate(([inputs.table], [data, inputs.table], [data, "--folds", 2], [data, "--in-memory"])):
        done = shell("train", *words, "-o", tmp_path / str(i), *SMALL)
        assert done.code == 0, done.err
        assert "in blocks" not in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{table}"], "--stream reads one encoded dataset; make one: seqcnn encode DATA -o DATA.h5"),
        (["{data}", "{data}"], "--stream reads one encoded dataset"),
        (["{data}", "--folds", "3"], "--stream goes with none of --folds, --negatives and --prepare"),
        (["{data}", "--negatives", "dinucleotide"], "--stream goes with none of --folds, --negatives and --prepare"),
        (["{data}", "--split-file", "{table}"], "--split-file needs all examples in memory: say --in-memory"),
        (["{data}", "--valid-chroms", "chr1"], "a split by chromosome needs regions"),
        (["{data}", "--kernel-size", "60"], "the longest sequence has 50 bp, less than a filter (60 bp)"),
        (["{data}", "--task", "multiclass"], "classes"),
        (["{data}", "--target-column", "bound"], "--target-column is for tables"),
        (["{data}", "--alphabet", "rna"], "holds DNA, but is to be read as RNA"),
    ],
)
def test_what_cannot_be(
    words: list[str], message: str, data: Path, inputs: Inputs, shell: Shell, tmp_path: Path
) -> None:
    given = [word.format(data=data, table=inputs.table) for word in words]
    done = shell("train", "--stream", "-o", tmp_path / "run", *SMALL, *given)
    assert done.code in (1, 2)
    assert message in done.err
    assert len(done.err.splitlines()) <= 2


def test_one_class_alone(shell: Shell, tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d.h5", "dna", ["bound"]) as writer:
        sequences = Ragged(np.zeros(500, dtype=np.uint8), offsets_of(np.full(10, 50)))
        ones = np.ones((10, 1), dtype=np.float32)
        writer.append(Examples(sequences, from_text("" for _ in range(10)), ones, np.zeros(10, dtype=np.uint8)))
        writer.finish({})
    done = shell("train", tmp_path / "d.h5", "--stream", "-o", tmp_path / "run", "--task", "binary", *SMALL)
    assert done.code == 1
    assert "all training examples of target 1 are positive (one class only)" in done.err


def peak(path: Path, folder: Path) -> float:
    """Train in a process of its own; return its peak memory, MB."""
    words = ["train", path, "--stream", "-o", folder, "--epochs", 1, "--batch-size", 512, "--valid-fraction", 0.01]
    small = ["--members", 1, "--n-filters", 4, "--kernel-size", 9, "--hidden", 0, "--threads", 1, "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "seqcnn", *map(str, [*words, *small])])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_dataset(tmp_path: Path) -> None:
    """Once there is more than is mixed at a time, 16 million letters: 60 MB more data take no more memory."""
    small, large = write(tmp_path / "small.h5", 200_000, 100), write(tmp_path / "large.h5", 800_000, 100)
    grown = large.stat().st_size - small.stat().st_size
    peaks = [peak(path, tmp_path / path.stem) for path in (small, large)]
    assert grown > 60e6
    assert peaks[1] - peaks[0] < 35, peaks

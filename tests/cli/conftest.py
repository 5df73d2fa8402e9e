"""A shell in this process, small inputs of every kind, and models trained on them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from seqcnn.cli.main import run
from tests.conftest import few_resamples

BASES = "ACGT"
MOTIF = "TGACTCATC"
SMALL = ["--epochs", "2", "--members", "1", "--n-filters", "4", "--kernel-size", "9", "--threads", "1"]
"""Training options that make a run take well under a second."""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """Lines of standard output, split by tabs, without the header."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]

    @property
    def header(self) -> list[str]:
        """First line of standard output, split by tabs."""
        return self.out.splitlines()[0].split("\t")


Shell = Callable[..., Result]


def call(*arguments: object, stdin: bytes = b"") -> Result:
    """Run a command in this process, to save the start-up time."""
    written = io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(to, encoding="utf-8", write_through=True) for to in written]
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(streams[0]))
        stack.enter_context(redirect_stderr(streams[1]))
        stack.enter_context(mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))))
        code = run([str(argument) for argument in arguments])
    out, err = (to.getvalue().decode() for to in written)
    return Result(code, out, err)


RUN_FILES = {"model.safetensors", "history.tsv", "metrics.json", "run.json"}
CALIBRATION_FILES = RUN_FILES | {"trials.tsv", "trials.png", "trials"}


class Run:
    """A finished run."""

    def __init__(self, folder: Path, done: Result) -> None:
        self.folder, self.done = folder, done

    def _read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / name).read_text())
        return found

    @property
    def record(self) -> dict[str, Any]:
        return self._read("run.json")

    @property
    def options(self) -> dict[str, Any]:
        found: dict[str, Any] = self.record["options"]
        return found

    @property
    def metrics(self) -> dict[str, Any]:
        return self._read("metrics.json")

    @property
    def model(self) -> bytes:
        return (self.folder / "model.safetensors").read_bytes()

    @property
    def weights(self) -> dict[str, Any]:
        from safetensors.torch import load_file

        return load_file(self.folder / "model.safetensors")

    @property
    def filters(self) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = self.weights["filters"].numpy()
        return found

    @property
    def history(self) -> list[dict[str, str]]:
        with open(self.folder / "history.tsv") as file:
            return list(csv.DictReader(file, delimiter="\t"))


def run_anew(parent: Path, *words: object, **streams: Any) -> Run:
    """Train or calibrate in a new folder; it is left with the files of such a run."""
    folder = parent / f"run{sum(1 for path in parent.glob('run*'))}"
    done = call(*words, "-o", folder, **streams)
    assert done.code == 0, done.err
    assert done.out == ""
    assert {path.name for path in folder.iterdir()} == (CALIBRATION_FILES if words[0] == "calibrate" else RUN_FILES)
    return Run(folder, done)


@pytest.fixture(autouse=True)
def quick_intervals() -> Iterator[None]:
    with few_resamples():
        yield


@pytest.fixture(scope="session")
def shell() -> Shell:
    """Run a command in this process."""
    return call


def draw(n: int, length: int, motif: str = "", seed: int = 0, bases: str = BASES) -> list[str]:
    """Return random sequences, each with the motif somewhere."""
    rng = random.Random(f"{seed} {motif} {length}")
    rows = []
    for _ in range(n):
        letters = rng.choices(bases, k=length)
        at = rng.randrange(length - len(motif) + 1)
        letters[at : at + len(motif)] = motif
        rows.append("".join(letters))
    return rows


def fasta(path: Path, sequences: list[str], prefix: str = "s") -> Path:
    """Write FASTA, compressed if the name says so."""
    text = "".join(f">{prefix}{i}\n{sequence}\n" for i, sequence in enumerate(sequences)).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


@dataclass(frozen=True)
class Inputs:
    """Small inputs: 40 sequences with a motif and 40 without, as every format has them."""

    folder: Path
    positives: Path
    negatives: Path
    labelled: Path
    table: Path
    intensities: Path
    rna: Path
    genome: Path
    peaks: Path


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Write the small inputs; tests must not change them."""
    folder = tmp_path_factory.mktemp("inputs")
    with_motif, without = draw(40, 50, MOTIF), draw(40, 50, seed=1)
    both = [(s, 1) for s in with_motif] + [(s, 0) for s in without]
    rows = [f"row{i}\t{s}\t{y}\t{y + i / 100:.2f}\t{PARTS[i % 10]}\n" for i, (s, y) in enumerate(both)]
    table = folder / "table.tsv"
    table.write_text("name\tsequence\tbound\tsignal\tpart\n" + "".join(rows))
    intensities = folder / "intensities.csv"
    intensities.write_text("sequence,a,b\n" + "".join(f"{s},{y + i / 90},{-y}\n" for i, (s, y) in enumerate(both)))
    labelled = folder / "labelled.fa"
    labelled.write_text("".join(f">x{i} class:{y}\n{s}\n" for i, (s, y) in enumerate(both)))
    peaks = folder / "peaks.bed"
    places = [(f"chr{1 + i % 3}", 300 + 200 * i) for i in range(30)]
    peaks.write_text("".join(f"{c}\t{a}\t{a + 40}\tpeak{i}\t5\t{'+-'[i % 2]}\n" for i, (c, a) in enumerate(places)))
    genome = folder / "genome.fa"
    chroms = draw(3, 8000, seed=4)
    genome.write_text("".join(f">chr{i}\n{s}\n" for i, s in enumerate(chroms, 1)))
    return Inputs(
        folder,
        fasta(folder / "positives.fa", with_motif, "p"),
        fasta(folder / "negatives.fa.gz", without, "n"),
        labelled,
        table,
        intensities,
        fasta(folder / "rna.fa", [s.replace("T", "U") for s in with_motif], "r"),
        genome,
        peaks,
    )


PARTS = ["train"] * 6 + ["valid"] * 2 + ["test"] * 2


@dataclass(frozen=True)
class Runs:
    """Run folders of small models."""

    dna: Path
    rna: Path
    regions: Path
    regression: Path


@pytest.fixture(scope="session")
def runs(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Train one model of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    of = {
        "dna": [inputs.positives, "--negatives", inputs.negatives],
        "rna": [inputs.rna, "--alphabet", "rna"],
        "regions": [inputs.peaks, "--genome", inputs.genome, "--length", 61],
        "regression": [inputs.intensities, "--target-column", "a,b"],
    }
    with few_resamples():
        for name, arguments in of.items():
            done = call("train", *arguments, "-o", folder / name, *SMALL)
            assert done.code == 0, done.err
    return Runs(*(folder / name for name in of))

"""Scores of bases from the shell: predict --per-base and scan --per-base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcnn.models.bases import base_scores
from seqcnn.models.modelfile import load
from seqcnn.sequence.ragged import encode_all
from tests.cli.conftest import Inputs, Runs, Shell
from tests.cli.test_encode_bases import SHORT, TINY


@pytest.fixture(scope="module")
def run(inputs: Inputs, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unet") / "run"
    where = [inputs.peaks, "--genome", inputs.genome, "--length", "61", "--bound-bases", "15"]
    done = shell("train", *where, *TINY, *SHORT, "-o", path)
    assert done.code == 0, done.err
    return path


def test_a_line_for_each_base(run: Path, shell: Shell, tmp_path: Path) -> None:
    fasta = tmp_path / "x.fa"
    fasta.write_text(">a\nACGTTGCA\n>b\nGGN\n")
    done = shell("predict", run, fasta, "--per-base", "--threads", "1")
    assert done.code == 0, done.err
    assert done.header == ["name", "position", "base", "score", "probability"]
    assert [row[0] + row[1] + row[2] for row in done.rows] == [
        f"{name}{i}{base}" for name, row in (("a", "ACGTTGCA"), ("b", "GGN")) for i, base in enumerate(row)
    ]
    wanted = base_scores(load(run).network, encode_all(["ACGTTGCA", "GGN"]))[:, 0]
    np.testing.assert_allclose([float(row[3]) for row in done.rows], wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose([float(row[4]) for row in done.rows], 1 / (1 + np.exp(-wanted)), rtol=1e-4)
    assert shell("predict", run, fasta, "--per-base", "--no-head").out == "\n".join(done.out.splitlines()[1:]) + "\n"


def test_bases_of_regions_have_places(run: Path, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    bed = tmp_path / "x.bed"
    bed.write_text("chr1\t1000\t1004\tp\t0\t+\nchr1\t1000\t1004\tm\t0\t-\n")
    done = shell("predict", run, bed, "--genome", inputs.genome, "--length", "4", "--per-base")
    assert done.header == ["name", "chrom", "position", "strand", "base", "score", "probability"]
    letters = inputs.genome.read_text().splitlines()[1][1000:1004]
    complement = str.maketrans("ACGT", "TGCA")
    places = [(row[0], row[2], row[3], row[4]) for row in done.rows]
    assert places[:4] == [("p", str(1000 + i), "+", base) for i, base in enumerate(letters)]
    assert places[4:] == [("m", str(1003 - i), "-", base) for i, base in enumerate(letters.translate(complement)[::-1])]
    scores = [float(row[5]) for row in done.rows]
    np.testing.assert_allclose(scores[:4], scores[:3:-1], atol=1e-5)  # both strands are read


def test_a_track_of_bases(run: Path, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    words = ["scan", run, inputs.genome, "--per-base", "--threads", "1"]
    done = shell(*words, "-o", tmp_path / "t.bedgraph")
    assert done.code == 0, done.err
    assert "every base of 24,000" in done.err
    assert "24,000 scores" in done.err
    lines = [line.split("\t") for line in (tmp_path / "t.bedgraph").read_text().splitlines()]
    assert len(lines) == 24000
    assert [(c, int(a)) for c, a, _, _ in lines[7999:8001]] == [("chr1", 7999), ("chr2", 0)]
    values = np.array([float(line[3]) for line in lines])
    assert values.min() >= 0
    assert values.max() <= 1
    assert shell(*words[:-1], "2", "-o", tmp_path / "t.bw").code == 0  # by two processes
    part = shell(*words, "--shard", "2/3", "--to", "bedgraph", "-o", "-")
    assert part.out.splitlines() == ["\t".join(line) for line in lines[8000:16000]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.bed"], "--per-base makes a track: write bigWig or bedGraph"),
        (["-o", "x.bw", "--length", "30"], "--length has no use with --per-base"),
        (["-o", "x.bw", "--step", "3"], "--step has no use with --per-base"),
    ],
)
def test_what_a_track_of_bases_has_not(words: list[str], said: str, run: Path, inputs: Inputs, shell: Shell) -> None:
    done = shell("scan", run, inputs.genome, "--per-base", *words)
    assert (done.code, said in done.err) == (2, True), done.err


def test_models_that_score_sequences_only(run: Path, runs: Runs, inputs: Inputs, shell: Shell) -> None:
    for words in (["predict", runs.dna, inputs.positives], ["scan", runs.dna, inputs.genome, "-o", "x.bw"]):
        done = shell(*words, "--per-base")
        assert (done.code, "which scores whole sequences" in done.err) == (2, True), done.err
    for other in ("--echo", "--spread"):
        done = shell("predict", run, inputs.positives, "--per-base", other)
        assert done.code == 2
    assert "--echo has no use with --per-base" in shell("predict", run, inputs.positives, "--per-base", "--echo").err

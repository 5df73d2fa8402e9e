"""`seqcnn predict`: a row out for each row in, the same numbers however it is run."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from seqcnn.models.modelfile import load
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import encode_all
from tests.cli.conftest import Inputs, Runs, Shell, draw, fasta


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sequences of many lengths, shorter than a filter and empty ones too."""
    rows = [s for n in (1, 5, 9, 30, 31, 100, 400) for s in draw(30, n)]
    rows[10:10] = ["", "NNNN", "acgtnnryACGT"]
    return fasta(tmp_path_factory.mktemp("mixed") / "mixed.fa", rows[::-1] + rows[::3])


def test_rows_out_are_rows_in(mixed: Path, runs: Runs, shell: Shell) -> None:
    done = shell("predict", runs.dna, mixed)
    assert done.code == 0
    assert done.header == ["name", "score", "probability"]
    headers = [line[1:] for line in mixed.read_text().splitlines() if line.startswith(">")]
    assert [row[0] for row in done.rows] == headers
    texts = mixed.read_text().split(">")[1:]
    for row, text in zip(done.rows, texts, strict=True):
        score, probability = float(row[1]), float(row[2])
        assert math.isnan(score) == math.isnan(probability) == (text.split("\n")[1] == "")
        if not math.isnan(score):
            assert probability == pytest.approx(1 / (1 + math.exp(-score)), rel=1e-4)
    assert "1 empty sequences" in done.err


@pytest.mark.parametrize("size", [1, 2, 7, 100, 4096])
def test_any_batch_size_gives_the_same_numbers(size: int, mixed: Path, runs: Runs, shell: Shell) -> None:
    assert shell("predict", runs.dna, mixed, "--batch-size", size).out == shell("predict", runs.dna, mixed).out


def test_any_number_of_threads_gives_the_same_numbers(mixed: Path, runs: Runs, shell: Shell) -> None:
    one, two = (shell("predict", runs.dna, mixed, "--threads", n) for n in (1, 2))
    assert one.out == two.out


def test_the_same_sequence_scores_the_same_anywhere(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    rows = draw(20, 60, seed=8)
    together = shell("predict", runs.dna, fasta(tmp_path / "a.fa", rows + draw(50, 200))).rows[:20]
    alone = [shell("predict", runs.dna, "-", stdin=f">s{i}\n{s}\n".encode()).rows[0] for i, s in enumerate(rows)]
    assert together == alone


def test_both_strands_score_the_same(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    rows = draw(20, 60, seed=8)
    reverse = [s[::-1].translate(str.maketrans("ACGT", "TGCA")) for s in rows]
    out = [shell("predict", runs.dna, fasta(tmp_path / f"{len(x[0])}.fa", x)).rows for x in (rows, reverse)]
    for (_, a, _), (_, b, _) in zip(*out, strict=True):
        assert float(a) == pytest.approx(float(b), abs=1e-5)


def test_inputs_of_every_kind(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    text = inputs.positives.read_bytes()
    once = shell("predict", runs.dna, inputs.positives)
    assert shell("predict", runs.dna / "model.safetensors", inputs.positives).out == once.out
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(text, mtime=0))
    assert shell("predict", runs.dna, packed).out == once.out
    assert shell("predict", runs.dna, "-", stdin=text).out == once.out
    assert shell("predict", runs.dna, "-", stdin=packed.read_bytes()).out == once.out
    several = shell("predict", runs.dna, inputs.positives, "-", inputs.negatives, stdin=text)
    last = shell("predict", runs.dna, inputs.negatives)
    assert several.rows == once.rows * 2 + last.rows
    lower = text.decode().replace("A", "a").replace("T", "U").encode()
    assert [row[1:] for row in shell("predict", runs.dna, "-", stdin=lower).rows] == [row[1:] for row in once.rows]
    records = text.decode().split(">")[1:]
    fastq = "".join(f"@{r.split()[0]}\n{r.split()[1]}\n+\n{'I' * len(r.split()[1])}\n" for r in records)
    assert shell("predict", runs.dna, "-", stdin=fastq.encode()).out == once.out
    encoded = tmp_path / "x.h5"
    assert shell("encode", inputs.positives, "--negatives", "none", "-o", encoded).code == 0
    assert shell("predict", runs.dna, encoded).out == once.out
    assert shell("predict", runs.dna, encoded, "--format", "h5", "--alphabet", "dna").out == once.out


def test_table_options(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    once = shell("predict", runs.dna, inputs.positives)
    table = shell("predict", runs.dna, inputs.table)
    assert [row[1:] for row in table.rows[:40]] == [row[1:] for row in once.rows]
    assert table.rows[0][0] == "row0"
    assert shell("predict", runs.dna, inputs.table, "--name-column", "part").rows[6][0] == "valid"
    assert shell("predict", runs.dna, inputs.table, "--sequence-column", "2").out == table.out
    bare = tmp_path / "bare.txt"
    bare.write_text("".join(f"{s}\n" for s in draw(3, 30)))
    assert len(shell("predict", runs.dna, bare, "--no-header").rows) == 3
    assert len(shell("predict", runs.dna, bare, "--header", "--sequence-column", "1").rows) == 2
    assert len(shell("predict", runs.dna, bare, "--format", "table").rows) == 3


def test_regions(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell("predict", runs.regions, inputs.peaks, "--genome", inputs.genome)
    assert done.header == ["name", "chrom", "start", "end", "strand", "score", "probability"]
    peaks = [line.split("\t") for line in inputs.peaks.read_text().splitlines()]
    assert [(r[0], r[1], r[4]) for r in done.rows] == [(p[3], p[0], p[5]) for p in peaks]
    assert {int(r[3]) - int(r[2]) for r in done.rows} == {61}
    assert "windows of 61 bp, as in training" in done.err
    other = shell("predict", runs.regions, inputs.peaks, "--genome", inputs.genome, "--length", 41)
    assert {int(r[3]) - int(r[2]) for r in other.rows} == {41}
    assert [r[5] for r in other.rows] != [r[5] for r in done.rows]


def test_several_targets(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell("predict", runs.regression, inputs.intensities)
    assert done.header == ["name", "a", "b"]
    assert len(done.rows) == 80


def test_several_binary_targets(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    lines = inputs.table.read_text().splitlines()[1:]
    table = tmp_path / "two.tsv"
    table.write_text("sequence\tx\ty\n" + "".join(f"{c[1]}\t{c[2]}\t{len(c[0]) % 2}\n" for c in map(str.split, lines)))
    run = tmp_path / "run"
    small = ["--epochs", 1, "--members", 1, "--n-filters", 2]
    assert shell("train", table, "--target-column", "x,y", "-o", run, *small).code == 0
    assert shell("predict", run, inputs.positives).header == ["name", "x", "x_probability", "y", "y_probability"]


def test_rna(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell("predict", runs.rna, inputs.rna)
    assert done.code == 0
    assert shell("predict", runs.rna, inputs.rna, "--alphabet", "rna").out == done.out
    assert shell("predict", runs.rna, inputs.rna, "--alphabet", "dna").code == 2


def test_output_and_messages(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    once = shell("predict", runs.dna, inputs.positives)
    path = tmp_path / "new" / "scores.tsv"
    done = shell("predict", runs.dna, inputs.positives, "-o", path)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"wrote {path}: 40 sequences\n"
    assert path.read_text() == once.out
    assert shell("predict", runs.dna, inputs.negatives, "-o", path).code == 1
    assert path.read_text() == once.out
    assert shell("predict", runs.dna, inputs.negatives, "-o", path, "--force", "--quiet").err == ""
    assert path.read_text() != once.out
    packed = path.with_suffix(".tsv.gz")
    assert shell("predict", runs.dna, inputs.positives, "-o", packed).code == 0
    assert gzip.decompress(packed.read_bytes()).decode() == once.out
    emoji = tmp_path / "d:a:x" / "s:x:.tsv"
    assert f"wrote {emoji}: 40" in shell("predict", runs.dna, inputs.positives, "-o", emoji).err
    verbose = shell("predict", runs.dna, inputs.positives, "--verbose", "--device", "cpu", "--threads", 1)
    assert verbose.out == once.out
    assert "device cpu (1 thread)" in verbose.err
    assert once.err == ""


def test_spread_is_the_standard_deviation_over_members(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    options = ["--epochs", "2", "--members", "3", "--n-filters", "4", "--kernel-size", "9", "--threads", "1"]
    assert shell("train", inputs.positives, "-o", tmp_path / "run", *options).code == 0
    rows = [*draw(20, 60), ""]
    path = fasta(tmp_path / "some.fa", rows)
    plain, result = (shell("predict", tmp_path / "run", path, *more) for more in ([], ["--spread"]))
    assert result.header == [*plain.header, "score_sd"]
    assert [row[:-1] for row in result.rows] == plain.rows
    each = member_scores(load(tmp_path / "run").network, encode_all(rows[:-1]))[:, :, 0]
    assert [float(row[-1]) for row in result.rows[:-1]] == pytest.approx(each.std(0).tolist(), rel=1e-4)
    assert result.rows[-1][-1] == "nan"


def test_spread_of_one_member(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    result = shell("predict", runs.dna, inputs.positives, "--spread")
    assert result.code == 2
    assert "--spread needs an ensemble, but the model has one member" in result.err

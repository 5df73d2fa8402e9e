"""`seqcnn scan`: tracks and hits, against predict on the windows."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seqcnn.models import modelfile, published
from tests.cli.conftest import Inputs, Runs, Shell, fasta
from tests.models.test_published import SHAPES, draw


def read_bedgraph(text: str) -> dict[tuple[str, int], tuple[int, float]]:
    rows = [line.split("\t") for line in text.splitlines()]
    return {(chrom, int(a)): (int(b), float(score)) for chrom, a, b, score in rows}


def letters(path: Path) -> dict[str, str]:
    return {part.split("\n")[0]: "".join(part.split("\n")[1:]) for part in path.read_text().split(">")[1:]}


def predicted(shell: Shell, model: Path, windows: list[str], tmp_path: Path, *more: str) -> list[float]:
    return [float(row[1]) for row in shell("predict", model, fasta(tmp_path / "w.fa", windows), *more).rows]


@pytest.mark.parametrize("rule", ["whole", "window"])
@pytest.mark.parametrize("step", [1, 10])
def test_bedgraph(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path, step: int, rule: str) -> None:
    done = shell("scan", runs.regions, inputs.genome, "-o", tmp_path / "t.bedgraph", "--step", step, "--rule", rule)
    assert done.code == 0, done.err
    length = 61 if rule == "whole" else 9
    found = read_bedgraph((tmp_path / "t.bedgraph").read_text())
    chroms = letters(inputs.genome)
    starts = list(range(0, 8000 - length + 1, step))
    assert set(found) == {(chrom, start + length // 2) for chrom in chroms for start in starts}
    some = [("chr2", start) for start in starts[:: max(1, len(starts) // 40)] + starts[-1:]]
    scores = predicted(shell, runs.regions, [chroms[c][s : s + length] for c, s in some], tmp_path, "--rule", rule)
    for (chrom, start), score in zip(some, scores, strict=True):
        end, value = found[chrom, start + length // 2]
        assert end == min(start + length // 2 + step, 8000)
        assert value == pytest.approx(score, abs=1e-4)


def test_bigwig(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    reader = pytest.importorskip("pyBigWig")
    shell("scan", runs.regions, inputs.genome, "-o", tmp_path / "t.bedgraph", "--length", 40)
    done = shell("scan", runs.regions, inputs.genome, "-o", tmp_path / "t.bw", "--length", 40, "-v")
    assert done.code == 0, done.err
    assert "windows of 40 bp, every 1 bp of 24,000" in done.err
    assert "Mb/s, with writing" in done.err
    found = read_bedgraph((tmp_path / "t.bedgraph").read_text())
    with reader.open(str(tmp_path / "t.bw")) as file:
        assert file.chroms() == dict.fromkeys(("chr1", "chr2", "chr3"), 8000)
        for chrom in file.chroms():
            values = file.values(chrom, 0, 8000, numpy=True)
            assert np.count_nonzero(~np.isnan(values)) == 8000 - 39
            for start in range(20, 7900, 371):
                assert values[start] == pytest.approx(found[chrom, start][1], abs=1e-4)
    assert shell("scan", runs.regions, inputs.genome, "-o", tmp_path / "t.bw").code == 1


def test_standard_output_chromosomes_and_shards(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    words = ["scan", runs.regions, inputs.genome, "-o", "-", "--to", "bedgraph", "--chroms", "chr3,1", "--step", 7]
    whole = shell(*words)
    assert {chrom for chrom, _ in read_bedgraph(whole.out)} == {"chr1", "chr3"}
    parts = [shell(*words, "--shard", f"{i}/3") for i in (1, 2, 3)]
    joined = read_bedgraph("".join(part.out for part in parts))
    assert joined.keys() == read_bedgraph(whole.out).keys()
    assert all(joined[key][1] == pytest.approx(value[1], abs=1e-5) for key, value in read_bedgraph(whole.out).items())
    assert len(parts[1].out) == pytest.approx(len(whole.out) / 3, rel=0.1)


def test_chromosomes_under_other_names_are_said(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    words = ["scan", runs.regions, inputs.genome, "-o", "-", "--to", "bedgraph", "--step", 50]
    other, same = shell(*words, "--chroms", "1"), shell(*words, "--chroms", "chr1")
    assert other.out == same.out
    assert "in the options" in other.err
    assert "in the options" not in same.err


def test_counts_are_of_what_is_there(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """Letters that are read more than once, for null windows and strands, count once."""
    text = ("ACGTTGCATTGACCA" * 40)[:590] + "RYRYR" + "ACGAT" * 20
    genome = tmp_path / "g.fa"
    genome.write_text(f">a\n{text}\n>b\n{text[:300]}{'N' * 100}{text[:40]}\n")
    for words in (["--threshold", "p=0.05"], ["--threshold", "top=5"]):
        done = shell("scan", runs.regions, genome, "-o", tmp_path / "h.bed", "--force", *words)
        assert done.code == 0, done.err
        assert "\n5 ambiguous letters read as N\n" in done.err
        assert f"wrote {tmp_path / 'h.bed'}: {len(read_bed((tmp_path / 'h.bed').read_text()))} hits" in done.err
    done = shell("scan", runs.regions, genome, "-o", tmp_path / "t.bedgraph")
    assert f"{len((tmp_path / 't.bedgraph').read_text().splitlines())} scores" in done.err


def test_a_step_longer_than_the_genome(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    reader = pytest.importorskip("pyBigWig")
    for step in (5000, 10_000, 1_000_000_000):
        words = ["scan", runs.regions, inputs.genome, "--step", step, "-o"]
        done = shell(*words, tmp_path / f"{step}.bw")
        assert done.code == 0, done.err
        wanted = read_bedgraph(shell(*words, "-", "--to", "bedgraph").out)
        with reader.open(str(tmp_path / f"{step}.bw")) as file:
            found = {(chrom, a): (b, value) for chrom in file.chroms() for a, b, value in file.intervals(chrom)}
        assert found.keys() == wanted.keys()
        assert all(found[key] == pytest.approx(value, abs=1e-5) for key, value in wanted.items())


def test_inputs_are_not_replaced(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    genome = tmp_path / "g.fa"
    genome.write_bytes(inputs.genome.read_bytes())
    for command in (
        ["scan", runs.regions, genome, "--to", "bedgraph"],
        ["predict", runs.regions, genome],
        ["encode", genome],
    ):
        done = shell(*command, "-o", genome, "--force")
        assert (done.code, "g.fa: is an input, and would be lost" in done.err) == (1, True), done.err
    assert genome.read_bytes() == inputs.genome.read_bytes()


def test_soft_mask(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    text = "ACGTTGCATT" * 40
    (tmp_path / "soft.fa").write_text(f">a\n{text[:150]}{text[150:250].lower()}{text[250:]}\n")
    (tmp_path / "hard.fa").write_text(f">a\n{text[:150]}{'N' * 100}{text[250:]}\n")
    words = ["-o", "-", "--to", "bedgraph"]
    hard = shell("scan", runs.regions, tmp_path / "hard.fa", *words)
    assert "40 windows of N alone left out" in hard.err
    assert shell("scan", runs.regions, tmp_path / "soft.fa", "--soft-mask", *words).out == hard.out
    assert shell("scan", runs.regions, tmp_path / "soft.fa", *words).out != hard.out


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    modelfile.save(
        published.build({f"D{i}": draw(i, **shape) for i, shape in enumerate(SHAPES[:3])}, {}), tmp_path / "c"
    )
    return tmp_path / "c"


def test_tracks_of_several_targets(collection: Path, runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("scan", collection, inputs.genome, "--to", "bedgraph", "-o", tmp_path / "tracks")
    assert done.code == 0, done.err
    names = [f"D{i}.bedgraph" for i in range(3)]
    assert sorted(path.name for path in (tmp_path / "tracks").iterdir()) == [*names, "run.json"]
    record = json.loads((tmp_path / "tracks" / "run.json").read_text())
    assert record["files"] == names
    assert record["counts"]["windows"] == 3 * (8000 - 4)
    one = shell("scan", collection, inputs.genome, "--to", "bedgraph", "-o", "-", "--targets", "D1")
    assert one.out == (tmp_path / "tracks" / "D1.bedgraph").read_text()
    (tmp_path / "tracks" / "own.bedgraph").write_text("of somebody else\n")
    fewer = ["--to", "bigwig", "-o", tmp_path / "tracks", "--force", "--targets", "D0,D2"]
    assert shell("scan", collection, inputs.genome, *fewer).code == 0
    files = {path.name for path in (tmp_path / "tracks").iterdir()}
    assert files == {"D0.bw", "D2.bw", "own.bedgraph", "run.json"}
    both = shell("scan", runs.regions, collection, inputs.genome, "--to", "bigwig", "-o", tmp_path / "t2")
    assert both.code == 0, both.err
    files = {path.name for path in (tmp_path / "t2").iterdir()}
    assert files == {"regions.bw", "c.D0.bw", "c.D1.bw", "c.D2.bw", "run.json"}
    hits = shell("scan", collection, inputs.genome, "-o", "-", "--to", "bed", "--threshold", "top=3")
    assert sorted(row.split("\t")[3] for row in hits.out.splitlines()) == ["D0"] * 3 + ["D1"] * 3 + ["D2"] * 3


def read_bed(text: str) -> list[tuple[str, int, int, str, float, str]]:
    rows = [line.split("\t") for line in text.splitlines()]
    return [(c, int(a), int(b), name, float(score), strand) for c, a, b, name, score, strand in rows]


def test_hits(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    track = read_bedgraph(shell("scan", runs.regions, inputs.genome, "-o", "-", "--to", "bedgraph").out)
    threshold = float(np.quantile([value for _, value in track.values()], 0.98))
    done = shell("scan", runs.regions, inputs.genome, "-o", tmp_path / "h.bed", "--threshold", threshold)
    assert done.code == 0, done.err
    hits = read_bed((tmp_path / "h.bed").read_text())
    assert f"{len(hits)} hits of target" in done.err
    assert hits == sorted(hits, key=lambda hit: hit[:2])
    for chrom, start, end, name, score, strand in hits:
        assert (end - start, name) == (61, "target")
        assert score == pytest.approx(track[chrom, start + 30][1], abs=1e-4)
        assert score >= threshold - 1e-4
        assert strand in "+-"
    for a, b in pairwise(hits):
        assert a[0] != b[0] or b[1] - a[1] >= 61
    every = read_bed(
        shell("scan", runs.regions, inputs.genome, "-o", "-", "--to", "bed", "--threshold", threshold, "--overlaps").out
    )
    assert len(every) == pytest.approx(sum(value >= threshold for _, value in track.values()), abs=2)
    assert {hit[:2] for hit in hits} <= {hit[:2] for hit in every}
    top = read_bed(shell("scan", runs.regions, inputs.genome, "-o", "-", "--to", "bed", "--threshold", "top=4").out)
    assert sorted(hit[4] for hit in top) == pytest.approx(sorted(hit[4] for hit in hits)[-4:], abs=1e-4)


def test_hits_by_a_null(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    words = ["scan", runs.regions, inputs.genome, "-o", "-", "--to", "bed", "--rule", "window", "--overlaps"]
    done = shell(*words, "--threshold", "p=0.01", "--null", "genome")
    n = 3 * (8000 - 8)
    assert f"at p = 0.01, of {n:,} null windows" in done.err
    assert len(read_bed(done.out)) == pytest.approx(n / 100, rel=0.05)
    shuffled = shell(*words, "--threshold", "p=0.01", "--seed", 1)
    assert "of 200,000 null windows" in shuffled.err
    assert n / 200 < len(read_bed(shuffled.out)) < n / 50
    assert shell(*words, "--threshold", "p=0.01", "--seed", 2).out != shuffled.out


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["-o", "x.txt"], 2, "end it in .bw, .bedgraph or .bed, or say --to"),
        (["-o", "-", "--to", "bigwig"], 2, "a bigWig file cannot be written to a pipe"),
        (["-o", "x.bw", "--threshold", "3"], 2, "--threshold is for hits: write a .bed file"),
        (["-o", "x.bw", "--null", "genome"], 2, "--null is for hits"),
        (["-o", "x.bw", "--overlaps"], 2, "--overlaps is for hits"),
        (["-o", "x.bed", "--threshold", "3", "--null", "genome"], 2, "--null is for --threshold p=P"),
        (["-o", "x.bed", "--threshold", "often"], 2, "--threshold often: say a score"),
        (["-o", "x.bed", "--threshold", "top=5", "--shard", "1/2"], 2, "--shard: top=N and --null genome need"),
        (["-o", "x.bw", "--shard", "3/2"], 2, "'3/2' is not I/N with I from 1 to N"),
        (["-o", "x.bw", "--shard", ""], 2, "'' is not I/N"),
        (["-o", "x.bed", "--threshold", ""], 2, "--threshold : say a score, p=P"),
        (["-o", "x.bw", "--threshold", ""], 2, "--threshold is for hits"),
        (["-o", "x.bw", "--to", "bed"], 2, "--output x.bw is a name of bigwig, but --to says bed"),
        (["-o", "x.bw.gz"], 2, "a bigWig file is not compressed as a whole"),
        (["-o", "x.bw", "--seed", "1"], 2, "--seed has no use here: it draws the shuffled stretches"),
        (["-o", "x.bw", "--shard", "half"], 2, "'half' is not I/N"),
        (["-o", "x.bw", "--chroms", "chr9"], 1, "has no chromosome chr9; it has chr1, chr2, chr3 and so on"),
        (["-o", "x.bw", "--targets", "b"], 2, "no model here has a target 'b'"),
    ],
)
def test_refused(
    arguments: list[str],
    code: int,
    reason: str,
    inputs: Inputs,
    runs: Runs,
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = shell("scan", runs.regions, inputs.genome, *arguments)
    assert (done.code, reason in done.err) == (code, True), done.err
    assert list(tmp_path.iterdir()) == []


def test_refused_models(collection: Path, inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    assert "name a model and a genome FASTA" in shell("scan", inputs.genome, "-o", tmp_path / "x.bw").err
    assert (
        "say how long windows are with --length" in shell("scan", runs.dna, inputs.genome, "-o", tmp_path / "x.bw").err
    )
    twice = shell("scan", runs.regions, runs.regions, inputs.genome, "-o", tmp_path / "x.bw", "--length", 20)
    assert "two models are named 'regions'" in twice.err
    several = shell("scan", collection, inputs.genome, "-o", tmp_path / "x.bw")
    assert (several.code, "there are 3 tracks, a file each: name a folder" in several.err) == (2, True)
    piped = shell("scan", collection, inputs.genome, "-o", "-", "--to", "bedgraph")
    assert (piped.code, "there are 3 tracks; choose one with --targets" in piped.err) == (2, True)
    idle = shell("scan", collection, inputs.genome, "-o", tmp_path / "y", "--to", "bed", "--length", 30)
    assert (idle.code, "--length has no use" in idle.err) == (2, True)


def test_short_sequences(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(f">a\nACGT\n>b\n{'ACGTA' * 20}\n")
    done = shell("scan", runs.regions, tmp_path / "g.fa", "-o", tmp_path / "t.bedgraph")
    assert "1 sequences are shorter than a window: no scores" in done.err
    assert {chrom for chrom, _ in read_bedgraph((tmp_path / "t.bedgraph").read_text())} == {"b"}
    (tmp_path / "short.fa").write_text(">a\nACGT\n>b\nACGTT\n")
    for kind in ("bedgraph", "bw", "bed"):
        done = shell("scan", runs.regions, tmp_path / "short.fa", "-o", tmp_path / f"none.{kind}")
        assert done.code == 1
        assert "short.fa: all sequences are shorter than a window, 61 bp" in done.err
        assert not (tmp_path / f"none.{kind}").exists()

"""`seqcnn variants`: against predict on sequences that are cut and changed as strings."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from cyvcf2 import VCF, Writer

import seqcnn
from seqcnn.formats.bgzf import END
from tests.cli.conftest import Inputs, Runs, Shell, call

LENGTH = 61
"""Of the windows that the model of regions was trained on."""
HEAD = [
    "##fileformat=VCFv4.2",
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">',
    "##contig=<ID=chr1,length=8000>",
    "##contig=<ID=chr2,length=8000>",
    "##contig=<ID=chr3,length=8000>",
    '##odd line of a tool=kept "as" it is',
]
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
FEW = ["--null-size", "50", "--threads", "1"]

Row = tuple[str, int, str, str]
"""Chromosome, position from 1, REF, ALT."""


def letters(path: Path) -> dict[str, str]:
    return {part.split("\n")[0]: "".join(part.split("\n")[1:]) for part in path.read_text().split(">")[1:]}


def write_vcf(path: Path, rows: Sequence[Row], head: Sequence[str] = HEAD) -> Path:
    lines = [f"{c}\t{p}\tv{i}\t{r}\t{a}\t30.50\tq10;s50\tAC=1" for i, (c, p, r, a) in enumerate(rows)]
    path.write_text("\n".join([*head, COLUMNS, *lines, ""]))
    return path


def substitutions(genome: dict[str, str], places: Sequence[tuple[str, int]]) -> list[Row]:
    rows = []
    for chrom, position in places:
        ref = genome[chrom][position - 1]
        rows.append((chrom, position, ref, "ACGT"[("ACGT".index(ref) + 1 + position % 3) % 4]))
    return rows


def alleles(genome: dict[str, str], row: Row, alt: str, before: int = 30, after: int = 30) -> tuple[str, str]:
    """Return the sequences of both alleles, by strings: shared letters off, those at the end first; equal flanks."""
    chrom, position, ref, _ = row
    start = position - 1
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    text = genome[chrom]
    left, right = text[max(0, start - before) : start], text[start + len(ref) : start + len(ref) + after]
    return left + ref + right, left + alt + right


def info(path: Path) -> list[dict[str, str]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [line.split("\t") for line in text.decode().splitlines() if not line.startswith("#")]
    return [dict(entry.split("=") for entry in line[7].split(";") if "=" in entry) for line in lines]


def numbers(path: Path, name: str) -> list[list[float]]:
    return [
        [float(value) if value != "." else np.nan for value in entry[name].split(",")] if name in entry else []
        for entry in info(path)
    ]


@pytest.fixture(scope="module")
def genome(inputs: Inputs) -> dict[str, str]:
    return letters(inputs.genome)


@pytest.fixture
def variety(genome: dict[str, str]) -> list[Row]:
    """Every kind of allele that is scored: also at the first and the last base, and at the edges of windows."""
    one, two, three = (genome[f"chr{i}"] for i in (1, 2, 3))

    def other(letter: str, step: int = 1) -> str:
        return "ACGT"[("ACGT".index(letter) + step) % 4]

    return [
        ("chr1", 1, one[0], other(one[0])),
        ("chr1", 1, one[0], one[0] + "GATTACA"),
        ("chr1", 2, one[1], other(one[1], 2)),
        ("chr1", 31, one[30], other(one[30])),
        ("chr1", 100, one[99], f"{other(one[99])},{other(one[99], 2)},{one[99]}TGACTCATC"),
        ("chr1", 200, one[199:205], one[199]),
        ("chr1", 300, one[299:302], other(one[299]) + one[300] + other(one[301])),
        ("chr1", 400, one[399:402], one[399] + other(one[400]) + one[401]),
        ("chr2", 500, two[499:540], two[499]),
        ("chr2", 600, two[599], two[599] + "TGACTCATC" * 8),
        ("chr2", 700, two[699:703], "TTGACTCATCAA"),
        ("chr2", 7970, two[7969:7971], two[7969]),
        ("chr3", 7998, three[7997:8000], three[7997]),
        ("chr3", 8000, three[7999], other(three[7999], 3)),
        ("chr3", 8000, three[7999], three[7999] + "TGACTCATC"),
    ]


def test_scores_are_those_of_the_sequences(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str], variety: list[Row]
) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    done = shell("variants", runs.regions, vcf, "--genome", inputs.genome, "-o", tmp_path / "out.vcf", *FEW)
    assert done.code == 0, done.err
    assert "30 bases before the letters that change, 30 after" in done.err
    assert "15 records, 17 alleles scored" in done.err
    model = seqcnn.load(runs.regions)
    reference, alternate, delta, odds = (
        numbers(tmp_path / "out.vcf", f"SEQCNN_{name}") for name in ("REF", "ALT", "DELTA", "LOGODDS")
    )
    for i, row in enumerate(variety):
        for j, alt in enumerate(row[3].split(",")):
            scores = model.predict(list(alleles(genome, row, alt)))[:, 0]
            assert reference[i][j] == pytest.approx(scores[0], rel=1e-5)
            assert alternate[i][j] == pytest.approx(scores[1], rel=1e-5)
            assert delta[i][j] == pytest.approx(scores[1] - scores[0], abs=1e-6)
            assert odds[i][j] == delta[i][j]
    assert max(abs(value) for row in delta for value in row) > 0.01


@pytest.mark.parametrize("length", [9, 20, 101])
def test_length_of_windows(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str], variety: list[Row], length: int
) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = ["--genome", inputs.genome, "--length", length, "-o", tmp_path / "out.vcf", *FEW]
    assert shell("variants", runs.dna, vcf, *given).code == 0
    model = seqcnn.load(runs.dna)
    for row, found in zip(variety, numbers(tmp_path / "out.vcf", "SEQCNN_ALT"), strict=True):
        texts = [alleles(genome, row, alt, length // 2, (length - 1) // 2)[1] for alt in row[3].split(",")]
        np.testing.assert_allclose(found, model.predict(texts)[:, 0], rtol=1e-5)


def test_window_rule_has_all_windows_over_the_variant(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str], variety: list[Row]
) -> None:
    """Its windows are of 9 bp: those with a changed letter in them, and no others."""
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = ["--genome", inputs.genome, "--rule", "window", "-o", tmp_path / "out.vcf", *FEW]
    assert shell("variants", runs.dna, vcf, *given).code == 0
    model = seqcnn.load(runs.dna)
    for row, found in zip(variety, numbers(tmp_path / "out.vcf", "SEQCNN_ALT"), strict=True):
        for alt, value in zip(row[3].split(","), found, strict=True):
            text = alleles(genome, row, alt, 8, 8)[1]
            windows = [text[i : i + 9] for i in range(max(1, len(text) - 8))]
            assert value == pytest.approx(model.predict(windows).max(), rel=1e-5)


def test_all_else_stays_as_it_is(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    lines = vcf.read_text().splitlines()
    sampled = [
        line if line.startswith("##") else line + ("\tFORMAT\tone\ttwo" if line[0] == "#" else "\tGT:DP\t0|1:7\t./.")
        for line in lines
    ]
    vcf.write_text("\n".join(sampled) + "\n")
    assert shell("variants", runs.regions, vcf, "--genome", inputs.genome, "-o", tmp_path / "out.vcf", *FEW).code == 0
    written = (tmp_path / "out.vcf").read_text().splitlines()
    new = [line for line in written if "SEQCNN" in line and line.startswith("##")]
    assert [line for line in written if line.startswith("#") and line not in new] == sampled[: len(HEAD) + 1]
    for before, after in zip(sampled[len(HEAD) + 1 :], written[len(HEAD) + 1 + len(new) :], strict=True):
        ours, theirs = before.split("\t"), after.split("\t")
        assert theirs[7].startswith("AC=1;SEQCNN_REF=")
        assert ours[:7] + ours[8:] == theirs[:7] + theirs[8:]
    ids = {header["ID"]: header for header in VCF(tmp_path / "out.vcf").header_iter() if header.type == "INFO"}
    assert {"SEQCNN_REF", "SEQCNN_ALT", "SEQCNN_DELTA", "SEQCNN_LOGODDS", "SEQCNN_P", "SEQCNN_Z"} < set(ids)
    record = json.loads((tmp_path / "out.vcf.run.json").read_text())
    assert record["counts"]["alleles scored"] == 17
    assert record["inputs"][1]["path"] == str(vcf)


def test_packed_and_indexed(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]) -> None:
    rows = substitutions(genome, [(chrom, p) for chrom in ("chr2", "chr1") for p in range(1, 8000, 5)])
    vcf = write_vcf(tmp_path / "in.vcf", rows)
    given = [runs.regions, vcf, "--genome", inputs.genome, *FEW]
    assert shell("variants", *given, "-o", tmp_path / "out.vcf").code == 0
    assert shell("variants", *given, "-o", tmp_path / "out.vcf.gz").code == 0
    packed = (tmp_path / "out.vcf.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "out.vcf").read_bytes()
    assert packed.endswith(END)
    assert (tmp_path / "out.vcf.gz.tbi").exists()
    found = VCF(tmp_path / "out.vcf.gz")
    assert [(v.CHROM, v.POS) for v in found("chr1:101-120")] == [("chr1", p) for p in (101, 106, 111, 116)]
    assert [(v.CHROM, v.POS) for v in found("chr2:7990-8000")] == [("chr2", 7991), ("chr2", 7996)]
    assert len(list(found("chr2"))) == 1600


def test_unsorted_is_scored_in_its_order(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]
) -> None:
    rows = substitutions(genome, [("chr2", 500), ("chr1", 90), ("chr2", 40)])
    vcf = write_vcf(tmp_path / "in.vcf", rows)
    for name in ("out.vcf.gz", "out.vcf.gz.tbi"):
        (tmp_path / name).write_text("of before")
    given = ["--genome", inputs.genome, "-o", tmp_path / "out.vcf.gz", "--force", *FEW]
    done = shell("variants", runs.regions, vcf, *given)
    assert done.code == 0
    assert "no index: the records are not sorted" in done.err
    assert not (tmp_path / "out.vcf.gz.tbi").exists()
    assert [(v.CHROM, v.POS) for v in VCF(tmp_path / "out.vcf.gz")] == [row[:2] for row in rows]


def test_what_is_not_scored_is_counted(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]
) -> None:
    a, b = genome["chr1"][99], genome["chr1"][199]
    c = "ACGT"[("ACGT".index(a) + 1) % 4]
    rows: list[Row] = [
        ("chr1", 100, a, "."),
        ("chr1", 100, a, f"*,{c}"),
        ("chr1", 100, a, "<DEL>"),
        ("chr1", 100, a, f"{a}[chr2:50["),
        ("chr1", 100, a, f"]chr2:50]{a}"),
        ("chr1", 100, a, f".{a}"),
        ("chr1", 100, a, f"{c}N,R,{a}"),
        ("chr1", 200, "!" + b, b),
        ("chrUn_7", 100, "A", "C"),
        ("chr1", 8001, "A", "C"),
        ("chr1", 0, "N", "A"),
        ("chr1", 100, c, a),
        ("chr1", 101, genome["chr1"][100:600], genome["chr1"][100]),
    ]
    vcf = write_vcf(tmp_path / "in.vcf", rows)
    given = ["--genome", inputs.genome, "--max-allele", 400, *FEW]
    done = shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "out.vcf")
    assert done.code == 0, done.err
    said = {
        "without an alternate allele": 1,
        "* (deleted by another variant)": 1,
        "symbolic, such as <DEL>": 1,
        "breakends": 3,
        "ALT has letters other than A C G T": 2,
        "ALT is REF": 1,
        "REF has characters that are no nucleotides": 1,
        "on a chromosome that the genome does not have": 1,
        "beyond the end of the chromosome": 2,
        "REF is not what the genome has": 1,
        "longer than --max-allele": 1,
    }
    counts = json.loads((tmp_path / "out.vcf.run.json").read_text())["counts"]
    assert {name: counts[f"not scored: {name}"] for name in said} == said
    for name, n in said.items():
        assert f"{n} alleles not scored: {name}" in done.err
    assert "not in the genome" in done.err
    assert "chrUn_7" in done.err
    before = vcf.read_text().splitlines()[len(HEAD) + 1 :]
    after = [line for line in (tmp_path / "out.vcf").read_text().splitlines() if not line.startswith("#")]
    assert [i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [1]
    values = numbers(tmp_path / "out.vcf", "SEQCNN_DELTA")[1]
    assert np.isnan(values[0])
    assert not np.isnan(values[1])
    assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "out.tsv").code == 0
    table = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert len(table) == 17
    assert table[0][-1] == "skipped"
    assert [row[-1] for row in table[1:] if row[1] == "100"][2] == "."


def test_a_reference_that_differs(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]
) -> None:
    text = genome["chr2"]
    there, wrong, new = ["ACGT"[("ACGT".index(text[999]) + i) % 4] for i in range(3)]
    rows: list[Row] = [("chr2", 1000, wrong, new), ("chr2", 1100, text[1099:1101].lower(), text[1099].lower())]
    rows += [("chr2", 1000, "N", new), ("chr2", 1000, wrong + text[1000:1003], wrong)]
    vcf = write_vcf(tmp_path / "in.vcf", rows)
    given = [runs.regions, vcf, "--genome", inputs.genome, *FEW]
    assert shell("variants", *given, "-o", tmp_path / "skip.vcf").code == 0
    assert [bool(values) for values in numbers(tmp_path / "skip.vcf", "SEQCNN_REF")] == [False, True, True, False]
    done = shell("variants", *given, "-o", tmp_path / "warn.vcf", "--ref-mismatch", "warn")
    assert "2 alleles REF put in the genome's place" in done.err
    assert "is it the genome that the variants were called on?" in done.err
    left, right = text[969:999], text[1000:1030]
    model = seqcnn.load(runs.regions)
    longer = left[1:] + wrong, text[1003:1033]
    expected = model.predict([left + wrong + right, longer[0] + text[1000:1003] + longer[1], left + new + right])[:, 0]
    found = numbers(tmp_path / "warn.vcf", "SEQCNN_REF")
    assert [found[0][0], found[3][0]] == pytest.approx(expected[:2], rel=1e-5)
    assert numbers(tmp_path / "warn.vcf", "SEQCNN_ALT")[0][0] == pytest.approx(expected[2], rel=1e-5)
    done = shell("variants", *given, "-o", tmp_path / "error.vcf", "--ref-mismatch", "error")
    assert done.code == 1
    assert f"in.vcf:8: REF is {wrong} but the genome has {there}" in done.err
    assert not (tmp_path / "error.vcf").exists()


@pytest.mark.parametrize("suffix", ["vcf", "tsv"])
@pytest.mark.parametrize("n", [3, 16])
def test_shards_put_together_are_the_whole(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row], n: int, suffix: str
) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = [runs.regions, vcf, "--genome", inputs.genome, *FEW]
    assert shell("variants", *given, "-o", tmp_path / f"all.{suffix}").code == 0
    parts = []
    for i in range(1, n + 1):
        part = tmp_path / f"{i}.{suffix}"
        assert shell("variants", *given, "-o", part, "--shard", f"{i}/{n}").code == 0
        lines = part.read_text().splitlines(keepends=True)
        parts += lines if i == 1 else [line for line in lines if not line.startswith(("#", "chrom\t"))]
    assert "".join(parts) == (tmp_path / f"all.{suffix}").read_text()


def test_regions_choose_records(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = [runs.regions, vcf, "--genome", inputs.genome, *FEW]
    assert shell("variants", *given, "-o", tmp_path / "all.vcf").code == 0
    regions = ["--region", "chr1:1-31", "--region", "2:520", "--region", "chr3"]
    assert shell("variants", *given, *regions, "-o", tmp_path / "some.vcf").code == 0
    lines = [line for line in (tmp_path / "all.vcf").read_text().splitlines() if not line.startswith("#")]
    some = [line for line in (tmp_path / "some.vcf").read_text().splitlines() if not line.startswith("#")]
    assert some == [lines[i] for i in (0, 1, 2, 3, 8, 12, 13, 14)]
    for wrong in ("chr1:0-5", "chr1:9-5", "", "chr9", "chr1:x"):
        assert shell("variants", *given, "--region", wrong, "-o", tmp_path / "no.vcf").code == 2
    assert shell("variants", *given, "--region", "chr2:600-", "-o", tmp_path / "open.vcf").code == 0
    some = [line for line in (tmp_path / "open.vcf").read_text().splitlines() if not line.startswith("#")]
    assert some == lines[9:12]
    done = shell("variants", *given, "--region", "chr2:1-9", "-o", tmp_path / "none.vcf")
    assert done.code == 0
    assert "no record lies in a region that was asked for" in done.err


def test_several_models_and_targets(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]
) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = ["--genome", inputs.genome, *FEW]
    models = [runs.regions, runs.regression]
    done = shell("variants", *models, vcf, *given, "--length", 61, "-o", tmp_path / "both.vcf", "--prefix", "NN")
    assert done.code == 0, done.err
    names = set(info(tmp_path / "both.vcf")[0])
    assert {"NN_REF_regions", "NN_LOGODDS_regions", "NN_DELTA_regression_a", "NN_P_regression_b"} < names
    assert "NN_LOGODDS_regression_a" not in names
    for model, suffix in ((runs.regions, "_regions"), (runs.regression, "_regression_b")):
        alone = tmp_path / f"{suffix}.vcf"
        assert shell("variants", model, vcf, *given, "--length", 61, "-o", alone).code == 0
        own = "_b" if "regression" in suffix else ""
        for name in ("REF", "ALT", "DELTA", "P", "Z"):
            ours = numbers(tmp_path / "both.vcf", f"NN_{name}{suffix}")
            assert ours == numbers(alone, f"SEQCNN_{name}{own}")
    done = shell("variants", runs.regression, vcf, *given, "-o", tmp_path / "no.vcf")
    assert done.code == 2
    assert "--length" in done.err


def test_ensembles_are_summarised(
    inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str], variety: list[Row]
) -> None:
    small = ["--epochs", 1, "--n-filters", 3, "--kernel-size", 7, "--threads", 1, "--members", 3]
    assert call("train", inputs.positives, "--negatives", inputs.negatives, "-o", tmp_path / "run", *small).code == 0
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    network = seqcnn.load(tmp_path / "run").model.network
    from seqcnn.models.predict import member_scores
    from seqcnn.sequence.ragged import encode_all

    pairs = [alleles(genome, row, alt, 20, 20) for row in variety for alt in row[3].split(",")]
    scores = [member_scores(network, encode_all([pair[i] for pair in pairs]))[:, :, 0] for i in (0, 1)]
    change = scores[1] - scores[0]
    for name, summary in (("mean", np.mean), ("median", np.median), ("min", np.min), ("max", np.max)):
        given = ["--genome", inputs.genome, "--length", 41, "--summary", name, *FEW]
        out = tmp_path / f"{name}.vcf"
        assert shell("variants", tmp_path / "run", vcf, *given, "-o", out).code == 0
        for statistic, expected in (
            ("REF", summary(scores[0], axis=0)),
            ("DELTA", summary(change, axis=0)),
            ("SD", change.std(0)),
        ):
            found = [value for values in numbers(out, f"SEQCNN_{statistic}") for value in values]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_chance(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]) -> None:
    """In random sequence p of random variants is uniform; a site that is made or broken is rare."""
    at = [(chrom, p) for chrom in genome for p in range(200, 7800, 13)]
    vcf = write_vcf(tmp_path / "in.vcf", substitutions(genome, at))
    given = [runs.dna, vcf, "--genome", inputs.genome, "--length", 61, "--threads", 1]
    assert shell("variants", *given, "-o", tmp_path / "a.vcf", "--null-size", 500).code == 0
    p, z = (np.concatenate(numbers(tmp_path / "a.vcf", f"SEQCNN_{name}")) for name in ("P", "Z"))
    assert p.min() > 0.00199
    assert p.max() <= 1
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=0.04)
    assert abs(z.mean()) < 0.1
    assert z.std() == pytest.approx(1, abs=0.1)
    assert shell("variants", *given, "-o", tmp_path / "b.vcf", "--null-size", 500, "--seed", 1).code == 0
    other = np.concatenate(numbers(tmp_path / "b.vcf", "SEQCNN_P"))
    assert 0 < np.abs(other - p).max() < 0.2
    assert numbers(tmp_path / "a.vcf", "SEQCNN_DELTA") == numbers(tmp_path / "b.vcf", "SEQCNN_DELTA")
    assert shell("variants", *given, "-o", tmp_path / "c.vcf", "--null-size", 0).code == 0
    assert "SEQCNN_P" not in (tmp_path / "c.vcf").read_text()


def test_streams_in_and_out(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = ["--genome", inputs.genome, *FEW]
    assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "out.vcf").code == 0
    expected = (tmp_path / "out.vcf").read_text()
    for content in (vcf.read_bytes(), gzip.compress(vcf.read_bytes()), vcf.read_bytes().replace(b"\n", b"\r\n")):
        done = shell("variants", runs.regions, "-", *given, "-o", "-", stdin=content)
        assert done.code == 0, done.err
        assert done.out == expected
    assert shell("variants", runs.regions, "-", *given, "-o", "-", "--shard", "1/2", stdin=b"").code == 2
    done = shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "out.vcf")
    assert done.code == 1
    assert "--force" in done.err
    assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "out.vcf", "--force", "-q").err == ""


def test_blocks_do_not_matter(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    vcf = write_vcf(tmp_path / "in.vcf", variety)
    given = [runs.regions, vcf, "--genome", inputs.genome, "--null-size", 50]
    assert shell("variants", *given, "-o", tmp_path / "one.vcf.gz", "--threads", 1).code == 0
    monkeypatch.setattr("seqcnn.formats.vcf.Vcf.blocks.__defaults__", (2,))
    monkeypatch.setattr("seqcnn.formats.vcf._READ_BYTES", 7)
    assert shell("variants", *given, "-o", tmp_path / "many.vcf.gz", "--threads", 2).code == 0
    one, many = (tmp_path / f"{name}.vcf.gz" for name in ("one", "many"))
    assert gzip.decompress(one.read_bytes()) == gzip.decompress(many.read_bytes())
    assert [v.POS for v in VCF(many)("chr2:590-710")] == [600, 700]


def test_bcf(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]) -> None:
    head = [line for line in HEAD if "odd" not in line] + [
        '##FILTER=<ID=q10,Description="a">',
        '##FILTER=<ID=s50,Description="b">',
    ]
    vcf = write_vcf(tmp_path / "in.vcf", variety, head)
    reader = VCF(vcf)
    writer = Writer(tmp_path / "in.bcf", reader, mode="wb")
    for record in reader:
        writer.write_record(record)
    writer.close()
    given = ["--genome", inputs.genome, *FEW]
    assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "a.vcf").code == 0
    done = shell("variants", runs.regions, tmp_path / "in.bcf", *given, "-o", tmp_path / "b.vcf")
    assert done.code == 0, done.err
    assert info(tmp_path / "a.vcf") == info(tmp_path / "b.vcf")
    done = shell("variants", runs.regions, "-", *given, "-o", "-", stdin=(tmp_path / "in.bcf").read_bytes())
    assert done.code == 1
    assert "BCF" in done.err


def test_names_of_chromosomes_are_brought_together(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]
) -> None:
    bare = [(chrom.removeprefix("chr"), *rest) for chrom, *rest in variety]
    given = ["--genome", inputs.genome, *FEW]
    named = write_vcf(tmp_path / "a.vcf", variety)
    assert shell("variants", runs.regions, named, *given, "-o", tmp_path / "x.vcf").code == 0
    for head in (HEAD[:1], [line.replace("ID=chr", "ID=") for line in HEAD]):
        vcf = write_vcf(tmp_path / "b.vcf", bare, head)  # type: ignore[arg-type]
        done = shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "y.vcf", "--force")
        assert done.code == 0, done.err
        assert info(tmp_path / "x.vcf") == info(tmp_path / "y.vcf")
    assert "1 in the VCF is chr1 in the genome" in done.err


def fasta_pairs(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the window, the reference and the alternate sequence of each allele."""
    texts = [entry.split("\n") for entry in path.read_text().split(">")[1:]]
    for ref, alt in zip(texts[::2], texts[1::2], strict=True):
        assert ref[0].split()[0].endswith(":ref")
        assert alt[0].split()[0].endswith(":alt")
        assert ref[0].split()[1] == alt[0].split()[1]
        yield ref[0].split()[1], ref[1], alt[1]


@pytest.mark.skipif(
    not all(map(shutil.which, ("bcftools", "bgzip"))), reason="bcftools and bgzip (Debian packages) are not installed"
)
def test_sequences_are_those_of_bcftools_consensus(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row], genome: dict[str, str]
) -> None:
    rows = [(*row[:3], alt) for row in variety for alt in row[3].split(",")]
    vcf = write_vcf(tmp_path / "in.vcf", rows, [line for line in HEAD if "odd" not in line])
    given = ["--genome", inputs.genome, "-o", tmp_path / "out.vcf", "--debug-sequences", tmp_path / "used.fa", *FEW]
    assert shell("variants", runs.regions, vcf, *given).code == 0
    pairs = list(fasta_pairs(tmp_path / "used.fa"))
    assert len(pairs) == len(rows)
    for i, (row, (window, reference, alternate)) in enumerate(zip(rows, pairs, strict=True)):
        one = write_vcf(tmp_path / f"{i}.vcf", [row], ["##fileformat=VCFv4.2", f"##contig=<ID={row[0]}>"])
        one.write_text(one.read_text().replace("q10;s50", "PASS").replace("AC=1", "."))
        subprocess.run(["bgzip", one], check=True)
        subprocess.run(["bcftools", "index", f"{one}.gz"], check=True)
        chrom, span = window.split(":")
        first, last = map(int, span.split("-"))
        (tmp_path / "window.fa").write_text(f">{window}\n{genome[chrom][first - 1 : last]}\n")
        called = ["bcftools", "consensus", "-f", tmp_path / "window.fa", f"{one}.gz"]
        done = subprocess.run(called, check=True, capture_output=True, text=True)
        assert "".join(done.stdout.split("\n")[1:]).upper() == alternate
        assert genome[chrom][first - 1 : last] == reference


class TestBadInput:
    """Each of these gives one line, or a whole output."""

    @pytest.fixture
    def given(self, runs: Runs, inputs: Inputs, tmp_path: Path) -> list[object]:
        return ["--genome", inputs.genome, "-o", tmp_path / "out.vcf.gz", *FEW]

    def test_no_header(self, runs: Runs, shell: Shell, tmp_path: Path, given: list[object]) -> None:
        (tmp_path / "a.vcf").write_text("chr1\t5\t.\tA\tC\t.\t.\t.\n")
        done = shell("variants", runs.regions, tmp_path / "a.vcf", *given)
        assert done.code == 1
        assert "a.vcf: has no VCF header; a VCF begins with ##fileformat=VCFv4.2" in done.err
        (tmp_path / "a.vcf").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tREF\tALT\n")
        done = shell("variants", runs.regions, tmp_path / "a.vcf", *given)
        assert "a.vcf:2: the columns of a VCF are" in done.err

    def test_lines_that_are_no_records(self, runs: Runs, shell: Shell, tmp_path: Path, given: list[object]) -> None:
        empty = "chr1\t5\t.\t\tC\t.\t.\t."
        for line, said in (
            (empty, "REF is empty"),
            ("chr1\t5\t.\tA\tC", "5 columns"),
            ("chr1\tx\t.\tA\tC\t.\t.\t.", "'x' is not a position"),
        ):
            (tmp_path / "a.vcf").write_text("\n".join([*HEAD, COLUMNS, line, ""]))
            done = shell("variants", runs.regions, tmp_path / "a.vcf", *given)
            assert done.code == 1
            assert f"a.vcf:8: {said}" in done.err
            assert not (tmp_path / "out.vcf.gz").exists()

    def test_no_records(self, runs: Runs, shell: Shell, tmp_path: Path, given: list[object]) -> None:
        write_vcf(tmp_path / "a.vcf", [])
        done = shell("variants", runs.regions, tmp_path / "a.vcf", *given)
        assert done.code == 0, done.err
        assert list(VCF(tmp_path / "out.vcf.gz")) == []
        assert (tmp_path / "out.vcf.gz").read_bytes().endswith(END)

    def test_truncated(
        self, runs: Runs, shell: Shell, tmp_path: Path, given: list[object], genome: dict[str, str]
    ) -> None:
        from seqcnn.formats.bgzf import pack

        vcf = write_vcf(tmp_path / "a.vcf", substitutions(genome, [("chr1", p) for p in range(1, 8000, 2)]))
        whole = b"".join(pack(vcf.read_bytes())) + END
        for cut, said in ((len(whole) - len(END), "BGZF"), (len(whole) // 2, "BGZF")):
            (tmp_path / "a.vcf.gz").write_bytes(whole[:cut])
            done = shell("variants", runs.regions, tmp_path / "a.vcf.gz", *given)
            assert done.code == 1
            assert "a.vcf.gz: is truncated" in done.err
            assert said in done.err
        done = shell("variants", runs.regions, "-", *given, stdin=whole[: len(whole) // 2])
        assert done.code == 1
        assert "stdin: gzip data end too early" in done.err
        assert not (tmp_path / "out.vcf.gz").exists()

    def test_genome_without_index_in_a_folder_that_cannot_be_written(
        self, runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]
    ) -> None:
        folder = tmp_path / "locked"
        folder.mkdir()
        shutil.copy(inputs.genome, folder / "g.fa")
        folder.chmod(0o500)
        vcf = write_vcf(tmp_path / "a.vcf", substitutions(genome, [("chr1", 50)]))
        try:
            given = ["--genome", folder / "g.fa", "-o", tmp_path / "out.vcf", *FEW]
            done = shell("variants", runs.regions, vcf, *given)
            assert done.code == 0, done.err
            if os.geteuid():
                assert "indexed g.fa in a temporary folder" in done.err
        finally:
            folder.chmod(0o700)
        assert len(numbers(tmp_path / "out.vcf", "SEQCNN_REF")[0]) == 1

    def test_deletion_of_100_kb(self, runs: Runs, shell: Shell, tmp_path: Path) -> None:
        rng = np.random.default_rng(3)
        text = "".join(rng.choice(list("ACGT"), 100_300))
        (tmp_path / "g.fa").write_text(f">chr1\n{text}\n")
        rows = [("chr1", 100, text[99:100_100], text[99]), *substitutions({"chr1": text}, [("chr1", 100)])]
        vcf = write_vcf(tmp_path / "a.vcf", rows)
        given = ["--genome", tmp_path / "g.fa", *FEW]
        done = shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "a.out.vcf")
        assert done.code == 0, done.err
        assert "1 alleles not scored: longer than --max-allele" in done.err
        done = shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "b.vcf", "--max-allele", 200_000)
        assert done.code == 0, done.err
        model = seqcnn.load(runs.regions)
        long, short = text[70:100] + text[100:100_130], text[70:100] + text[100_100:100_130]
        expected = model.predict([long, short])[:, 0]
        found = [numbers(tmp_path / "b.vcf", f"SEQCNN_{name}")[0][0] for name in ("REF", "ALT")]
        assert found == pytest.approx(expected, rel=1e-5)

    def test_usage(self, runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, variety: list[Row]) -> None:
        vcf = write_vcf(tmp_path / "a.vcf", variety)
        given = ["--genome", inputs.genome]
        assert shell("variants", vcf, *given, "-o", tmp_path / "b.vcf").code == 2
        done = shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "b.bed")
        assert done.code == 2
        assert "name a .vcf.gz, .vcf or .tsv file" in done.err
        assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "b.vcf", "--shard", "3/2").code == 2
        assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "b.vcf", "--prefix", "a-b").code == 2
        assert shell("variants", runs.regions, vcf, *given, "-o", "-", "--debug-sequences", "-").code == 2
        assert shell("variants", runs.regions, vcf, *given, "-o", tmp_path / "b.vcf", *FEW).code == 0
        done = shell("variants", runs.regions, tmp_path / "b.vcf", *given, "-o", tmp_path / "c.vcf", *FEW)
        assert done.code == 1
        assert "has a field SEQCNN_ALT already; say another --prefix" in done.err


GENOTYPES = ["0|1", "1|0", "1|1", "0/0", "0|0", "1/1"]


def sampled_vcf(path: Path, genome: dict[str, str]) -> list[tuple[str, int, str, str, list[str]]]:
    """Write phased variants of three samples that often share windows; return them."""
    rng = np.random.default_rng(8)
    rows, at = [], 20
    for i in range(60):
        at += int(rng.integers(3, 25))
        chrom = "chr1" if i < 40 else "chr2"
        at = 5 if i == 40 else at
        length = int(rng.choice([1, 1, 1, 3]))
        ref = genome[chrom][at - 1 : at - 1 + length]
        alt = ref[0] + "TGA" if rng.random() < 0.2 and length == 1 else "ACGT"[("ACGT".index(ref[0]) + 1) % 4]
        alt = ref[0] if length == 3 else alt
        genotypes = [str(rng.choice(GENOTYPES)) for _ in range(3)]
        rows.append((chrom, at, ref, alt, genotypes))
        at += length
    lines = [f"{c}\t{p}\t.\t{r}\t{a}\t.\tPASS\t.\tGT:DP\t" + "\t".join(f"{x}:5" for x in g) for c, p, r, a, g in rows]
    head = [line for line in HEAD if "odd" not in line] + ['##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
    head += ['##FORMAT=<ID=DP,Number=1,Type=Integer,Description="D">']
    path.write_text("\n".join([*head, COLUMNS + "\tFORMAT\ts1\ts2\ts3", *lines, ""]))
    return rows


def haplotype_values(path: Path) -> list[list[list[str]]]:
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#")]
    assert all(line[8].endswith(":SEQCNN_HAP") for line in lines)
    return [[sample.rsplit(":", 1)[1].split(",") for sample in line[9:]] for line in lines]


def test_haplotypes_are_scored_with_all_their_variants(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vcf = tmp_path / "in.vcf"
    rows = sampled_vcf(vcf, genome)
    given = [runs.regions, vcf, "--genome", inputs.genome, "--haplotypes", *FEW]
    done = shell("variants", *given, "-o", tmp_path / "out.vcf")
    assert done.code == 0, done.err
    model = seqcnn.load(runs.regions)
    expected, found = [], []
    for (chrom, position, ref, _, _), samples in zip(rows, haplotype_values(tmp_path / "out.vcf"), strict=True):
        first, last = max(0, position - 31), min(8000, position - 1 + len(ref) + 30)
        for sample in range(3):
            for haplotype in range(2):
                text = genome[chrom][first:last]
                for c, p, r, a, genotypes in reversed(rows):
                    inside = c == chrom and p - 1 >= first and p - 1 + len(r) <= last
                    if inside and genotypes[sample][::2][haplotype] == "1":
                        text = text[: p - 1 - first] + a + text[p - 1 - first + len(r) :]
                expected.append(text)
                found.append(float(samples[sample][haplotype]))
    np.testing.assert_allclose(found, model.predict(expected)[:, 0], rtol=1e-5)
    assert len(set(found)) > 60
    monkeypatch.setattr("seqcnn.formats.vcf.Vcf.blocks.__defaults__", (2,))
    parts = []
    for i in (1, 2, 3):
        assert shell("variants", *given, "-o", tmp_path / f"{i}.vcf", "--shard", f"{i}/3").code == 0
        lines = (tmp_path / f"{i}.vcf").read_text().splitlines(keepends=True)
        parts += lines if i == 1 else [line for line in lines if not line.startswith("#")]
    assert "".join(parts) == (tmp_path / "out.vcf").read_text()
    some = [*given, "-o", tmp_path / "some.vcf", "--region", "chr2"]
    assert shell("variants", *some).code == 0
    assert haplotype_values(tmp_path / "some.vcf") == haplotype_values(tmp_path / "out.vcf")[40:]


def test_haplotypes_that_are_not_known(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]
) -> None:
    rows = substitutions(genome, [("chr1", 100), ("chr1", 110), ("chr1", 300), ("chr1", 400)])
    lines = write_vcf(tmp_path / "in.vcf", rows).read_text().splitlines()
    genotypes = ["0/1:3\t0|1", "0|1:3\t0|1", ".|1\t1", "0|2\t./."]
    samples = [f"{line}\tGT:DP\t{g}" for line, g in zip(lines[-4:], genotypes, strict=True)]
    (tmp_path / "in.vcf").write_text("\n".join([*lines[:-5], COLUMNS + "\tFORMAT\ta\tb", *samples, ""]))
    given = ["--genome", inputs.genome, "--haplotypes", *FEW]
    done = shell("variants", runs.regions, tmp_path / "in.vcf", *given, "-o", tmp_path / "out.vcf")
    assert done.code == 0, done.err
    found = haplotype_values(tmp_path / "out.vcf")
    shape = [[[value == "." for value in values] for values in row] for row in found]
    both, none = [True, True], [False, False]
    assert shape == [[both, none], [both, none], [[True, False], [False]], [[False, True], both]]
    assert "haplotypes without scores (unphased or unknown)" in done.err
    last = (tmp_path / "out.vcf").read_text().splitlines()[-1].split("\t")
    assert last[8] == "GT:DP:SEQCNN_HAP"
    assert last[10] == "./.:.:.,."
    assert shell("variants", runs.regions, tmp_path / "in.vcf", *given, "-o", tmp_path / "out.tsv").code == 2
    write_vcf(tmp_path / "none.vcf", rows)
    done = shell("variants", runs.regions, tmp_path / "none.vcf", *given, "-o", tmp_path / "b.vcf")
    assert "has no samples" in done.err
    (tmp_path / "in.vcf").write_text("\n".join([*lines[:-5], COLUMNS + "\tFORMAT\ta\tb", *samples[::-1], ""]))
    done = shell("variants", runs.regions, tmp_path / "in.vcf", *given, "-o", tmp_path / "c.vcf")
    assert done.code == 1
    assert "--haplotypes needs sorted records" in done.err


def phased(
    shell: Shell, given: list[object], path: Path, rows: list[Row], form: str, samples: list[str]
) -> list[list[str]]:
    """Return the values of the only sample's haplotypes for each record."""
    lines = write_vcf(path, rows, [line for line in HEAD if "odd" not in line]).read_text().splitlines()
    body = [f"{line}\t{form}\t{sample}" for line, sample in zip(lines[-len(rows) :], samples, strict=True)]
    path.write_text("\n".join([*lines[: -len(rows) - 1], COLUMNS + "\tFORMAT\ta", *body, ""]))
    done = shell("variants", *given[:1], path, *given[1:], "-o", path.with_suffix(".out.vcf"), "--force")
    assert done.code == 0, done.err
    return [row[0] for row in haplotype_values(path.with_suffix(".out.vcf"))]


def test_phase_sets(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]) -> None:
    """What is phased, but not together, is not known together; what is the same on both haplotypes is."""
    rows = substitutions(genome, [("chr1", 100), ("chr1", 110)])
    given = [runs.regions, "--genome", inputs.genome, "--haplotypes", *FEW]
    known = phased(shell, given, tmp_path / "a.vcf", rows, "GT", ["0|1", "0|1"])
    assert "." not in known[0] + known[1]
    for sets in (("1", "1"), (".", "."), ("7", "7")):
        samples = [f"0|1:{each}" for each in sets]
        assert phased(shell, given, tmp_path / "b.vcf", rows, "GT:PS", samples) == known
    for sets in (("1", "505"), (".", "1")):
        samples = [f"0|1:{each}" for each in sets]
        assert phased(shell, given, tmp_path / "b.vcf", rows, "GT:PS", samples) == [[".", "."]] * 2
    same = phased(shell, given, tmp_path / "c.vcf", rows, "GT", ["0|1", "1|1"])
    assert phased(shell, given, tmp_path / "b.vcf", rows, "GT:PS", ["0|1:1", "1|1:505"]) == same
    three = substitutions(genome, [("chr1", 100), ("chr1", 110), ("chr1", 120)])
    found = phased(shell, given, tmp_path / "b.vcf", three, "GT:PS", ["0|1:1", "1|1:.", "0|1:2"])
    assert found == [[".", "."]] * 3  # the one in the middle has both others in its window


def test_records_of_another_ploidy_count(
    runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path, genome: dict[str, str]
) -> None:
    """One triploid genotype does not take a variant away from the windows of its neighbours."""
    rows = substitutions(genome, [("chr1", 100), ("chr1", 110)])
    given = [runs.regions, "--genome", inputs.genome, "--haplotypes", *FEW]
    diploid = phased(shell, given, tmp_path / "a.vcf", rows, "GT", ["0|1", "1|1"])
    triploid = phased(shell, given, tmp_path / "b.vcf", rows, "GT", ["0|1", "1|1|1"])
    assert triploid[0] == diploid[0]
    assert triploid[1] == [*diploid[1], "."]  # what is on the third haplotype at the first record is not known

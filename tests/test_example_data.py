"""The example data are what data/make_example.py makes, and what data/README.md says of them."""

from __future__ import annotations

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyfaidx
import pytest
from Bio import motifs
from Bio.Seq import Seq
from scipy import stats
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
FILES = ["clip.fa.gz", "genome.fa.gz", "peaks.narrowPeak", "probes.tsv", "variants.truth.tsv", "variants.vcf"]
PEAK_COLUMNS = ["chrom", "start", "end", "name", "score", "strand", "signal", "p", "q", "summit"]


def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulation", DATA / "simulation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def matrix(name: str) -> dict[str, list[int]]:
    rows = getattr(simulation(), name).splitlines()[1:]
    return {letter: [int(value) for value in row.split()] for letter, row in zip("ACGT", rows, strict=True)}


@cache
def scorer(name: str) -> motifs.matrix.PositionSpecificScoringMatrix:
    return motifs.Motif(counts=matrix(name)).counts.normalize(pseudocounts=0.25).log_odds()


def best_bits(name: str, text: str, both_strands: bool = True) -> float:
    """Biopython's best log-odds; windows that hold N do not count."""
    pssm = scorer(name)
    strands = [pssm, pssm.reverse_complement()] if both_strands else [pssm]
    return max(float(np.nanmax(strand.calculate(Seq(text)))) for strand in strands)


@cache
def genome() -> dict[str, str]:
    blocks = gzip.decompress((DATA / "genome.fa.gz").read_bytes()).decode().split(">")[1:]
    return {block.split("\n", 1)[0]: block.split("\n", 1)[1].replace("\n", "").upper() for block in blocks}


@cache
def peaks() -> pd.DataFrame:
    return pd.read_csv(DATA / "peaks.narrowPeak", sep="\t", names=PEAK_COLUMNS)


def content(path: Path) -> bytes:
    """Bytes of a file, decompressed: how hard zlib squeezes differs between its versions."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_script_makes_the_committed_files(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(DATA / "make_example.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})
    assert sorted(made.name for made in tmp_path.iterdir()) == FILES
    for name in FILES:
        assert content(tmp_path / name) == content(DATA / name), name


def test_the_example_of_a_project_is_a_part_of_it(tmp_path: Path) -> None:
    command = [sys.executable, str(DATA / "workflow_example.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    there = ROOT / "seqcnn" / "workflow" / "template" / "data"
    assert {made.name for made in tmp_path.iterdir()} == {path.name for path in there.iterdir()}
    for made in tmp_path.iterdir():
        assert content(made) == content(there / made.name), made.name


def test_size_and_time_stamps() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir() if path.is_file()) < 2_000_000
    for name in ("clip.fa.gz", "genome.fa.gz"):
        assert (DATA / name).read_bytes()[4:8] == bytes(4)


@pytest.mark.realdata
def test_matrices_are_the_published_ones(shared_data: Path) -> None:
    with (shared_data / "motif_refs" / "JASPAR2024_CORE_vertebrates_latest.jaspar").open() as lines:
        published = {motif.matrix_id: motif.counts for motif in motifs.parse(lines, "jaspar")}
    for name, identifier in (("CTCF", "MA0139.2"), ("GABPA", "MA0062.4")):
        assert {letter: list(row) for letter, row in published[identifier].items()} == matrix(name)
    text = (shared_data / "motif_refs" / "Ray2013_rbp_RNA.meme").read_text().split("MOTIF RNCMPT00168 RBFOX1")[1]
    rows = [[float(value) for value in line.split()] for line in text.split("\n\n")[1].splitlines()[1:]]
    assert np.allclose(np.array(rows).T, np.array(list(matrix("RBFOX1").values())) / 1000, atol=0.0005)


def test_genome_is_indexed_by_pyfaidx(tmp_path: Path) -> None:
    shutil.copy(DATA / "genome.fa.gz", tmp_path)
    with pyfaidx.Fasta(str(tmp_path / "genome.fa.gz")) as fasta:
        assert {name: len(fasta[name]) for name in fasta.keys()} == {  # noqa: SIM118
            "chr1": 380_000,
            "chr2": 300_000,
            "chr3": 220_000,
            "chr4": 150_000,
        }
        assert fasta["chr1"][200_000:204_000].seq == "N" * 4000
        borders = (np.arange(65_280, 380_000, 65_280) - len(">chr1\n")) * 80 // 81  # of compressed blocks
        for start in [*range(0, 370_000, 997), *(borders[:, None] + np.arange(-3, 4)).ravel().tolist()]:
            assert fasta["chr1"][start : start + 101].seq.upper() == genome()["chr1"][start : start + 101]


def test_peaks_lie_in_the_genome_in_order() -> None:
    table = peaks()
    assert 1_100 <= len(table) <= 1_300
    assert table.name.is_unique
    assert table.sort_values(["chrom", "start"], kind="stable").index.equals(table.index)
    assert (table.end <= table.chrom.map({name: len(text) for name, text in genome().items()})).all()
    assert ((table.start >= 0) & (table.summit > 0) & (table.summit < table.end - table.start)).all()
    assert table.score.between(0, 1000).all()


def test_the_matrix_tells_summits_from_other_places_but_not_perfectly() -> None:
    table = peaks()
    middles = table.start + table.summit
    at_summits = [
        best_bits("CTCF", genome()[chrom][middle - 50 : middle + 51])
        for chrom, middle in zip(table.chrom, middles, strict=True)
    ]
    elsewhere = [
        best_bits("CTCF", genome()[chrom][middle - 50 : middle + 51])
        for chrom, middle in zip(table.chrom, middles + 230, strict=True)
        if middle + 300 < len(genome()[chrom]) and "N" not in genome()[chrom][middle + 180 : middle + 281]
    ]
    labels = [1] * len(at_summits) + [0] * len(elsewhere)
    assert 0.94 < roc_auc_score(labels, at_summits + elsewhere) < 0.985
    assert stats.spearmanr(at_summits, table.signal).statistic > 0.6
    assert 0.04 < np.mean(np.array(at_summits) < 5) < 0.09  # peaks without a site


def test_variants_agree_with_the_genome_and_the_truth() -> None:
    truth = pd.read_csv(DATA / "variants.truth.tsv", sep="\t").set_index(["id", "alt"])
    seen = []
    for line in (DATA / "variants.vcf").read_text().splitlines():
        if line.startswith("#"):
            continue
        chrom, pos, name, ref, alts, _, passed, _ = line.split("\t")
        start = int(pos) - 1
        text = genome()[chrom]
        assert text[start : start + len(ref)] == ref
        assert passed == "PASS"
        left, right = text[start - 50 : start], text[start + len(ref) : start + len(ref) + 50]
        for alt in alts.split(","):
            row = truth.loc[(name, alt)]
            assert (row.chrom, row.pos, row.ref) == (chrom, int(pos), ref)
            assert row.ref_bits == pytest.approx(best_bits("CTCF", left + ref + right), abs=2e-3)
            assert row.alt_bits == pytest.approx(best_bits("CTCF", left + alt + right), abs=2e-3)
            assert row.delta_bits == pytest.approx(row.alt_bits - row.ref_bits, abs=2e-3)
            seen.append((name, alt))
    assert sorted(seen) == sorted(truth.index)


def test_effects_are_told_apart() -> None:
    truth = pd.read_csv(DATA / "variants.truth.tsv", sep="\t")
    delta = truth.delta_bits
    assert (delta[truth.effect == "breaks"] <= -5).all()
    assert (delta[truth.effect == "creates"] >= 5).all()
    assert (delta[truth.effect == "none"].abs() < 0.5).all()
    assert min(Counter(truth.effect).values()) >= 60
    assert set(truth.effect) == {"breaks", "creates", "none"}
    assert truth.id.nunique() == 300
    assert (truth.ref.str.len() > 1).sum() >= 20  # deletions
    assert (truth.alt.str.len() > 1).sum() >= 20  # insertions
    assert truth.id.duplicated().sum() == 12  # multi-allelic


def test_clip_set_is_balanced_in_class_and_composition() -> None:
    records = content(DATA / "clip.fa.gz").decode().split(">")[1:]
    labels = [int(record.split("class:")[1][0]) for record in records]
    texts = [record.split("\n", 1)[1].replace("\n", "") for record in records]
    assert Counter(labels) == {0: 1000, 1: 1000}
    assert {len(text) for text in texts} == {101}
    assert set("".join(texts)) == set("ACGU")
    assert roc_auc_score(labels, [text.count("G") + text.count("C") for text in texts]) == pytest.approx(0.5)
    scores = [best_bits("RBFOX1", text.replace("U", "T"), both_strands=False) for text in texts]
    assert 0.85 < roc_auc_score(labels, scores) < 0.97


def test_probe_intensities_follow_affinity() -> None:
    table = pd.read_csv(DATA / "probes.tsv", sep="\t")
    assert list(table.columns) == ["probe", "sequence", "intensity", "set"]
    assert len(table) == table.probe.nunique() == 3000
    assert table.sequence.str.fullmatch("[ACGT]{35,40}").all()
    assert set(table["set"]) == {"A", "B"}
    bits = [best_bits("GABPA", text) for text in table.sequence]
    assert 0.85 < stats.pearsonr(bits, table.intensity).statistic < 0.97

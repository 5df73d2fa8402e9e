"""`seqcnn compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import render_motifs, write_motifs
from seqcnn.interpret.comparison import Database
from tests.cli.conftest import Shell

HEADER = "query query_name target target_name p_value e_value q_value offset overlap strand query_consensus"


def some(n: int, alphabet: str = "dna", seed: int = 0) -> list[Motif]:
    rng = np.random.default_rng(seed)
    tables = [rng.dirichlet([0.2] * 4, int(rng.integers(5, 9))).T for _ in range(n)]
    return [Motif(f"M{i}", table, f"name{i}", alphabet, nsites=1000) for i, table in enumerate(tables)]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Write a database of 60 motifs, and as queries two of its own and a flat one."""
    targets = some(60)
    queries = [targets[5].reverse_complement(), targets[9], Motif("flat", np.full((4, 6), 0.25))]
    paths = {name: tmp_path / f"{name}.meme" for name in ("queries", "targets", "rna", "few")}
    write_motifs(queries, paths["queries"])
    write_motifs(targets, paths["targets"])
    write_motifs(some(60, "rna"), paths["rna"])
    write_motifs(targets[:10], paths["few"])
    return paths


def test_rows(shell: Shell, files: dict[str, Path]) -> None:
    done = shell("compare", files["queries"], files["targets"], "--q-value", 1)
    assert (done.code, done.err) == (0, "")
    assert done.header[:11] == HEADER.split()
    assert len(done.rows) == 3 * 60
    best = done.rows[0]
    assert (best[0], best[2], best[3], best[7], best[9]) == ("M5", "M5", "name5", "0", "-")
    assert best[10] == best[11]
    targets = some(60)
    found = Database(targets).search(targets[9])
    for row, i in zip(done.rows[60:120], found.order(), strict=True):
        assert row[0] == "M9"
        assert [float(value) for value in row[4:7]] == pytest.approx([found.p[i], found.e[i], found.q[i]], rel=0.02)
    assert all(float(row[4]) == 1 for row in done.rows[120:125]) or float(done.rows[120][4]) > 0.01


def test_what_is_written(shell: Shell, files: dict[str, Path], tmp_path: Path) -> None:
    default = shell("compare", files["queries"], files["targets"])
    assert {float(row[6]) <= 0.1 for row in default.rows} == {True}
    assert {row[0] for row in default.rows} == {"M5", "M9"}
    assert default.err == "1 of 3 queries match nothing with a q-value of 0.1\n"
    told = shell("compare", files["queries"], files["targets"], "-v")
    assert told.err.endswith("  flat\n")
    strict = shell("compare", files["queries"], files["targets"], "--q-value", 1e-9)
    assert len(strict.rows) < len(default.rows)
    top = shell("compare", files["queries"], files["targets"], "--q-value", 1, "--top", 2)
    assert [row[0] for row in top.rows] == ["M5", "M5", "M9", "M9", "flat", "flat"]
    path = tmp_path / "out.tsv"
    words = ["compare", files["queries"], files["targets"], "-o", path]
    done = shell(*words)
    assert (done.code, done.out, path.read_text()) == (0, "", default.out)
    assert done.err.endswith(f"wrote {path}: {len(default.rows)} matches of 3 queries to 60 targets\n")
    assert shell(*words).code == 1
    assert shell(*words, "--force", "--quiet").err == ""


def test_scores(shell: Shell, files: dict[str, Path]) -> None:
    by_score = [
        shell("compare", files["queries"], files["targets"], "--score", score).rows[0][4]
        for score in ("euclidean", "pearson")
    ]
    assert by_score[0] != by_score[1]


def test_several_databases_and_standard_input(shell: Shell, files: dict[str, Path]) -> None:
    text = render_motifs(some(60)[5:6], "jaspar").encode()
    done = shell("compare", "-", files["targets"], files["few"], "--q-value", 1, stdin=text)
    assert len(done.rows) == 70


def test_rna_has_one_strand(shell: Shell, files: dict[str, Path]) -> None:
    assert {row[9] for row in shell("compare", files["rna"], files["rna"], "--q-value", 1).rows} == {"+"}
    both = shell("compare", files["rna"], files["rna"], "--q-value", 1, "--alphabet", "dna")
    assert {row[9] for row in both.rows} == {"+", "-"}
    assert not any("U" in row[10] for row in both.rows)


def test_alphabets_that_differ(shell: Shell, files: dict[str, Path]) -> None:
    done = shell("compare", files["rna"], files["targets"])
    assert done.code == 2
    assert done.err == (
        f"seqcnn: error: {files['rna']} holds RNA and {files['targets']} holds DNA motifs; "
        "say with --alphabet what all are to be taken for\n"
    )
    assert shell("compare", files["rna"], files["targets"], "--alphabet", "rna").code == 0


def test_few_targets(shell: Shell, files: dict[str, Path]) -> None:
    assert "only 10 targets: p-values are rough" in shell("compare", files["queries"], files["few"]).err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("MEME version 4\n\nALPHABET= ACGT\n", "holds no motifs"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n1 0 0\n", ":4: a matrix row of 3 fields, not 4"),
    ],
)
def test_bad_files(shell: Shell, files: dict[str, Path], tmp_path: Path, text: str, message: str) -> None:
    bad = tmp_path / "bad.meme"
    bad.write_text(text)
    words: list[list[Any]] = [[bad, files["targets"]], [files["queries"], bad]]
    for pair in words:
        done = shell("compare", *pair)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert message in done.err
        assert str(bad) in done.err

"""`predict --rule`, `--echo` and `--no-head`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Inputs, Runs, Shell, draw, fasta


def test_rule(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    rows = draw(5, 40, seed=3)
    whole = shell("predict", runs.dna, fasta(tmp_path / "a.fa", rows))
    assert shell("predict", runs.dna, tmp_path / "a.fa", "--rule", "whole").out == whole.out
    by_window = shell("predict", runs.dna, tmp_path / "a.fa", "--rule", "window")
    windows = [row[i : i + 9] for row in rows for i in range(32)]
    scores = [float(row[1]) for row in shell("predict", runs.dna, fasta(tmp_path / "w.fa", windows)).rows]
    for i, row in enumerate(by_window.rows):
        assert float(row[1]) == pytest.approx(max(scores[32 * i : 32 * i + 32]), abs=1e-4)
    assert by_window.out != whole.out
    short = fasta(tmp_path / "s.fa", draw(3, 8))
    assert shell("predict", runs.dna, short, "--rule", "window").out == shell("predict", runs.dna, short).out


def test_echo(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    plain = shell("predict", runs.dna, inputs.positives)
    done = shell("predict", runs.dna, inputs.positives, "--echo")
    assert done.header == ["sequence", "target"]
    assert [row[0] for row in done.rows] == inputs.positives.read_text().split()[1::2]
    for row, other in zip(done.rows, plain.rows, strict=True):
        assert float(row[1]) == pytest.approx(float(other[1]), rel=1e-4, abs=1e-6)
    assert "U" in shell("predict", runs.rna, inputs.rna, "--echo").rows[0][0]
    both = shell("predict", runs.regression, inputs.intensities, "--echo")
    assert both.header == ["sequence", "a", "b"]


def test_no_head(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    for more in ([], ["--echo"]):
        whole = shell("predict", runs.dna, inputs.positives, *more)
        bare = shell("predict", runs.dna, inputs.positives, "--no-head", *more)
        assert bare.out == whole.out.partition("\n")[2]

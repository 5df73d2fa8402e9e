"""`seqcnn info`: datasets and models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Inputs, Runs, Shell


def test_a_dataset(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    words = [inputs.peaks, "--genome", inputs.genome, "--length", 60, "--negatives", "flank"]
    assert shell("encode", *words, "-o", path).code == 0
    done = shell("info", path, "--json")
    facts = json.loads(done.out)
    assert facts["kind"] == "dataset"
    assert facts["examples"] > 30
    assert facts["alphabet"] == "dna"
    assert facts["lengths"] == "60"
    assert facts["bases"] == 60 * facts["examples"]
    assert facts["chromosomes"] == "chr1, chr2, chr3"
    assert facts["origin"].startswith("30 given, ")
    assert facts["target target"].startswith("30 positive")
    assert facts["inputs"] == f"{inputs.peaks}, {inputs.genome}"
    shown = shell("info", path)
    assert (shown.code, shown.err) == (0, "")
    assert all(
        name in shown.out and str(value) in shown.out.replace(",", "") + shown.out for name, value in facts.items()
    )


def test_a_table_with_a_split(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    assert shell("encode", inputs.table, "--split-column", "part", "-o", path).code == 0
    facts = json.loads(shell("info", path, "--json").out)
    assert facts["split"] == "48 train, 16 valid, 16 test"
    assert facts["target bound"] == "40 positive, 40 negative"


def test_a_dataset_without_examples_or_targets(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    assert shell("encode", inputs.intensities, "--target-column", "a,b", "-o", path).code == 0
    facts = json.loads(shell("info", path, "--json").out)
    assert facts["target a"].endswith("other")
    assert "split" not in facts


def test_models(shell: Shell, runs: Runs) -> None:
    facts = json.loads(shell("info", runs.regions, "--json").out)
    assert facts["kind"] == "model"
    assert facts["architecture"] == "deepbind"
    assert (facts["alphabet"], facts["strands"], facts["task"]) == ("dna", "both", "binary")
    assert facts["windows"] == "61 bp"
    assert (facts["members"], facts["n filters"], facts["kernel size"]) == (1, 4, 9)
    assert facts["train examples"] > facts["valid examples"] > 0
    assert 0 <= facts["valid auroc (target)"] <= 1
    assert shell("info", runs.regions).out == shell("info", runs.regions / "model.safetensors").out
    rna = json.loads(shell("info", runs.rna, "--json").out)
    assert (rna["alphabet"], rna["strands"]) == ("rna", "one")
    regression = json.loads(shell("info", runs.regression, "--json").out)
    assert (regression["task"], regression["targets"]) == ("regression", "a, b")
    assert "valid pearson (a)" in regression


def test_json_has_no_nan(shell: Shell, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcnn.cli.commands.info._model", lambda _: {"a": float("nan"), "b": 0.5})
    assert json.loads(shell("info", runs.dna, "--json").out, parse_constant=pytest.fail) == {"a": None, "b": 0.5}


def test_what_is_neither(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for path in (inputs.positives, inputs.negatives, inputs.table, empty):
        done = shell("info", path)
        assert done.code == 1
        assert done.err == f"seqcnn: error: {path}: is neither an encoded dataset nor a seqcnn model\n"

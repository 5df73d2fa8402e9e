"""`seqcnn evaluate`: the metrics, the same from a dataset and from what it was made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.cli.conftest import Inputs, Runs, Shell


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_metrics_are_those_of_the_predictions(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "new" / "test.json"
    done = shell("evaluate", runs.dna, inputs.table, "-o", path)
    assert done.code == 0, done.err
    found = content(path)
    metrics = found["metrics"]["target"]
    scores = [float(row[1]) for row in shell("predict", runs.dna, inputs.table).rows]
    truth = [1] * 40 + [0] * 40
    assert metrics["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-3)
    assert metrics["auprc"]["value"] == pytest.approx(average_precision_score(truth, scores), abs=1e-2)
    assert (metrics["n"], metrics["positives"], metrics["prevalence"]) == (80, 40, 0.5)
    for name in ("auroc", "auprc", "accuracy"):
        value = metrics[name]
        assert value["low"] <= value["value"] <= value["high"]
        assert f"{value['value']:.4f}  ({value['low']:.4f} to {value['high']:.4f})" in done.out
    assert found["command"] == "evaluate"
    assert found["options"]["model"] == str(runs.dna)
    assert [entry["path"] for entry in found["inputs"]] == [str(runs.dna), str(inputs.table)]
    assert None not in [entry["sha256"] for entry in found["inputs"]]
    assert found["seconds"] > 0


def test_raw_and_encoded_give_the_same(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    encoded = tmp_path / "x.h5"
    for words, run in (
        ([inputs.positives], runs.dna),
        ([inputs.positives, "--negatives", inputs.negatives], runs.dna),
        ([inputs.labelled, "--label-pattern", "class:([01])"], runs.dna),
        ([inputs.peaks, "--genome", inputs.genome, "--length", 61], runs.regions),
        ([inputs.intensities, "--target-column", "a,b"], runs.regression),
    ):
        assert shell("encode", *words, "-o", encoded, "--force", "--seed", 4).code == 0
        raw, whole = shell("evaluate", run, *words, "--seed", 4), shell("evaluate", run, encoded, "--seed", 4)
        assert (raw.code, raw.out) == (0, whole.out)
        assert len(raw.out.splitlines()) >= 4


def test_negatives_ratio_and_seed(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    one = shell("evaluate", runs.dna, inputs.positives)
    assert "n           80" in one.out
    assert shell("evaluate", runs.dna, inputs.positives).out == one.out
    assert shell("evaluate", runs.dna, inputs.positives, "--seed", 5).out != one.out
    assert "n           120" in shell("evaluate", runs.dna, inputs.positives, "--negatives-ratio", 2).out
    assert shell("evaluate", runs.dna, inputs.positives, "--negatives", "dinucleotide").out == one.out
    peaks = [inputs.peaks, "--genome", inputs.genome]
    gc, flank = (shell("evaluate", runs.regions, *peaks, "--negatives", method).out for method in ("gc", "flank"))
    assert gc != flank


def test_chromosomes(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    data = [inputs.peaks, "--genome", inputs.genome, "--negatives", "dinucleotide"]
    both = shell("evaluate", runs.regions, *data, "--chroms", "chr1,chr2")
    assert "positives   20" in both.out
    done = shell("evaluate", runs.regions, *data, "--chroms", "2")
    assert "positives   10" in done.out
    assert "chr2" in done.err
    done = shell("evaluate", runs.dna, inputs.positives, "--chroms", "chr1")
    assert done.code == 2
    assert "--chroms needs regions (BED, narrowPeak) with --genome" in done.err


def test_batch_size_threads_and_device_change_nothing(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    once = shell("evaluate", runs.dna, inputs.positives)
    for words in (
        ["--batch-size", 7],
        ["--threads", 1],
        ["--device", "cpu"],
        ["--format", "fasta"],
        ["--alphabet", "dna"],
    ):
        assert shell("evaluate", runs.dna, inputs.positives, *words).out == once.out


def test_table_options(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    once = shell("evaluate", runs.dna, inputs.table)
    words = ["--sequence-column", "sequence", "--target-column", "bound", "--name-column", "part", "--header"]
    assert shell("evaluate", runs.dna, inputs.table, *words).out == once.out
    bare = tmp_path / "bare.tsv"
    bare.write_text("".join(inputs.table.read_text().splitlines(keepends=True)[1:]))
    assert shell("evaluate", runs.dna, bare, "--no-header").out == once.out
    path = tmp_path / "x.json"
    assert shell("evaluate", runs.dna, bare, "-o", path).code == 0
    assert shell("evaluate", runs.dna, bare, "-o", path).code == 1
    assert shell("evaluate", runs.dna, bare, "-o", path, "--force").code == 0


def test_weights(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """A row of weight 0 is left out, one of weight 2 counts as two."""
    lines = inputs.table.read_text().splitlines()
    weighted, repeated = tmp_path / "weighted.tsv", tmp_path / "repeated.tsv"
    weighted.write_text("\n".join([f"{lines[0]}\tw"] + [f"{line}\t{i % 3}" for i, line in enumerate(lines[1:])]))
    repeated.write_text("\n".join([lines[0]] + [line for i, line in enumerate(lines[1:]) for _ in range(i % 3)]))
    found = []
    for words in ([weighted, "--weight-column", "w"], [repeated], [weighted]):
        assert shell("evaluate", runs.dna, *words, "-o", tmp_path / "x.json", "--force").code == 0
        found.append(content(tmp_path / "x.json")["metrics"]["target"])
    assert [each["n"] for each in found] == [53, 79, 80]
    for name in ("auroc", "auprc", "accuracy"):
        assert found[0][name]["value"] == pytest.approx(found[1][name]["value"])
    assert found[0]["auprc"]["value"] != pytest.approx(found[2]["auprc"]["value"])


def test_windows_as_in_training(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    data = [inputs.peaks, "--genome", inputs.genome, "--negatives", "dinucleotide"]
    once = shell("evaluate", runs.regions, *data)
    assert shell("evaluate", runs.regions, *data, "--length", 61).out == once.out
    assert shell("evaluate", runs.regions, *data, "--length", 31).out != once.out


def test_regression(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell("evaluate", runs.regression, inputs.intensities, "--target-column", "a,b")
    assert [line.split()[0] for line in done.out.splitlines()] == ["target", "n", "pearson", "spearman", "mse"] * 2


def test_what_is_said(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    once = shell("evaluate", runs.dna, inputs.positives)
    assert "no negatives in" in once.err
    quiet = shell("evaluate", runs.dna, inputs.positives, "--quiet")
    assert (quiet.out, quiet.err) == (once.out, "")
    assert "sequences read: 40" in shell("evaluate", runs.dna, inputs.positives, "--verbose").err


def test_targets_are_found_by_the_names_of_the_models(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """In the model's order, whatever that of the columns; another column that is called like a target is not taken."""
    once = shell("evaluate", runs.regression, inputs.intensities, "--target-column", "a,b")
    assert shell("evaluate", runs.regression, inputs.intensities).out == once.out
    rows = [line.split(",") for line in inputs.intensities.read_text().splitlines()]
    swapped = tmp_path / "swapped.csv"
    swapped.write_text("".join(f"{b},{sequence},{a},{i or 'score'}\n" for i, (sequence, a, b) in enumerate(rows)))
    done = shell("evaluate", runs.regression, swapped)
    assert (done.code, done.out) == (0, once.out), done.err
    encoded = tmp_path / "x.h5"
    assert shell("encode", swapped, "--target-column", "b,a", "-o", encoded).code == 0
    assert shell("evaluate", runs.regression, encoded).out == once.out


def test_other_names_than_the_models(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """Then by the names that targets usually have; or it is said that there are none."""
    assert shell("evaluate", runs.dna, inputs.table).code == 0
    one = tmp_path / "one.csv"
    one.write_text("sequence,a,score\n" + "ACGTACGTACGT,1,2\nTTGTACGTACGT,2,3\n")
    done = shell("evaluate", runs.regression, one)
    assert done.code == 1
    assert "the data have 1 target, but the model has 2 (a, b)" in done.err
    assert "--target-column" in done.err
    none = tmp_path / "none.csv"
    none.write_text(one.read_text().replace("score", "something").replace(",a,", ",else,"))
    for data in (none, inputs.positives):
        done = shell("evaluate", runs.regression, data)
        assert done.code == 1
        assert done.err.splitlines()[-1].startswith(f"seqcnn: error: {data}: holds no targets")
        assert "--target-column" in done.err
        assert "shuffle" not in done.err


def test_a_model_of_numbers_makes_no_negatives(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """Also where all targets are 1, or regions have none."""
    ones = tmp_path / "ones.csv"
    ones.write_text("sequence,a,b\nACGTACGTACGT,1,1\nTTGTACGTACGT,1,1\n")
    done = shell("evaluate", runs.regression, ones)
    assert "negatives" not in done.err
    assert "n         2" in done.out
    done = shell("evaluate", runs.regression, inputs.peaks, "--genome", inputs.genome)
    assert (done.code, "holds no targets" in done.err) == (1, True)
    assert "GC-matched" not in done.err

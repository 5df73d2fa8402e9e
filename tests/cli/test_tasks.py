"""Every task through the command line: train, evaluate, predict; missing targets, weights, classes by name."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MOTIF, Inputs, Shell, draw

OTHER = "AGATAAGGT"
QUICK = ["--epochs", 2, "--members", 2, "--n-filters", 4, "--kernel-size", 9, "--threads", 1]
LEARNING = ["--epochs", 25, "--batch-size", 16, "--members", 1, "--n-filters", 8, "--kernel-size", 12, "--threads", 1]


def rows(seed: int = 0) -> list[dict[str, Any]]:
    """Return sequences with one of two motifs or none, and what could be measured of them."""
    rng = random.Random(seed)
    found = []
    for i in range(240):
        kind = ("glia", "neuron", "none")[i % 3]
        motif = {"glia": MOTIF, "neuron": OTHER, "none": ""}[kind]
        (sequence,) = draw(1, 50, motif, seed=f"{seed} {i}")  # type: ignore[arg-type]
        truth = {"a": int(kind == "glia"), "b": int(kind == "neuron")}
        missing = {name: "NA" if rng.random() < 0.3 else value for name, value in truth.items()}
        reads = round(rng.expovariate(1) + {"glia": 30, "neuron": 5, "none": 0}[kind])
        found.append({"name": f"s{i}", "sequence": sequence, "cell": kind, "reads": reads, "w": 1, **missing})
    return found


def write(path: Path, content: list[dict[str, Any]]) -> Path:
    lines = ["\t".join(content[0])] + ["\t".join(map(str, row.values())) for row in content]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tasks") / "cells.tsv", rows())


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Others, without what is missing."""
    return write(tmp_path_factory.mktemp("tasks") / "unseen.tsv", rows(1))


@pytest.fixture(scope="module")
def runs(table: Path, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Train a model of each task."""
    folder, found = tmp_path_factory.mktemp("runs"), {}
    for task, column in (("multiclass", "cell"), ("poisson", "reads"), ("binary", "a,b"), ("regression", "reads")):
        found[task] = folder / task
        words = ["--task", task, "--target-column", column, "-o", found[task]]
        done = shell("train", table, *words, *LEARNING)
        assert done.code == 0, done.err
    return found


def metrics(shell: Shell, run: Path, data: Path, *words: object) -> dict[str, Any]:
    path = run.parent / "metrics.json"
    done = shell("evaluate", run, data, "-o", path, "--force", *words)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(path.read_text())["metrics"]
    return found


def test_classes(runs: dict[str, Path], unseen: Path, shell: Shell) -> None:
    done = shell("predict", runs["multiclass"], unseen)
    names = ["glia", "neuron", "none"]
    assert done.header == ["name", "class", *(n for name in names for n in (name, f"{name}_probability"))]
    truth = [row["cell"] for row in rows(1)]
    right = 0
    for row, kind in zip(done.rows, truth, strict=True):
        scores, probabilities = (list(map(float, row[at::2])) for at in (2, 3))
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert row[1] == names[scores.index(max(scores))]
        total = sum(map(math.exp, scores))
        assert probabilities == pytest.approx([math.exp(score) / total for score in scores], abs=1e-4)
        right += row[1] == kind
    found = metrics(shell, runs["multiclass"], unseen)
    assert list(found) == ["cell"]
    assert found["cell"]["accuracy"]["value"] == pytest.approx(right / 240)
    assert right > 200
    assert found["cell"]["auroc"]["value"] > 0.95
    assert sum(found["cell"]["confusion"]["glia"].values()) == 80


def test_metrics_of_classes_are_shown(runs: dict[str, Path], unseen: Path, shell: Shell) -> None:
    done = shell("evaluate", runs["multiclass"], unseen)
    found = metrics(shell, runs["multiclass"], unseen)["cell"]
    shown = [line.split(maxsplit=2) for line in done.out.splitlines()]
    assert ["target", "cell"] in shown
    assert [words[0] for words in shown[1:5]] == ["n", "accuracy", "auroc", "log_loss"]
    assert "  true class       taken for" in done.out
    assert f"{found['confusion']['glia']['glia']} glia" in done.out
    value = found["classes"]["none"]["auprc"]
    assert f"auprc of none    {value['value']:.4f}  ({value['low']:.4f} to {value['high']:.4f})" in done.out


def test_a_sequence_without_a_letter_is_of_no_class(runs: dict[str, Path], shell: Shell) -> None:
    done = shell("predict", runs["multiclass"], "-", stdin=b">a\nACGTACGTACGTACGT\n>b\n")
    assert done.rows[0][1] in ("glia", "neuron", "none")
    assert done.rows[1] == ["b", "."] + ["nan"] * 6


def test_classes_of_other_data(runs: dict[str, Path], unseen: Path, shell: Shell, tmp_path: Path) -> None:
    """The column is that of the training, or another one; classes are known by their names, in any order."""
    once = shell("evaluate", runs["multiclass"], unseen)
    kinds = write(tmp_path / "kinds.tsv", [{"sequence": r["sequence"], "kind": r["cell"]} for r in rows(1)][::-1])
    done = shell("evaluate", runs["multiclass"], kinds, "--target-column", "kind")
    assert done.out.splitlines()[2][:24] == once.out.splitlines()[2][:24]
    missing = shell("evaluate", runs["multiclass"], kinds)
    assert missing.code == 1
    assert f"{kinds}: holds no classes, but the task is multiclass; see --target-column" in missing.err
    two = write(tmp_path / "two.tsv", [r for r in rows(1) if r["cell"] != "none"])
    assert "n                160" in shell("evaluate", runs["multiclass"], two).out
    other = [r | {"cell": "muscle"} if i == 7 else r for i, r in enumerate(rows(1))]
    done = shell("evaluate", runs["multiclass"], write(tmp_path / "other.tsv", other))
    assert done.code == 1
    message = "other.tsv:9: column 'cell': class 'muscle' is not one of the model's: glia, neuron, none\n"
    assert done.err.endswith(message)


def test_classes_in_headers_and_encoded(
    runs: dict[str, Path], table: Path, unseen: Path, shell: Shell, tmp_path: Path
) -> None:
    once = metrics(shell, runs["multiclass"], unseen)["cell"]
    fasta = tmp_path / "x.fa"
    fasta.write_text("".join(f">{r['name']} type={r['cell']}\n{r['sequence']}\n" for r in rows(1)))
    assert metrics(shell, runs["multiclass"], fasta, "--label-pattern", r"type=(\w+)")["cell"] == once
    encoded, training = tmp_path / "x.h5", tmp_path / "t.h5"
    for data, path in ((unseen, encoded), (table, training)):
        words = ["--task", "multiclass", "--target-column", "cell", "-o", path]
        assert shell("encode", data, *words).code == 0
    assert metrics(shell, runs["multiclass"], encoded)["cell"] == once
    done = shell("train", training, "-o", tmp_path / "run", *LEARNING)
    assert done.code == 0, done.err
    assert shell("predict", tmp_path / "run", unseen).out == shell("predict", runs["multiclass"], unseen).out
    facts = json.loads(shell("info", training, "--json").out)
    assert (facts["task"], facts["target cell"]) == ("multiclass", "80 glia, 80 neuron, 80 none")
    done = shell("evaluate", runs["binary"], encoded)
    assert done.code == 1
    assert "the targets are 3 classes (glia, neuron, none), not those of a binary task" in done.err


def test_counts(runs: dict[str, Path], unseen: Path, shell: Shell) -> None:
    done = shell("predict", runs["poisson"], unseen)
    assert done.header == ["name", "score", "rate"]
    for _, score, rate in done.rows:
        assert float(rate) == pytest.approx(math.exp(float(score)), rel=1e-4)
    found = metrics(shell, runs["poisson"], unseen)["reads"]
    assert [name for name in found if name != "n"] == ["pearson", "spearman", "deviance", "explained_deviance"]
    assert found["explained_deviance"]["value"] > 0.6
    assert found["pearson"]["value"] > 0.8
    predicted, measured = (sum(map(float, each)) for each in ([r[2] for r in done.rows], [r["reads"] for r in rows(1)]))
    assert predicted == pytest.approx(measured, rel=0.15)


def test_several_targets_of_which_three_in_ten_are_missing(
    runs: dict[str, Path], unseen: Path, shell: Shell, tmp_path: Path
) -> None:
    found = metrics(shell, runs["binary"], unseen)
    of_all = [
        {"sequence": r["sequence"], "a": int(r["cell"] == "glia"), "b": int(r["cell"] == "neuron")} for r in rows(1)
    ]
    complete = metrics(shell, runs["binary"], write(tmp_path / "all.tsv", of_all))
    for name in "ab":
        assert 150 < found[name]["n"] < 190
        assert complete[name]["n"] == 240
        assert complete[name]["auroc"]["value"] > 0.95


def test_several_targets_of_counts(table: Path, unseen: Path, shell: Shell, tmp_path: Path) -> None:
    both = [r | {"more": "" if i % 3 == 0 else r["reads"] * 10} for i, r in enumerate(rows())]
    data = write(tmp_path / "both.tsv", both)
    words = ["--task", "poisson", "--target-column", "reads,more", "-o", tmp_path / "run"]
    assert shell("train", data, *words, *QUICK).code == 0
    done = shell("predict", tmp_path / "run", unseen)
    assert done.header == ["name", "reads", "reads_rate", "more", "more_rate"]


def predictions(shell: Shell, data: Path, run: Path, unseen: Path, *words: object) -> str:
    done = shell("train", data, "-o", run, *words, *QUICK)
    assert done.code == 0, done.err
    return shell("predict", run, unseen).out


def test_a_weight_of_0_is_as_if_the_row_were_not_there(unseen: Path, shell: Shell, tmp_path: Path) -> None:
    bad = {i for i in range(240) if i % 5 in (0, 2)}
    target = ["--target-column", "y"]
    marked = [
        r | {"y": 1 - (r["cell"] == "glia") if i in bad else int(r["cell"] == "glia"), "w": int(i not in bad)}
        for i, r in enumerate(rows())
    ]
    corrupted = write(tmp_path / "corrupted.tsv", marked)
    clean = write(tmp_path / "clean.tsv", [r for i, r in enumerate(marked) if i not in bad])
    weighted = predictions(shell, corrupted, tmp_path / "a", unseen, *target, "--weight-column", "w")
    assert weighted == predictions(shell, clean, tmp_path / "b", unseen, *target)
    assert weighted != predictions(shell, corrupted, tmp_path / "c", unseen, *target)
    done = shell("train", corrupted, "-o", tmp_path / "a", *target, "--weight-column", "w", *QUICK, "--force")
    assert "96 examples of weight 0 left out" in done.err
    assert f"{corrupted}: examples count by column 'w'" in done.err
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert record["counts"]["examples of weight 0 left out"] == 96
    encoded = tmp_path / "x.h5"
    assert shell("encode", corrupted, *target, "--weight-column", "w", "-o", encoded).code == 0
    assert predictions(shell, encoded, tmp_path / "d", unseen) == weighted
    assert json.loads(shell("info", encoded, "--json").out)["weights"] == "mean 0.6, 0 to 1"


def test_weights_are_relative(table: Path, unseen: Path, shell: Shell, tmp_path: Path) -> None:
    """Their size does not matter, what they are does; in evaluate too."""
    of_each = {"glia": 5, "neuron": 0.5, "none": 1}
    target = ["--target-column", "reads", "--task", "regression"]
    small, large = (
        write(tmp_path / f"{size}.tsv", [r | {"w": size * of_each[r["cell"]]} for r in rows()]) for size in (1, 64)
    )
    weighted = predictions(shell, small, tmp_path / "a", unseen, *target, "--weight-column", "w")
    assert predictions(shell, large, tmp_path / "b", unseen, *target, "--weight-column", "w") == weighted
    assert predictions(shell, table, tmp_path / "c", unseen, *target) != weighted
    assert predictions(shell, table, tmp_path / "e", unseen, *target, "--weight-column", "w") == predictions(
        shell, table, tmp_path / "d", unseen, *target
    )
    plain = metrics(shell, tmp_path / "a", small)["reads"]
    judged = metrics(shell, tmp_path / "a", small, "--weight-column", "w")["reads"]
    assert judged["mse"]["value"] != pytest.approx(plain["mse"]["value"], rel=0.02)
    assert judged == metrics(shell, tmp_path / "a", large, "--weight-column", "w")["reads"]


def test_weights_of_regions(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    lines = [line.split("\t") for line in inputs.peaks.read_text().splitlines()]
    peaks = tmp_path / "peaks.bed"
    peaks.write_text("".join("\t".join([*cells[:4], str(1 + i % 7), cells[5]]) + "\n" for i, cells in enumerate(lines)))
    words = [peaks, "--genome", inputs.genome, "--length", 61, "--negatives", "gc"]
    encoded = tmp_path / "x.h5"
    assert shell("encode", *words, "--weight-column", "score", "-o", encoded).code == 0
    assert json.loads(shell("info", encoded, "--json").out)["weights"].endswith("1 to 7")
    once = predictions(shell, encoded, tmp_path / "a", inputs.positives)
    done = shell("train", *words, "--weight-column", "5", "-o", tmp_path / "b", *QUICK)
    assert done.code == 0, done.err
    assert shell("predict", tmp_path / "b", inputs.positives).out == once
    assert shell("train", *words, "-o", tmp_path / "c", *QUICK).code == 0
    assert shell("predict", tmp_path / "c", inputs.positives).out != once


@pytest.mark.parametrize("task", ["multiclass", "poisson"])
def test_folds_and_calibration(task: str, table: Path, unseen: Path, shell: Shell, tmp_path: Path) -> None:
    words = ["--task", task, "--target-column", "cell" if task == "multiclass" else "reads", "--weight-column", "w"]
    done = shell("train", table, *words, "-o", tmp_path / "a", "--folds", 2, *QUICK)
    assert done.code == 0, done.err
    assert len(shell("predict", tmp_path / "a", unseen).rows) == 240
    found = json.loads((tmp_path / "a" / "metrics.json").read_text())
    (summary,) = found["cross_validation"].values()
    assert len(summary["auroc" if task == "multiclass" else "explained_deviance"]["folds"]) == 2
    if task == "poisson":
        return
    search = ["--trials", 2, "--folds", 2, "--epochs", 4, "--trial-epochs", 2, "--best", 1, "--restarts", 1]
    shape = ["--n-filters", 4, "--kernel-size", 12, "--threads", 1]
    done = shell("calibrate", table, *words, "-o", tmp_path / "b", *search, *shape)
    assert done.code == 0, done.err
    assert "class" in shell("predict", tmp_path / "b", unseen).header
    assert len(metrics(shell, tmp_path / "b", unseen)) == 1


def test_classes_and_weights_of_a_dataset_that_is_read_in_blocks(
    table: Path, unseen: Path, shell: Shell, tmp_path: Path
) -> None:
    words = ["--target-column", "cell", "--weight-column", "reads"]
    for name, task in (("classes", ["--task", "multiclass"]), ("numbers", [])):
        column = ["--target-column", "cell" if task else "a", "--weight-column", "reads"]
        assert shell("encode", table, *column, *task, "-o", tmp_path / f"{name}.h5").code == 0
    done = shell("train", tmp_path / "classes.h5", "--stream", "-o", tmp_path / "run", *LEARNING)
    assert done.code == 0, done.err
    assert metrics(shell, tmp_path / "run", unseen, *words[:2])["cell"]["auroc"]["value"] > 0.8
    again = ["--task", "multiclass", "--stream", "-o", tmp_path / "x", *QUICK]
    done = shell("train", tmp_path / "numbers.h5", *again)
    assert done.code == 2
    assert "numbers.h5 has no names of classes; encode it with --task multiclass" in done.err


def test_what_info_says(runs: dict[str, Path], shell: Shell) -> None:
    facts = {task: json.loads(shell("info", run, "--json").out) for task, run in runs.items()}
    assert {task: each["task"] for task, each in facts.items()} == {task: task for task in runs}
    assert facts["multiclass"]["classes"] == "glia, neuron, none"
    assert facts["multiclass"]["valid auroc (cell)"] > 0.5
    assert "valid accuracy (cell)" in facts["multiclass"]
    assert facts["poisson"]["targets"] == "reads"
    assert "valid explained_deviance (reads)" in facts["poisson"]
    assert "valid accuracy (a)" not in facts["binary"]


def test_the_score_is_named(table: Path, shell: Shell, tmp_path: Path) -> None:
    for task, column, name in (("multiclass", "cell", "mean AUROC"), ("poisson", "reads", "explained deviance")):
        done = shell("train", table, "--task", task, "--target-column", column, "-o", tmp_path / task, *QUICK)
        assert f"validation {name} " in done.err
    assert (
        "glia"
        in shell("train", table, "--task", "multiclass", "--target-column", "cell", "-o", tmp_path / "x", *QUICK).err
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--target-column", "cell"], 1, "'glia' in column 'cell' is not a number; targets are finite numbers"),
        (["--task", "multiclass"], 1, "holds no classes, but the task is multiclass; see --target-column"),
        (
            ["--task", "multiclass", "--target-column", "a,b"],
            2,
            "the class of an example is in one column, not in a, b",
        ),
        (["--task", "multiclass", "--target-column", "w"], 1, "all examples are of class '1'; there must be another"),
        (["--task", "poisson", "--target-column", "minus"], 1, "a target is -3, but counts are 0 or more"),
        (["--target-column", "a", "--weight-column", "minus"], 1, ":2: '-3' in column 'minus' is not a weight"),
        (
            ["--target-column", "a", "--weight-column", "b"],
            1,
            "in column 'b' is not a weight; weights are numbers of 0",
        ),
        (["--target-column", "a", "--weight-column", "none"], 1, "there is no column 'none' (weight)"),
        (["--target-column", "a", "--weight-column", "zero"], 1, ": all weights are 0"),
        (
            ["--task", "multiclass", "--target-column", "cell", "--negatives", "dinucleotide"],
            2,
            "--negatives dinucleotide makes a 0/1 target, but",
        ),
    ],
)
def test_what_is_refused(words: list[str], code: int, said: str, shell: Shell, tmp_path: Path) -> None:
    data = write(tmp_path / "x.tsv", [r | {"minus": -3, "zero": 0} for r in rows()])
    done = shell("train", data, *words, "-o", tmp_path / "run", *QUICK)
    assert (done.code, len(done.err.splitlines()[-1:])) == (code, 1), done.err
    assert said in done.err.splitlines()[-1]
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_column_of_names_is_no_class(shell: Shell, tmp_path: Path) -> None:
    many = write(tmp_path / "x.tsv", [r | {"name": f"{r['name']}_{i}"} for i in range(5) for r in rows()])
    done = shell("train", many, "--task", "multiclass", "--target-column", "name", "-o", tmp_path / "run", *QUICK)
    assert done.code == 1
    assert "x.tsv:1002: column 'name': more than 1,000 classes; is it the name of a class?" in done.err


def test_weights_without_a_use(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("train", inputs.positives, "--weight-column", "w", "-o", tmp_path / "run", *QUICK)
    assert done.code == 2
    assert "--weight-column is for tables and regions" in done.err

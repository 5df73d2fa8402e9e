"""`seqcnn train --folds` and `--config`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import SMALL, Inputs, Run, Shell, run_anew

Train = Callable[..., Run]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Train in a new folder."""

    def call(*words: object, small: list[str] = SMALL) -> Run:
        return run_anew(tmp_path, "train", *small, *words)

    return call


def test_cross_validation(train: Train, shell: Shell, inputs: Inputs) -> None:
    run = train(inputs.table, "--target-column", "bound", "--folds", 4, "--members", 2, "--test-fraction", 0.1)
    metrics = run.metrics
    folds = [fold["bound"]["auroc"]["value"] for fold in metrics["folds"]]
    assert len(folds) == 4
    assert sum(fold["bound"]["n"] for fold in metrics["folds"]) == 72
    summary = metrics["cross_validation"]["bound"]["auroc"]
    assert summary["folds"] == folds
    assert summary["mean"] == pytest.approx(np.mean(folds))
    assert summary["low"] < summary["mean"] < summary["high"]
    assert metrics["test"]["bound"]["n"] == 8
    assert len(run.filters) == 8
    with open(run.folder / "history.tsv") as file:
        history = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["fold"], row["epoch"], row["member"]) for row in history] == [
        (fold, epoch, member) for fold in "1234" for epoch in "12" for member in "12"
    ]
    record = run.record
    assert record["folds_by"] == "similarity"
    assert len(record["best_epoch"]) == 4
    lines = run.done.err.splitlines()
    assert "4 folds by similarity" in lines
    assert sum(line.startswith("fold 3/4  epoch") for line in lines) == 2
    shown = next(line.split() for line in lines if line.strip().startswith("auroc"))
    assert shown[1] == f"{summary['mean']:.4f}"
    assert shown[-4:] == [f"{value:.4f}" for value in folds]
    done = shell("predict", run.folder, inputs.positives)
    assert done.code == 0, done.err
    assert len(done.rows) == 40


def test_the_fraction_that_validates(train: Train, inputs: Inputs) -> None:
    """Is one of the folds that train; without it the last epoch counts."""
    words = [inputs.table, "--target-column", "bound", "--folds", 2, "--epochs", 4]
    usual, none = train(*words), train(*words, "--valid-fraction", 0)
    assert none.record["best_epoch"] == [[4], [4]]
    assert not np.allclose(usual.filters, none.filters)


@pytest.mark.parametrize("change", [["--folds", 3], ["--seed", 3], ["--folds-by", "chromosome"]])
def test_options_that_change_folds(change: list[object], train: Train, inputs: Inputs) -> None:
    words = [inputs.peaks, "--genome", inputs.genome, "--length", 41, "--negatives", "flank", "--folds", 2]
    one, other = (train(*words, *more).metrics["folds"] for more in ([], change))
    assert one != other


def test_folds_by_chromosome(train: Train, inputs: Inputs) -> None:
    words = [inputs.peaks, "--genome", inputs.genome, "--length", 41, "--negatives", "flank"]
    run = train(*words, "--folds", 3, "--folds-by", "chromosome")
    assert "3 folds by chromosome" in run.done.err
    assert [fold["target"]["n"] for fold in run.metrics["folds"]] == [20, 20, 20]


def test_errors_of_folds(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    for words, code, said in (
        (["--folds", 1], 2, "--folds"),
        (["--folds", 90], 1, "90 folds cannot be made of 80 groups of related examples; lower --folds"),
        (["--folds", 2, "--folds-by", "chromosome"], 2, "folds by chromosome need regions"),
        (["--folds-by", "letter"], 2, "--folds-by"),
        (["--folds", 2, "--valid-chroms", "chr1"], 2, "--folds holds out each fold in turn, not --valid-chroms"),
    ):
        done = shell("train", inputs.table, *SMALL, *words, "-o", tmp_path / "run")
        assert done.code == code
        assert said in done.err.splitlines()[-1]


def test_config_says_what_the_command_would(train: Train, inputs: Inputs, tmp_path: Path) -> None:
    """Lists, switches, words, numbers in full precision; underscores or dashes."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "learning_rate: 0.012345678901234567\nmembers: 2\nbalance: false\npooling: max-average\n"
        "test-chroms: [chr1, chr2]\nlength: 41\nepochs: null\n"
    )
    words = [inputs.peaks, "--genome", inputs.genome]
    small = ["--n-filters", "4", "--kernel-size", "9", "--threads", "1", "--steps", "4"]
    by_file = train(*words, "--config", path, small=small)
    said = ["--learning-rate", "0.012345678901234567", "--members", 2, "--no-balance", "--pooling", "max-average"]
    by_hand = train(*words, *said, "--test-chroms", "chr1,chr2", "--length", 41, small=small)
    np.testing.assert_array_equal(by_file.filters, by_hand.filters)
    assert by_file.options == by_hand.options
    assert by_file.options["test_chroms"] == ["chr1", "chr2"]


def test_the_command_comes_first(train: Train, inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("hidden: 7\nseed: 5\nno: such\n".replace("no: such\n", ""))
    for words in (["--config", path, "--hidden", 3], ["--hidden", 3, "--config", path]):
        options = train(inputs.table, *words).options
        assert (options["hidden"], options["seed"]) == (3, 5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("epochs: many\n", "epochs: 'many' is not a valid integer range"),
        ("epochs: 2.5\n", "epochs: '2.5' is not a valid integer range"),
        ("epochs: true\n", "epochs: 'True' is not a valid integer range"),
        ("epochs: 0\n", "epochs: 0 is not in the range x>=1"),
        ("dropout: 1\n", "dropout: 1.0 is not in the range 0<=x<1"),
        ("preset: fast\n", "preset: 'fast' is not one of 'deepbind', 'default'"),
        ("balance: perhaps\n", "balance: 'perhaps' is not a valid boolean"),
        ("epochs: [1, 2]\n", "epochs: '1,2' is not a valid integer range"),
        ("trials: 3\n", "has the option 'trials', which `seqcnn train` has not"),
        ("config: other.yaml\n", "has the option 'config', which `seqcnn train` has not"),
        ("o: x\n", "has the option 'o', which"),
        ("3: x\n", "has the option '3', which"),
        ("- epochs\n", "does not hold options, one a line: name: value"),
        ("", "does not hold options, one a line: name: value"),
        ("epochs: [\n", "is not YAML (while parsing a flow"),
    ],
)
def test_wrong_configs(content: str, said: str, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "c.yaml"
    path.write_text(content)
    done = shell("train", inputs.table, "--config", path, "-o", tmp_path / "run")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"seqcnn: error: {path}: ")
    assert said in done.err
    assert not (tmp_path / "run").exists()


def test_configs_that_cannot_be_read(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    done = shell("train", inputs.table, "--config", tmp_path / "none.yaml", "-o", tmp_path / "run")
    assert done.code == 1
    assert done.err == f"seqcnn: error: {tmp_path / 'none.yaml'}: no such file or directory\n"
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    done = shell("train", inputs.table, "--config", tmp_path / "x.yaml", "-o", tmp_path / "run")
    assert done.code == 1
    assert "x.yaml: is not YAML" in done.err

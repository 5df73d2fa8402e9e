"""`seqcnn calibrate`: what it leaves, that each trial can be done again alone, and that each option matters."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seqcnn.cli import trials_table
from seqcnn.cli.commands.calibrate import SEARCHED
from seqcnn.report.trials import draw_trials
from seqcnn.training.search import SPACES
from tests.cli.conftest import Inputs, Run, Shell, run_anew

OPEN: list[object] = ["--trials", 4, "--trial-epochs", 2, "--epochs", 3, "--best", 2, "--threads", 1]
"""Options that make a calibration quick, and leave the shape to be searched."""
SMALL: list[object] = [*OPEN, "--trial-filters", 3, "--n-filters", 4, "--kernel-size", 9]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare intervals and the picture, which take longer than training here."""
    monkeypatch.setattr(trials_table, "draw_trials", lambda trials, space, metric, path: path.write_text(metric))


class Search(Run):
    """A finished calibration."""

    @property
    def table(self) -> str:
        return (self.folder / "trials.tsv").read_text()

    @property
    def trials(self) -> list[dict[str, str]]:
        return list(csv.DictReader(self.table.splitlines(), delimiter="\t"))

    def config(self, trial: int) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.folder / "trials" / f"trial_{trial:02d}.yaml").read_text())
        return found


Calibrate = Callable[..., Search]


@pytest.fixture
def calibrate(tmp_path: Path) -> Calibrate:
    """Calibrate quickly, in a new folder."""

    def call(*words: object, small: list[object] = SMALL) -> Search:
        run = run_anew(tmp_path, "calibrate", *small, *words)
        return Search(run.folder, run.done)

    return call


def test_what_a_run_leaves(calibrate: Calibrate, inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_table, "draw_trials", draw_trials)
    run = calibrate(inputs.table, "--test-fraction", 0.2, "--trials", 6)
    assert (run.folder / "trials.png").read_bytes().startswith(b"\x89PNG")
    rows = run.trials
    assert [row["rank"] for row in rows] == list("123456")
    assert sorted(row["trial"] for row in rows) == list("123456")
    means = [float(row["mean"]) for row in rows]
    assert means == sorted(means, reverse=True)
    for row in rows:
        folds = [float(row[f"fold_{i}"]) for i in (1, 2, 3)]
        assert float(row["mean"]) == pytest.approx(np.mean(folds), abs=2e-6)
        assert float(row["sd"]) == pytest.approx(np.std(folds, ddof=1), abs=2e-6)
        assert row["epochs"] == "2"
        assert 0 <= min(folds) <= max(folds) <= 1
    first = next(row for row in rows if row["trial"] == "1")  # the usual settings
    assert (first["learning_rate"], first["dropout"], first["filter_scale"]) == ("0.008", "0.1", "usual")
    chosen = run.metrics["calibration"]
    assert chosen["metric"] == "AUROC"
    shape = {row["trial"]: row["hidden"] for row in rows}
    alike = [row["trial"] for row in rows if shape[row["trial"]] == rows[0]["hidden"]]
    assert [str(each["trial"]) for each in chosen["best"]] == alike[:2]
    assert chosen["best"][0]["score"] == pytest.approx(means[0], abs=1e-6)
    (test,) = run.metrics["test"].values()
    assert 0 <= test["auroc"]["value"] <= 1
    record = run.record
    assert record["command"] == "calibrate"
    assert record["calibration"] == chosen["best"]
    assert (record["lost_trials"], record["lost_networks"], record["epochs"]) == ([], [], 3)
    assert record["counts"]["split: test"] == 16
    assert len(run.filters) == 2 * len(chosen["best"])
    assert run.filters.shape[1:] == (4, 4, 9)
    with open(run.folder / "history.tsv") as file:
        history = list(csv.DictReader(file, delimiter="\t"))
    assert len(history) == 3 * len(run.filters)


def test_what_is_said(calibrate: Calibrate, inputs: Inputs) -> None:
    run = calibrate(inputs.table, "--search", "hidden=0,5", "--best", 9)
    lines = run.done.err.splitlines()
    assert "4 settings on 3 folds by similarity, 2 epochs each; then at most 9 of one shape on all of them" in lines
    assert sum(line.startswith("fit ") for line in lines) == 6
    assert any(line.startswith("fit 1/6: 2 trials, fold 1, best AUROC 0.") for line in lines)
    best = run.trials[0]
    assert f"best setting: trial {best['trial']}, mean AUROC {float(best['mean']):.4f}" in lines
    alike = [row["trial"] for row in run.trials if row["hidden"] == best["hidden"]]
    assert f"training 4 networks on all folds, 3 epochs: those of trials {', '.join(alike)}" in lines
    assert calibrate(inputs.table, "--quiet").done.err == ""


def redo(run: Search, shell: Shell, trial: int, folder: Path, *data: object) -> list[float]:
    """Return the scores of a trial done again alone."""
    config = run.folder / "trials" / f"trial_{trial:02d}.yaml"
    done = shell("train", *data, "--config", config, "-o", folder, "--threads", 1, "--quiet")
    assert done.code == 0, done.err
    folds = json.loads((folder / "metrics.json").read_text())["folds"]
    names = {"auroc", "pearson"}
    each = [[value[name]["value"] for value in fold.values() for name in names & set(value)] for fold in folds]
    return [float(np.mean(values)) for values in each]


CASES: dict[str, list[object]] = {
    "table": ["--target-column", "bound", "--test-fraction", 0.2, "--seed", 3],
    "shapes": ["--search", "n-filters=2..5", "--search", "pooling=max,max-average", "--search", "batch_size=16,64"],
    "lengths": ["--search", "kernel_size=5..9", "--n-filters", 3, "--search", "hidden=0,2,5"],
    "published": ["--preset", "deepbind", "--trial-epochs", 6, "--n-filters", 3, "--test-fraction", 0.1],
    "numbers": ["--target-column", "signal", "--decay-from", 3, "--filter-decay", 0.5],
    "split": ["--split-column", "part", "--folds", 2, "--strands", "one", "--no-balance"],
}


@pytest.mark.parametrize("case", CASES)
def test_a_trial_done_again_alone(
    case: str, calibrate: Calibrate, shell: Shell, inputs: Inputs, tmp_path: Path
) -> None:
    """Gives the same scores within 1e-4."""
    run = calibrate(inputs.table, *CASES[case], small=OPEN if case in ("shapes", "lengths") else SMALL)
    for row in run.trials[::2]:
        scores = redo(run, shell, int(row["trial"]), tmp_path / f"again{row['trial']}", inputs.table)
        wanted = [float(row[f"fold_{i + 1}"]) for i in range(len(scores))]
        assert scores == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("relative", [False, True])
def test_a_trial_of_regions_done_again_elsewhere(
    relative: bool, shell: Shell, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that options name are found from any folder."""
    monkeypatch.chdir(inputs.folder)
    genome = inputs.genome.name if relative else inputs.genome
    words = [inputs.peaks, "--genome", genome, "--length", 41, "--test-chroms", "3", "--negatives", "gc"]
    words += ["--folds-by", "similarity", "--folds", 2, "--search", "dropout=0.1,0.2", "--no-resample"]
    done = shell("calibrate", *SMALL, *words, "-o", tmp_path / "run")
    assert done.code == 0, done.err
    run = Search(tmp_path / "run", done)
    assert run.config(1)["genome"] == str(inputs.genome)
    assert run.config(1)["test-chroms"] == ["3"]
    monkeypatch.chdir(tmp_path)
    row = run.trials[0]
    scores = redo(run, shell, int(row["trial"]), tmp_path / "again", inputs.peaks)
    assert scores == pytest.approx([float(row["fold_1"]), float(row["fold_2"])], abs=1e-4)


def test_a_trial_with_a_file_of_negatives(calibrate: Calibrate, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    run = calibrate(inputs.positives, "--negatives", os.path.relpath(inputs.negatives), "--trials", 1)
    assert run.config(1)["negatives"] == str(inputs.negatives)
    scores = redo(run, shell, 1, tmp_path / "again", inputs.positives)
    assert scores == pytest.approx([float(run.trials[0][f"fold_{i}"]) for i in (1, 2, 3)], abs=1e-4)


def test_configs_say_all_that_a_trial_needs(calibrate: Calibrate, inputs: Inputs) -> None:
    run = calibrate(inputs.table, "--hidden", 3, "--optimiser", "sgd", "--balance", "--alphabet", "rna")
    config = run.config(2)
    row = next(row for row in run.trials if row["trial"] == "2")
    assert "hidden" not in row
    assert (config["hidden"], config["optimiser"], config["alphabet"], config["n-filters"]) == (3, "sgd", "rna", 3)
    assert config["learning-rate"] == pytest.approx(float(row["learning_rate"]), rel=1e-5)
    assert (config["members"], config["folds"], config["epochs"], config["valid-fraction"]) == (1, 3, 2, 0.0)
    assert (config["folds-by"], config["seed"]) == ("similarity", 0)
    first = (run.folder / "trials" / "trial_02.yaml").read_text().splitlines()[0]
    assert first == f"# Trial 2: mean AUROC {float(row['mean']):.4f} over 3 folds."


def test_configs_of_an_earlier_run_go(calibrate: Calibrate, shell: Shell, inputs: Inputs) -> None:
    run = calibrate(inputs.table)
    done = shell("calibrate", inputs.table, *SMALL, "--trials", 2, "--force", "-o", run.folder)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (run.folder / "trials").iterdir()) == ["trial_01.yaml", "trial_02.yaml"]


CHANGES: dict[str, list[object]] = {
    "trials": ["--trials", 5],
    "folds": ["--folds", 2],
    "search": ["--search", "learning-rate=0.001..0.002"],
    "trial_epochs": ["--trial-epochs", 3],
    "trial_filters": ["--trial-filters", 2],
    "seed": ["--seed", 9],
    "preset": ["--preset", "deepbind"],
    "momentum": ["--momentum", 0.5],
    "kernel_size": ["--kernel-size", 7],
    "batch_size": ["--batch-size", 16],
    "decay_from": ["--weight-decay", 50, "--decay-from", 3],
    "nesterov": ["--optimiser", "sgd", "--learning-rate", 1, "--no-nesterov"],
    "alphabet": ["--alphabet", "rna"],
}


@pytest.mark.parametrize("name", CHANGES)
def test_options_that_change_the_trials(name: str, calibrate: Calibrate, inputs: Inputs) -> None:
    words = CHANGES[name]
    own = 1 if name == "nesterov" else 2
    plain, changed = calibrate(inputs.table, *words[:-own]), calibrate(inputs.table, *words)
    assert plain.table != changed.table
    assert plain.options[name] != changed.options[name]


@pytest.mark.parametrize(
    ("words", "members"),
    [(["--best", 1], 2), (["--restarts", 3], 6), (["--keep", "best"], 1), (["--epochs", 5], 4)],
)
def test_options_that_change_the_model(words: list[object], members: int, calibrate: Calibrate, inputs: Inputs) -> None:
    same = ["--hidden", 0]
    plain, changed = calibrate(inputs.table, *same), calibrate(inputs.table, *same, *words)
    assert plain.table == changed.table
    assert len(plain.filters) == 4
    assert len(changed.filters) == members
    if words[0] != "--epochs":
        assert any(np.allclose(each, changed.filters[0], atol=1e-5) for each in plain.filters)
    else:
        assert not np.allclose(plain.filters, changed.filters)


def test_at_once(calibrate: Calibrate, inputs: Inputs) -> None:
    """More fits, of fewer trials; the same scores."""
    plain, few = (calibrate(inputs.table, "--hidden", 0, *words) for words in ([], ["--at-once", 3]))
    assert [run.done.err.count("\nfit ") for run in (plain, few)] == [3, 6]
    for one, other in zip(plain.trials, few.trials, strict=True):
        assert one["trial"] == other["trial"]
        assert float(one["mean"]) == pytest.approx(float(other["mean"]), abs=1e-4)


def test_folds_by_chromosome(calibrate: Calibrate, inputs: Inputs) -> None:
    words = [inputs.peaks, "--genome", inputs.genome, "--length", 41, "--folds", 3]
    by_chrom = calibrate(*words, "--folds-by", "chromosome")
    assert "on 3 folds by chromosome" in by_chrom.done.err
    assert by_chrom.config(1)["folds-by"] == "chromosome"
    assert by_chrom.table != calibrate(*words).table


def test_a_fixed_option_is_not_searched(calibrate: Calibrate, inputs: Inputs) -> None:
    run = calibrate(inputs.table, "--dropout", 0.2, "--filter-scale", 0.1)
    assert not {"dropout", "filter_scale"} & set(run.trials[0])
    assert "weight_scale" in run.trials[0]
    assert run.config(2)["dropout"] == 0.2
    assert run.config(2)["filter-scale"] == 0.1


def test_a_search_by_name(calibrate: Calibrate, inputs: Inputs) -> None:
    searched = ["--search", "kernel_size=5,7", "--search", "hidden=2..3", "--search", "dropout=0.3"]
    run = calibrate(inputs.table, *searched, "--n-filters", 3, small=OPEN)
    assert {row["kernel_size"] for row in run.trials} == {"5", "7"}
    assert {row["hidden"] for row in run.trials} <= {"2", "3"}
    assert {row["dropout"] for row in run.trials} == {"0.3"}
    assert "learning_rate" in run.trials[0]
    assert run.filters.shape[3] == int(run.trials[0]["kernel_size"])


def test_the_published_procedure(calibrate: Calibrate, inputs: Inputs) -> None:
    """Five checkpoints; the best is trained for as long as was best; the one with the lowest loss is kept."""
    words = ["--preset", "deepbind", "--epochs", 10, "--trial-epochs", 10, "--batch-size", 16, "--best", 1]
    run = calibrate(inputs.table, *words)
    assert {row["epochs"] for row in run.trials} <= {"2", "4", "6", "8", "10"}
    assert run.record["epochs"] == int(run.trials[0]["epochs"])
    assert len(run.filters) == 1
    with open(run.folder / "history.tsv") as file:
        history = list(csv.DictReader(file, delimiter="\t"))
    assert {row["member"] for row in history} == set("123456")
    steps = calibrate(inputs.table, "--preset", "deepbind", "--steps", 6, "--batch-size", 16, "--trial-epochs", 1)
    assert steps.record["epochs"] == 2
    one_cycle = calibrate(inputs.table, *words, "--schedule", "one-cycle")
    assert {row["epochs"] for row in one_cycle.trials} == {"10"}


def test_how_long_a_trial_is(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    """By itself a quarter of the epochs; with the published preset as many steps as the final training."""
    words = [inputs.table, "--trials", 1, "--n-filters", 2, "--kernel-size", 5, "--threads", 1, "--folds", 4]
    for i, (given, said) in enumerate(
        [
            (["--epochs", 20], "5 epochs each"),
            (["--epochs", 3], "2 epochs each"),
            (["--epochs", 1], "1 epochs each"),
            (["--preset", "deepbind", "--steps", 8, "--batch-size", 10], "2 epochs each"),  # 60 of 80 examples
        ]
    ):
        done = shell("calibrate", *words, *given, "-o", tmp_path / str(i))
        assert done.code == 0, done.err
        assert said in done.err


def test_help_says_what_is_searched(shell: Shell) -> None:
    assert set(SPACES["default"]) == SEARCHED
    text = " ".join(shell("calibrate", "--help").out.split())
    assert "initial weights. [default: searched; x>0]" in text
    assert "0 for none. [default: searched; x>=0]" in text


def test_numbers_and_several_targets(calibrate: Calibrate, inputs: Inputs) -> None:
    run = calibrate(inputs.intensities, "--target-column", "a,b")
    assert "best Pearson" in run.done.err
    assert run.metrics["calibration"]["metric"] == "Pearson"
    assert "mean Pearson" in (run.folder / "trials" / "trial_01.yaml").read_text()


def test_lost_trials(calibrate: Calibrate, inputs: Inputs) -> None:
    words = ["--target-column", "signal", "--optimiser", "sgd", "--schedule", "constant", "--hidden", 4]
    run = calibrate(inputs.table, *words, "--search", "learning-rate=1e-3,1e30", "--trials", 6, "--seed", 1)
    lost = sorted(int(row["trial"]) for row in run.trials if row["mean"] == "nan")
    assert 0 < len(lost) < 6
    assert {row["learning_rate"] for row in run.trials if row["mean"] == "nan"} == {"1e+30"}
    assert [row["mean"] for row in run.trials][-len(lost) :] == ["nan"] * len(lost)
    assert run.record["lost_trials"] == lost
    assert f"left the numbers on a fold, and so come last: trials {', '.join(map(str, lost))}" in run.done.err


def test_all_trials_lost(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    words = ["--target-column", "signal", "--optimiser", "sgd", "--schedule", "constant", "--learning-rate", 1e30]
    done = shell("calibrate", inputs.table, *SMALL, *words, "-o", tmp_path / "run")
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "seqcnn: error: no trial has a score: all left the numbers; search lower learning rates"
    )


def test_a_model_of_a_calibration_predicts(calibrate: Calibrate, shell: Shell, inputs: Inputs) -> None:
    run = calibrate(inputs.table)
    done = shell("predict", run.folder, inputs.positives)
    assert done.code == 0, done.err
    assert len(done.rows) == 40


def test_config_of_calibrate(calibrate: Calibrate, inputs: Inputs, tmp_path: Path) -> None:
    """Says the same options as the command line, which comes first."""
    path = tmp_path / "c.yaml"
    path.write_text("hidden: 0\nsearch: ['dropout=0.1,0.2', 'momentum=0.5..0.6']\ntrial_epochs: 1\nseed: 4\n")
    run = calibrate(inputs.table, "--config", path)
    words = ["--hidden", 0, "--search", "dropout=0.1,0.2", "--search", "momentum=0.5..0.6", "--seed", 4]
    assert run.table == calibrate(inputs.table, *words).table  # the trial epochs are those of the command
    path.write_text("search: dropout=0.1,0.2\n")
    assert {row["dropout"] for row in calibrate(inputs.table, "--config", path).trials} <= {"0.1", "0.2"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--search", "learning_rate"], 2, "--search learning_rate is neither NAME=LOW..HIGH nor NAME=A,B,C"),
        (["--search", "epochs=1..2"], 2, "'epochs' cannot be searched; there are: n_filters"),
        (["--search", "dropout=0.5,1"], 2, "dropout must be at least 0 and below 1"),
        (["--search", "kernel_size=4,60"], 1, "the longest sequence has 50 bp, less than a filter (60 bp)"),
        (["--search", "kernel_size=4..60"], 1, "the longest sequence has 50 bp, less than a filter (60 bp)"),
        (["--hidden", 0, "--search", "hidden=0,3"], 2, "--search hidden and --hidden: give one of them"),
        (["--folds", 81], 1, "81 folds cannot be made of 80 groups of related examples; lower --folds"),
        (
            ["--folds", 80],
            1,
            "fold 1 has one class, or one value, only: nothing can be judged on it; use fewer --folds",
        ),
        (["--folds-by", "chromosome"], 2, "folds by chromosome need regions"),
        (["--folds", 1], 2, "--folds"),
        (["--trials", 0], 2, "--trials"),
        (["--members", 2], 2, "No such option"),
        (["--valid-fraction", 0.1], 2, "No such option"),
        (["--study", "x", "--resume"], 2, "--study goes on by itself with what is left; leave --resume out"),
    ],
)
def test_errors(words: list[object], code: int, said: str, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    done = shell("calibrate", inputs.table, "--target-column", "bound", *words, "-o", tmp_path / "run")
    assert done.code == code
    assert said in done.err.splitlines()[-1]
    assert done.err.splitlines()[-1].startswith("seqcnn: error: ")
    assert not list((tmp_path / "run").glob("*"))


def test_torchrun_is_refused(shell: Shell, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = shell("calibrate", inputs.table, *SMALL, "-o", tmp_path / "run")
    assert done.code == 2
    assert "torchrun does not divide a calibration; start processes by themselves, with --study FILE" in done.err


def test_an_output_is_not_overwritten(calibrate: Calibrate, shell: Shell, inputs: Inputs) -> None:
    run = calibrate(inputs.table)
    before = run.model
    done = shell("calibrate", inputs.table, *SMALL, "--seed", 2, "-o", run.folder)
    assert done.code == 1
    assert "is not empty; use --force" in done.err
    assert run.model == before

"""`seqcnn train`: what a run leaves, that it can be repeated, and that each option matters."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqcnn.training.presets import PRESETS
from tests.cli.conftest import PARTS, RUN_FILES, SMALL, Inputs, Run, Shell, run_anew

Train = Callable[..., Run]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Train a small model in a new folder."""

    def call(*words: object, **streams: Any) -> Run:
        return run_anew(tmp_path, "train", *SMALL, "--epochs", 1, *words, **streams)

    return call


def same(a: Run, b: Run) -> bool:
    """Say whether two runs have the same weights."""
    return a.weights.keys() == b.weights.keys() and all(
        left.shape == b.weights[name].shape and torch.equal(left, b.weights[name]) for name, left in a.weights.items()
    )


def test_what_a_run_leaves(train: Train, inputs: Inputs) -> None:
    words = [inputs.positives, "--negatives", inputs.negatives, "--seed", 5, "--epochs", 3, "--test-fraction", 0.2]
    run = train(*words)
    record = run.record
    assert record["argv"][:2] == ["seqcnn", "train"]
    assert record["argv"][-1] == str(run.folder)
    assert record["command"] == "train"
    assert record["options"]["seed"] == 5
    assert record["options"]["epochs"] == 3
    assert record["options"]["dropout"] == PRESETS["default"]["dropout"]
    assert record["seqcnn"]
    assert record["device"] == "cpu (1 thread)"
    assert record["seconds"] > 0
    assert record["negatives"] == str(inputs.negatives)
    sums = {entry["path"]: entry["sha256"] for entry in record["inputs"]}
    files = [inputs.positives, inputs.negatives]
    assert sums == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    counts = record["counts"]
    assert counts["split: train"] + counts["split: valid"] + counts["split: test"] == 80
    assert (counts["split: valid"], counts["split: test"]) == (6, 16)
    assert [row["epoch"] for row in run.history] == ["1", "2", "3"]
    assert all(float(row[name]) > 0 for row in run.history for name in ("training_loss", "validation_loss", "seconds"))
    assert all(0 <= float(row["validation_score"]) <= 1 for row in run.history)
    assert set(run.metrics) == {"valid", "test"}
    auroc = run.metrics["test"]["target"]["auroc"]
    assert 0 <= auroc["low"] <= auroc["value"] <= auroc["high"] <= 1


def test_what_is_said(train: Train, inputs: Inputs) -> None:
    lines = train(inputs.positives, "--epochs", 2).done.err.splitlines()
    assert "dinucleotide shuffle of each positive" in lines[1]
    assert lines[0].startswith("device cpu (1 thread); train 72 (36 positive, 36 negative); valid 8 (4 positive")
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/2", "2/2"]
    assert all("loss" in line and "sequences/s" in line and "s left" in line for line in lines[2:4])
    assert lines[-1].startswith("wrote ")
    assert "\x1b" not in "".join(lines)
    assert train(inputs.positives, "--quiet").done.err == ""
    assert "sequences read: 40" in train(inputs.positives, "--verbose").done.err


def test_a_seed_repeats_a_run(train: Train, inputs: Inputs) -> None:
    one, again, other = (train(inputs.positives, "--epochs", 2, "--seed", seed) for seed in (1, 1, 2))
    assert one.model == again.model
    assert not same(one, other)


@pytest.mark.parametrize("kind", ["fasta", "file", "labels", "regions", "table", "regression", "rna"])
def test_encoding_first_changes_nothing(kind: str, train: Train, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    words: dict[str, list[object]] = {
        "fasta": [inputs.positives, "--seed", 3, "--negatives-ratio", 2],
        "file": [inputs.positives, "--negatives", inputs.negatives],
        "labels": [inputs.labelled, "--label-pattern", "class:([01])"],
        "regions": [inputs.peaks, "--genome", inputs.genome, "--length", 31, "--seed", 3],
        "table": [inputs.table, "--split-column", "part"],
        "regression": [inputs.intensities, "--target-column", "a,b"],
        "rna": [inputs.rna, "--alphabet", "rna"],
    }
    encoded = tmp_path / "x.h5"
    done = shell("encode", *words[kind], "-o", encoded)
    assert done.code == 0, done.err
    seed = words[kind][words[kind].index("--seed") :][:2] if "--seed" in words[kind] else []
    whole, raw = train(encoded, *seed), train(*words[kind])
    assert same(raw, whole)
    assert raw.metrics == whole.metrics
    assert raw.record["counts"]["split: train"] == whole.record["counts"]["split: train"]


def test_standard_input_and_several_inputs(train: Train, inputs: Inputs) -> None:
    once = train(inputs.positives, "--negatives", inputs.negatives)
    piped = train("-", "--negatives", inputs.negatives, stdin=inputs.positives.read_bytes())
    assert same(once, piped)
    assert [entry["path"] for entry in piped.record["inputs"]] == [str(inputs.negatives)]
    twice = train(inputs.positives, inputs.rna, "--alphabet", "dna", "--negatives", inputs.negatives)
    assert not same(once, twice)


CHANGES: dict[str, list[object]] = {
    "preset": ["--preset", "deepbind"],
    "n-filters": ["--n-filters", 5],
    "kernel-size": ["--kernel-size", 7],
    "hidden": ["--hidden", 0],
    "pooling": ["--pooling", "max-average"],
    "dropout": ["--dropout", 0.6],
    "members": ["--members", 2],
    "strands": ["--strands", "one"],
    "task": ["--task", "regression"],
    "epochs": ["--epochs", 8],
    "batch-size": ["--batch-size", 16],
    "optimiser": ["--optimiser", "sgd"],
    "schedule": ["--schedule", "constant"],
    "learning-rate": ["--learning-rate", 0.02],
    "weight-decay": ["--weight-decay", 0.5],
    "momentum": ["--momentum", 0.2],
    "seed": ["--seed", 9],
    "alphabet": ["--alphabet", "rna"],
    "valid-fraction": ["--valid-fraction", 0.3],
    "test-fraction": ["--test-fraction", 0.3],
    "split-column": ["--split-column", "part"],
    "target-column": ["--target-column", "signal"],
    "weight-column": ["--weight-column", "signal"],
    "filter-scale": ["--filter-scale", 0.3],
    "weight-scale": ["--weight-scale", 0.3],
    "steps": ["--steps", 5],
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_each_option_matters(name: str, train: Train, inputs: Inputs) -> None:
    plain, changed = train(inputs.table), train(inputs.table, *CHANGES[name])
    assert not same(plain, changed)
    option = name.replace("-", "_")
    assert plain.options[option] != changed.options[option]


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (["--optimiser", "sgd"], ["--no-nesterov"]),
        (["--weight-decay", 0.5], ["--filter-decay", 0]),
        (["--filter-decay", 0.5], ["--filter-decay", 0]),
        (["--weight-decay", 0.5], ["--decay-from", 2]),
        (["--filter-scale", 0.3], ["--weight-scale", 0.3]),
    ],
)
def test_options_that_matter_beside_others(
    before: list[object], change: list[object], train: Train, inputs: Inputs
) -> None:
    words = [inputs.table, "--target-column", "bound", "--epochs", 4, "--batch-size", 16]
    assert not same(train(*words, *before), train(*words, *before, *change))


def test_nesterov_is_usual(train: Train, inputs: Inputs) -> None:
    words = [inputs.table, "--optimiser", "sgd", "--epochs", 3]
    assert same(train(*words), train(*words, "--nesterov"))


def test_decay_of_filters_alone(train: Train, inputs: Inputs) -> None:
    words = [inputs.table, "--epochs", 30, "--learning-rate", 0.1, "--hidden", 4, "--valid-fraction", 0]
    plain, decayed = train(*words).weights, train(*words, "--filter-decay", 1).weights
    assert decayed["filters"].abs().mean() < 0.5 * plain["filters"].abs().mean()
    assert decayed["output_weight"].abs().mean() > 0.5 * plain["output_weight"].abs().mean()


def test_scales_of_initial_weights(train: Train, inputs: Inputs) -> None:
    words = [inputs.table, "--learning-rate", 1e-9, "--n-filters", 40, "--hidden", 30]
    weights = train(*words, "--filter-scale", 0.7).weights
    assert float(weights["filters"].std()) == pytest.approx(0.7, rel=0.1)
    assert float(weights["hidden_weight"].std()) == pytest.approx(1 / (3 * 40) ** 0.5, rel=0.1)
    weights = train(*words, "--weight-scale", 0.7).weights
    assert float(weights["hidden_weight"].std()) == pytest.approx(0.7, rel=0.1)
    assert float(weights["filters"].abs().max()) <= 36**-0.5


def test_steps(train: Train, inputs: Inputs) -> None:
    """72 examples are 3 batches of 32; as many epochs as are needed, whatever --epochs says."""
    words = [inputs.table, "--target-column", "bound", "--batch-size", 32]
    assert len(train(*words, "--steps", 7).history) == 3
    assert len(train(*words, "--steps", 9, "--epochs", 1).history) == 3
    assert len(train(*words, "--steps", 1).history) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ema-decay", 0.9], "--ema-decay has no use here: it goes with --weight-averaging ema"),
        (["--weight-averaging", "ema", "--swa-start", 0.5], "--swa-start has no use here"),
        (["--no-nesterov"], "nesterov has no use here: it goes with --optimiser sgd"),
        (["--folds-by", "similarity"], "--folds-by has no use here: it goes with --folds"),
        (["--negatives-ratio", 2], "--negatives-ratio is for negatives that are made"),
    ],
)
def test_options_without_use_are_refused(
    words: list[object], message: str, inputs: Inputs, shell: Shell, tmp_path: Path
) -> None:
    done = shell("train", inputs.table, "-o", tmp_path / "run", *words)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "run" / "run.json").exists()


def test_options_without_use_in_a_config(train: Train, inputs: Inputs, tmp_path: Path) -> None:
    """A file of options may be meant for other runs too."""
    (tmp_path / "options.yaml").write_text("ema-decay: 0.5\n", encoding="utf-8")
    assert same(train(inputs.table), train(inputs.table, "--config", tmp_path / "options.yaml"))


def test_shapes(train: Train, inputs: Inputs) -> None:
    weights = train(inputs.table, "--members", 3, "--n-filters", 5, "--kernel-size", 7, "--hidden", 6).weights
    assert weights["filters"].shape == (3, 5, 4, 7)
    assert weights["hidden_weight"].shape == (3, 5, 6)
    assert "hidden_weight" not in train(inputs.table, "--hidden", 0).weights


def test_the_published_preset(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    done = shell("train", inputs.table, "--preset", "deepbind", "--epochs", 1, "-o", tmp_path / "run")
    assert done.code == 0
    options = json.loads((tmp_path / "run" / "run.json").read_text())["options"]
    assert (options["n_filters"], options["members"], options["optimiser"]) == (16, 1, "sgd")


def test_balance(train: Train, inputs: Inputs) -> None:
    words = [inputs.positives, "--negatives-ratio", 3]
    assert not same(train(*words), train(*words, "--no-balance"))
    assert same(train(*words), train(*words, "--balance"))


def test_resample(train: Train, inputs: Inputs) -> None:
    words = [inputs.positives, "--epochs", 2]
    assert not same(train(*words), train(*words, "--no-resample"))
    assert same(train(*words), train(*words, "--resample"))
    words += ["--negatives", inputs.negatives]
    assert same(train(*words), train(*words, "--no-resample"))


def test_patience(train: Train, inputs: Inputs) -> None:
    words = [inputs.table, "--target-column", "bound", "--epochs", 60, "--learning-rate", 1e-9]
    assert len(train(*words, "--patience", 2).history) < 20
    assert len(train(*words).history) == 60


def test_more_members_do_not_change_the_first(train: Train, inputs: Inputs) -> None:
    one, two = (train(inputs.table, "--members", n).weights["filters"] for n in (1, 2))
    assert torch.allclose(one[0], two[0], atol=1e-6)


def test_number_of_threads_is_said(train: Train, inputs: Inputs) -> None:
    assert train(inputs.table, "--threads", 2).record["device"] == "cpu (2 threads)"
    assert train(inputs.table, "--device", "cpu").record["device"] == "cpu (1 thread)"


def test_regions_are_split_by_chromosome(train: Train, inputs: Inputs) -> None:
    words = [inputs.peaks, "--genome", inputs.genome, "--length", 61, "--negatives", "flank"]
    run = train(*words, "--valid-chroms", "chr2", "--test-chroms", "3")
    assert run.metrics["valid"]["target"]["positives"] == 10
    assert run.metrics["test"]["target"]["positives"] == 10
    assert "chr3" in run.done.err
    assert not same(run, train(*words, "--valid-chroms", "chr1", "--test-chroms", "3"))
    assert not same(run, train(*words[:-1], "gc", "--valid-chroms", "chr2", "--test-chroms", "3"))
    assert not same(run, train(*words, "--length", 41, "--valid-chroms", "chr2", "--test-chroms", "3"))


def test_a_file_says_the_split(train: Train, inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "split.tsv"
    path.write_text("".join(f"row{i}\t{PARTS[i % 10]}\n" for i in range(80)))
    by_file = train(inputs.table, "--split-file", path)
    assert by_file.record["counts"]["split: test"] == 16
    assert str(path) in [entry["path"] for entry in by_file.record["inputs"]]
    assert same(by_file, train(inputs.table, "--split-column", "part"))


def test_table_options(train: Train, inputs: Inputs, tmp_path: Path) -> None:
    once = train(inputs.table)
    words = ["--sequence-column", 2, "--target-column", 3, "--name-column", "part", "--header", "--format", "table"]
    assert same(once, train(inputs.table, *words))
    bare = tmp_path / "bare.tsv"
    bare.write_text("".join(inputs.table.read_text().splitlines(keepends=True)[1:]))
    assert same(once, train(bare, "--no-header"))


def test_without_validation_the_last_epoch_counts(train: Train, inputs: Inputs) -> None:
    run = train(inputs.table, "--valid-fraction", 0, "--epochs", 2)
    assert run.metrics == {}
    assert [row["validation_loss"] for row in run.history] == ["nan", "nan"]


def test_patience_needs_validation(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    given = ["--valid-fraction", 0, "--patience", 2, *SMALL, "-o", tmp_path / "run"]
    done = shell("train", inputs.table, *given)
    assert done.code == 2
    assert "--patience goes by the validation part, and there is none" in done.err


def test_regression(train: Train, inputs: Inputs) -> None:
    run = train(inputs.intensities, "--target-column", "a,b")
    assert set(run.metrics["valid"]) == {"a", "b"}
    assert "pearson" in run.metrics["valid"]["a"]
    assert "positive" not in run.done.err


def test_force(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    words = ["train", inputs.table, *SMALL, "-o", tmp_path / "run"]
    assert shell(*words).code == 0
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert shell(*words, "--seed", 4).code == 1
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    assert shell(*words, "--seed", 4, "--force").code == 0
    assert (tmp_path / "run" / "model.safetensors").read_bytes() != before
    assert {path.name for path in (tmp_path / "run").iterdir()} == RUN_FILES


def test_an_empty_folder_may_be_written_to(train: Train, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert shell("train", inputs.table, *SMALL, "-o", tmp_path / "empty").code == 0
    shutil.rmtree(tmp_path / "empty")


def test_an_architecture_is_found_by_name(train: Train, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    assert same(train(inputs.table), train(inputs.table, "--architecture", "deepbind"))
    done = shell("train", inputs.table, *SMALL, "--architecture", "none", "-o", tmp_path / "x")
    assert done.code == 2
    assert "there are: " in done.err
    assert "deepbind" in done.err


def test_precision(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    """Half the bits are for GPUs; it is said before anything is read."""
    done = shell("train", inputs.positives, "-o", tmp_path / "run", "--device", "cpu", "--precision", "bf16", *SMALL)
    assert done.code == 2
    assert "--precision bf16 is for CUDA devices; on cpu training is in float32" in done.err
    assert shell("train", inputs.positives, "-o", tmp_path / "run", "--precision", "float32", *SMALL).code == 0

"""The tools of training from the shell: each is said, matters, is recorded, and goes on with what was broken off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from seqcnn.cli import trials_table
from seqcnn.training import judging
from tests.cli.conftest import SMALL, Inputs, Result, Shell
from tests.cli.test_train_resumed import stop

QUICK = [*SMALL, "--batch-size", 16]
TOOLS = {
    "shift": ["--shift", 5],
    "reverse_complement": ["--reverse-complement"],
    "mutate_rate": ["--mutate-rate", 0.1],
    "erase": ["--erase", 5],
    "mixup": ["--mixup", 0.4],
    "loss": ["--loss", "hinge"],
    "weight_averaging": ["--weight-averaging", "ema"],
    "ema_decay": ["--weight-averaging", "ema", "--ema-decay", 0.5],
    "swa_start": ["--weight-averaging", "swa", "--swa-start", 0.2],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare intervals, which take longer than training here."""
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 50)


def weights(folder: Path) -> bytes:
    return b"".join(value.numpy().tobytes() for _, value in sorted(load_file(folder / "model.safetensors").items()))


def said(folder: Path) -> dict[str, object]:
    with safe_open(folder / "model.safetensors", framework="pt") as opened:
        found: dict[str, object] = json.loads(opened.metadata()["seqcnn"])["training"]["options"]
    return found


def train(shell: Shell, inputs: Inputs, folder: Path, *words: object) -> Result:
    return shell("train", inputs.table, "--strands", "one", *QUICK, *words, "-o", folder)


@pytest.fixture(scope="module")
def plain(shell: Shell, inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "run"
    done = train(shell, inputs, folder)
    assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("name", TOOLS)
def test_each_matters_and_is_recorded(name: str, plain: Path, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    done = train(shell, inputs, tmp_path / "run", *TOOLS[name])
    assert done.code == 0, done.err
    assert weights(tmp_path / "run") != weights(plain)
    value = TOOLS[name][-1] if len(TOOLS[name]) > 1 else True
    record = json.loads((tmp_path / "run" / "run.json").read_text())["options"]
    assert said(tmp_path / "run")[name] == record[name] == value
    assert said(plain)[name] != value


def test_saying_the_defaults_changes_nothing(plain: Path, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    words = ["--shift", 0, "--no-reverse-complement", "--mutate-rate", 0, "--erase", 0, "--mixup", 0]
    words += ["--loss", "cross-entropy", "--weight-averaging", "none", "--ema-decay", 0.99, "--swa-start", 0.75]
    assert train(shell, inputs, tmp_path / "run", *words).code == 0
    assert weights(tmp_path / "run") == weights(plain)


def test_from_a_file(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    config = tmp_path / "tools.yaml"
    config.write_text("shift: 5\nreverse-complement: true\nmixup: 0.4\nweight-averaging: ema\n")
    for name, words in {
        "file": ["--config", config],
        "said": ["--shift", 5, "--reverse-complement", "--mixup", 0.4, "--weight-averaging", "ema"],
    }.items():
        done = train(shell, inputs, tmp_path / name, *words)
        assert done.code == 0, done.err
    assert weights(tmp_path / "file") == weights(tmp_path / "said")


def test_streamed(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    """All at once, from an encoded dataset on disk, with folds' own fits and a deep network."""
    data, every = (
        tmp_path / "d.h5",
        [word for name in ("shift", "mutate_rate", "mixup", "loss") for word in TOOLS[name]],
    )
    assert shell("encode", inputs.table, "-o", data).code == 0
    for words in (["--stream"], ["--in-memory"]):
        done = shell("train", data, *QUICK, *every, *TOOLS["ema_decay"], *words, "-o", tmp_path / words[0])
        assert done.code == 0, done.err
    deep = ["--architecture", "basset", "--hidden", 4, "--weight-averaging", "swa", "--swa-start", 0]
    done = shell("train", data, *QUICK, *every, *deep, "-o", tmp_path / "deep")
    assert done.code == 0, done.err
    assert all(torch.isfinite(value).all() for value in load_file(tmp_path / "deep" / "model.safetensors").values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--reverse-complement"], "--reverse-complement changes nothing where both strands are read"),
        (["--task", "regression", "--loss", "hinge"], "--loss hinge is for classes, and the task is regression"),
        (["--mutate-rate", 1], "1.0 is not in the range 0<=x<1"),
        (["--shift", -1], "-1 is not in the range x>=0"),
        (["--loss", "squared"], "'squared' is not one of"),
        (["--weight-averaging", "polyak"], "'polyak' is not one of"),
        (["--ema-decay", 1], "1.0 is not in the range 0<=x<1"),
        (["--swa-start", 1], "1.0 is not in the range 0<=x<1"),
        (["--mixup", -0.1], "-0.1 is not in the range x>=0"),
    ],
)
def test_what_cannot_be(words: list[object], message: str, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    done = shell("train", inputs.table, *QUICK, *words, "-o", tmp_path / "run")
    assert (done.code, message in done.err) == (2, True), done.err
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_the_task_is_found_before_the_loss_is_refused(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    words = ["--target-column", "a", "--loss", "hinge"]
    done = shell("train", inputs.intensities, *QUICK, *words, "-o", tmp_path / "run")
    assert (done.code, "the task is regression; leave it out" in done.err) == (2, True), done.err


def test_calibration_searches_them(
    shell: Shell, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_table, "draw_trials", lambda trials, space, metric, path: path.write_text(metric))
    words = ["--trials", 2, "--folds", 2, "--trial-epochs", 1, "--restarts", 1, "--epochs", 1, "--hidden", 4]
    search = ["--search", "mixup=0,0.4", "--search", "shift=0..5", "--loss", "hinge", "--weight-averaging", "ema"]
    small = ["--n-filters", 4, "--kernel-size", 9, "--threads", 1, "--batch-size", 16]
    done = shell("calibrate", inputs.table, *small, *words, *search, "-o", tmp_path / "run")
    assert done.code == 0, done.err
    header, *rows = (line.split("\t") for line in (tmp_path / "run" / "trials.tsv").read_text().splitlines())
    assert {row[header.index("mixup")] for row in rows} == {"0", "0.4"}
    assert "shift" in header
    config = (tmp_path / "run" / "trials" / "trial_01.yaml").read_text()
    assert "loss: hinge\n" in config
    assert "weight-averaging: ema\n" in config
    assert said(tmp_path / "run")["loss"] == "hinge"
    for words, message in {
        ("--search", "loss=hinge", "--task", "regression"): "--loss hinge is for classes",
        ("--search", "weight_averaging=ema,polyak"): "unknown weight_averaging 'polyak'; there are: none, ema, swa",
        ("--search", "shift=0..5", "--shift", 3): "--search shift and --shift: give one of them",
    }.items():
        done = shell("calibrate", inputs.table, *words, "-o", tmp_path / "wrong")
        assert (done.code, message in done.err) == (2, True), done.err


def test_gone_on_with_all_at_once(
    shell: Shell, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [word for name in TOOLS if name not in ("swa_start", "weight_averaging") for word in TOOLS[name]]
    words = ["train", inputs.table, "--strands", "one", *QUICK, *every, "--epochs", 3, "--checkpoint-seconds", 1e-6]
    assert shell(*words, "-o", tmp_path / "whole").code == 0
    assert "in epoch 2 of 3, after batch 2 of" in stop(shell, monkeypatch, [*words, "-o", tmp_path / "run"], 7)
    done = shell(*words, "-o", tmp_path / "run", "--resume")
    assert done.code == 0, done.err
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    other = [*words[:-2], "--shift", 6, "-o", tmp_path / "other"]
    stop(shell, monkeypatch, [*words, "-o", tmp_path / "other"], 4)
    done = shell(*other, "--resume")
    assert (done.code, "shift was 5, is 6" in done.err) == (2, True), done.err

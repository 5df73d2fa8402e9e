"""Runs that are killed, told to stop, and gone on with."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Inputs, Shell
from tests.cli.killed import DIED, finish, kill_after

FILES = ["held_out.tsv", "history.tsv", "metrics.json", "model.safetensors", "run.json"]
CHECKPOINT = "checkpoint.safetensors"
COURSE = [
    "--test-fraction",
    0.2,
    "--epochs",
    4,
    "--batch-size",
    16,
    "--learning-rate",
    0.01,
    "--dropout",
    0.3,
    "--seed",
    3,
]
KEPT = ["--checkpoint-seconds", 1e-6]


@pytest.fixture
def words(inputs: Inputs) -> list[object]:
    """A run of 16 steps with shuffled negatives."""
    return ["train", inputs.positives, *SMALL, *COURSE, "--members", 2]


@pytest.fixture(autouse=True, scope="module")
def quick_intervals() -> None:
    """Leave intervals as they are in processes of their own."""


@pytest.fixture
def whole(words: list[object], shell: Shell, tmp_path: Path) -> Path:
    """The run, not interrupted."""
    done = shell(*words, "-o", tmp_path / "whole")
    assert done.code == 0, done.err
    return tmp_path / "whole"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check_same(folder: Path, whole: Path) -> None:
    """The model is the same to the byte, all else but for times; nothing is left beside."""
    assert names(folder) == FILES
    assert (folder / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (folder / "metrics.json").read_bytes() == (whole / "metrics.json").read_bytes()
    rows = [
        [line.split("\t")[:5] for line in (each / "history.tsv").read_text().splitlines()] for each in (folder, whole)
    ]
    assert rows[0] == rows[1]


def stop(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: list[object], steps: int, number: int = signal.SIGTERM
) -> str:
    """Run a command in this process, with a signal after so many steps; return what it said last."""
    from seqcnn.training.keeping import Keeper

    real = Keeper._on_step

    def on_step(self: Keeper, fit: object) -> None:
        if fit.optimiser.steps_done == steps:  # type: ignore[attr-defined]
            os.kill(os.getpid(), number)
        real(self, fit)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_on_step", on_step)
        done = shell(*words)
    assert done.code == 128 + number, done.err
    return done.err.splitlines()[-1]


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 20])
def test_killed_at_random_moments(kills: int, words: list[object], whole: Path, tmp_path: Path) -> None:
    """While it starts, reads, trains, writes a checkpoint, judges the model, and writes the results."""
    rng, log = random.Random(kills), tmp_path / "log"
    usual = 0.0
    for folder in (tmp_path / "first", tmp_path / "timed"):
        began = time.monotonic()
        assert finish([*words, *KEPT, "-o", folder], log) == 0, log.read_text()
        usual = time.monotonic() - began
        check_same(folder, whole)
    done = rounds = 0
    while done < kills:
        rounds += 1
        folder = tmp_path / f"run{rounds}"
        resumed = [*words, *KEPT, "--resume", "-o", folder]
        while done < kills and not kill_after(resumed, log, rng.uniform(0, usual)):
            done += 1
        assert finish(resumed, log) == 0, log.read_text()
        check_same(folder, whole)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_a_change_of_files(step: int, words: list[object], whole: Path, tmp_path: Path) -> None:
    """Among these are all moments at which a checkpoint takes the place of another, and results that of it."""
    log = tmp_path / "log"
    assert finish([*words, *KEPT, "-o", tmp_path / "counted"], log) == 0, log.read_text()
    n_operations = int(log.with_suffix(".operations").read_text())
    assert n_operations > 60
    for die_at in range(n_operations, max(0, n_operations - 25), -step):
        folder = tmp_path / f"run{die_at}"
        assert finish([*words, *KEPT, "--resume", "-o", folder], log, die_at=die_at) == DIED
        assert names(folder) != FILES
        assert finish([*words, *KEPT, "--resume", "-o", folder], log) == 0, log.read_text()
        check_same(folder, whole)


@pytest.mark.parametrize("steps", [1, 5, 8, 16])
def test_told_to_stop(
    steps: int, words: list[object], whole: Path, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    said = stop(shell, monkeypatch, [*words, "-o", folder], steps)
    places = {
        1: "in epoch 1 of 4, after batch 1 of 4",
        5: "in epoch 2 of 4, after batch 1 of 4",
        8: "after epoch 2 of 4",
    }
    where = places.get(steps, "after the last epoch")
    assert said == f"seqcnn: interrupted {where}; the same command with --resume goes on from there"
    assert names(folder) == [CHECKPOINT]
    done = shell(*words, "--resume", "-o", folder)
    assert done.code == 0
    assert f"goes on {where}" in done.err.splitlines()
    assert [line.split()[1] for line in done.err.splitlines() if line.startswith("epoch")] == [
        f"{i}/4" for i in range(steps // 4 + 1, 5)
    ]
    check_same(folder, whole)
    record = json.loads((folder / "run.json").read_text())
    assert record["resumed"] == [where]
    assert "resumed" not in json.loads((whole / "run.json").read_text())


def test_an_unfinished_run_is_not_written_over(
    words: list[object], whole: Path, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    stop(shell, monkeypatch, [*words, "-o", folder], 5)
    content = (folder / CHECKPOINT).read_bytes()
    done = shell(*words, "-o", folder)
    assert done.code == 1
    assert (
        done.err
        == f"seqcnn: error: {folder}: holds an unfinished run; go on with --resume, or begin anew with --force\n"
    )
    both = shell(*words, "-o", folder, "--resume", "--force")
    assert (both.code, both.err.count("\n")) == (2, 1)
    assert "--resume goes on with a run and --force begins it anew; say one of them" in both.err
    wrong = shell("train", tmp_path / "missing.fa", "-o", folder, "--force")
    assert wrong.code == 1
    assert (folder / CHECKPOINT).read_bytes() == content
    assert shell(*words, "-o", folder, "--force").code == 0
    check_same(folder, whole)


def test_another_run_is_not_gone_on_with(
    words: list[object], shell: Shell, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    stop(shell, monkeypatch, [*words, "-o", folder], 5)
    content = (folder / CHECKPOINT).read_bytes()
    changes = {
        "learning_rate was 0.01, is 0.5": ["--learning-rate", 0.5],
        "epochs was 4, is 5": ["--epochs", 5],
        "other data, other training examples": ["--negatives-ratio", 2],
        "other training examples": ["--valid-fraction", 0.2],
    }
    for said, words_now in changes.items():
        done = shell(*words, *words_now, "--resume", "-o", folder)
        assert (done.code, done.err.splitlines()[-1].count(said)) == (2, 1), done.err
        assert f"{folder / CHECKPOINT}: is of another run (" in done.err.splitlines()[-1]
        assert (folder / CHECKPOINT).read_bytes() == content


def test_a_damaged_checkpoint(
    words: list[object], whole: Path, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    stop(shell, monkeypatch, [*words, "-o", folder], 5)
    (folder / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes()[:-5])
    done = shell(*words, "--resume", "-o", folder)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith(
        f"seqcnn: error: {folder / CHECKPOINT}: is not a checkpoint of seqcnn, or is damaged ("
    )
    assert shell(*words, "--force", "-o", folder).code == 0
    check_same(folder, whole)


def test_resume_where_there_is_nothing(words: list[object], whole: Path, shell: Shell, tmp_path: Path) -> None:
    """So that a job script needs one command."""
    for folder in (tmp_path / "new", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        done = shell(*words, "--resume", "-o", folder)
        assert done.code == 0
        assert f"{folder}/ holds no checkpoint; training begins" in done.err
        check_same(folder, whole)


def test_a_finished_run_is_left_alone(
    words: list[object], whole: Path, shell: Shell, inputs: Inputs, tmp_path: Path
) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in whole.iterdir()}
    done = shell(*words, "--resume", "-o", whole, "--threads", 1, "--checkpoint-seconds", 7, "-v")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"{whole}/ holds this run, finished; there is nothing left to do\n"
    assert shell(*words, "--resume", "-o", whole, "--quiet").err == ""
    other = shell(*words, "--resume", "-o", whole, "--seed", 4)
    assert other.code == 2
    assert f"{whole}: holds another run, finished (seed was 3, is 4); choose another --output" in other.err
    assert other.err.count("\n") == 1
    changed = tmp_path / "positives.fa"
    changed.write_text(inputs.positives.read_text().replace("A", "T", 1))
    data = shell(*[changed if word == inputs.positives else word for word in words], "--resume", "-o", whole)
    assert data.code == 2
    assert "(other input files)" in data.err
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in whole.iterdir()} == before


@pytest.mark.parametrize("missing", ["model.safetensors", "run.json"])
def test_a_folder_of_something_else(missing: str, words: list[object], whole: Path, shell: Shell) -> None:
    (whole / missing).unlink()
    (whole / "notes.txt").write_text("mine\n")
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    done = shell(*words, "--resume", "-o", whole)
    assert done.code == 1
    assert f"{whole}: holds files, but no run to go on with" in done.err
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


def test_of_another_command(words: list[object], whole: Path, shell: Shell) -> None:
    record = json.loads((whole / "run.json").read_text())
    (whole / "run.json").write_text(json.dumps(record | {"command": "calibrate"}))
    assert "(command was calibrate, is train)" in shell(*words, "--resume", "-o", whole).err


def test_folds(words: list[object], shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are done are not done again."""
    words = [*words, "--folds", 3, "--resume"]
    whole, folder = tmp_path / "whole", tmp_path / "run"
    assert shell(*words, "-o", whole).code == 0
    counted = iter(range(1, 1000))
    from seqcnn.training.keeping import Keeper

    real = Keeper._on_step

    def on_step(self: Keeper, fit: object) -> None:
        if next(counted) == 18:
            os.kill(os.getpid(), signal.SIGTERM)
        real(self, fit)  # type: ignore[arg-type]

    monkeypatch.setattr(Keeper, "_on_step", on_step)
    done = shell(*words, "-o", folder)
    assert done.code == 143
    assert "(fold 2); the same command with --resume goes on" in done.err.splitlines()[-1]
    assert names(folder) == ["checkpoint.fold-1.safetensors", "checkpoint.fold-2.safetensors"]
    assert "holds an unfinished run" in shell(*words[:-1], "-o", folder).err
    done = shell(*words, "-o", folder)
    assert done.code == 0, done.err
    assert "fold 1: goes on after the last epoch" in done.err
    assert not any(line.startswith("fold 1/3") for line in done.err.splitlines())
    check_same(folder, whole)
    assert len(json.loads((folder / "run.json").read_text())["resumed"]) == 2


def test_intervals(words: list[object], shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as is said, and by itself not in a run this short."""
    from seqcnn.training import checkpoint

    written: list[object] = []
    real = checkpoint.save

    def save(*arguments: object) -> None:
        written.append(arguments)
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr("seqcnn.training.keeping.MOST_TIME", 1e9)
    for seconds, n in ((None, 0), (0, 0), (1e-6, 17)):
        written.clear()
        option = [] if seconds is None else ["--checkpoint-seconds", seconds]
        assert shell(*words, *option, "-o", tmp_path / f"run{seconds}").code == 0
        assert len(written) == n


@pytest.mark.slow
def test_a_process_of_its_own(words: list[object], whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "seqcnn", *map(str, words), "--resume", "-o", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "epoch " not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        said = process.stderr.read().splitlines()
        code = process.wait(60)
    if code:  # it may have been faster than the signal
        assert code == 128 + signal.SIGTERM
        assert said[-1].startswith("seqcnn: interrupted ")
        assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    check_same(folder, whole)


def test_a_copy_of_an_unfinished_run_goes_on_elsewhere(
    words: list[object], whole: Path, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(shell, monkeypatch, [*words, "-o", tmp_path / "run"], 9)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert shell(*words, "--resume", "-o", tmp_path / "copy").code == 0
    check_same(tmp_path / "copy", whole)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("pgrep") is None, reason="needs pgrep")
def test_two_processes(words: list[object], tmp_path: Path) -> None:
    """What torchrun starts is stopped by its SIGTERM, and by the death of the other process; and goes on."""
    words = [*words, *KEPT, "--epochs", 40, "--device", "cpu", "--resume", "-o"]
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "seqcnn"]
    command = [*start, *map(str, words)]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, stderr=subprocess.DEVNULL)
    folder = tmp_path / "run"
    for number in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen([*command, str(folder)], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            while "epoch " not in process.stderr.readline():
                assert process.poll() is None
            found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, check=True).stdout.split()
            os.kill(process.pid if number == signal.SIGTERM else int(found[-1]), number)
            said = process.stderr.read()
        if number == signal.SIGTERM:
            assert "; the same command with --resume goes on from there\n" in said
        assert names(folder) == [CHECKPOINT]
    subprocess.run([*command, str(folder)], check=True, stderr=subprocess.DEVNULL)
    check_same(folder, tmp_path / "whole")

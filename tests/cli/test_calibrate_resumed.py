"""`seqcnn calibrate` that is stopped at any moment and resumed ends as if it had never stopped."""

from __future__ import annotations

import csv
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqcnn.cli import trials_table
from seqcnn.training import keeping
from seqcnn.training.fit import Fit
from tests.cli.conftest import CALIBRATION_FILES, Inputs, Result, Shell

WORDS: list[object] = ["--trials", 4, "--trial-epochs", 2, "--epochs", 3, "--trial-filters", 3, "--n-filters", 4]
WORDS += ["--kernel-size", 9, "--best", 2, "--threads", 1, "--batch-size", 32, "--seed", 5]
STEPS = 6 * 2 * 2 + 3 * 3
"""Of the fits, and of the final one."""


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Hear SIGINT also where the tests were started with it ignored, as in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_table, "draw_trials", lambda trials, space, metric, path: path.write_text(metric))


class Kill(BaseException):
    """The process is no more."""


class Stop:
    """Does something after so many steps of training."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: float = math.inf
        self.how: Callable[[], None] = self.kill
        usual = Fit.run

        def run(fit: Fit, *, on_batch: Any = None, **more: Any) -> Any:
            def count(*each: Any) -> None:
                self.left -= 1
                if self.left == 0:
                    self.how()
                if on_batch is not None:
                    on_batch(*each)

            return usual(fit, on_batch=count, **more)

        monkeypatch.setattr(Fit, "run", run)

    @staticmethod
    def kill() -> None:
        raise Kill


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Stop:
    return Stop(monkeypatch)


@pytest.fixture
def run(shell: Shell, inputs: Inputs, tmp_path: Path) -> Callable[..., Result]:
    """Calibrate into a folder of this name."""

    def call(name: str, *words: object) -> Result:
        return shell("calibrate", inputs.table, *WORDS, *words, "-o", tmp_path / name)

    return call


Run = Callable[..., Result]


def left(folder: Path) -> dict[str, Any]:
    """Return what a run left that must be the same, byte for byte."""
    assert {path.name for path in folder.iterdir()} == CALIBRATION_FILES
    with open(folder / "history.tsv") as file:
        history = [(row["epoch"], row["member"], row["training_loss"]) for row in csv.DictReader(file, delimiter="\t")]
    names = ["trials.tsv", "model.safetensors", "metrics.json", *(f"trials/trial_0{i}.yaml" for i in (1, 2, 3, 4))]
    return {"history": history} | {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def whole(run: Run, tmp_path: Path) -> dict[str, Any]:
    """What an uninterrupted run leaves."""
    done = run("whole")
    assert done.code == 0, done.err
    return left(tmp_path / "whole")


@pytest.mark.parametrize("saves", [True, False])
@pytest.mark.parametrize("steps", [5, 11, STEPS - 1])
def test_killed_again_and_again(
    steps: int, saves: bool, run: Run, stop: Stop, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether checkpoints are written in every step, or a fit that was begun is begun anew."""
    monkeypatch.setattr(keeping, "MOST_TIME", 1e9 if saves else 1e-9)
    words, kills = ["--checkpoint-seconds", 1e-9], 0
    while True:
        stop.left = steps
        try:
            done = run("killed", *words)
        except Kill:
            words = ["--checkpoint-seconds", 1e-9, "--resume"]
            kills += 1
            if not saves and kills == 4:
                steps = STEPS  # the last fit is longer than the others
        else:
            break
    assert done.code == 0, done.err
    assert kills >= (STEPS - 1) // steps if saves else kills >= 1
    assert left(tmp_path / "killed") == whole


def test_finished_trials_are_not_done_again(run: Run, stop: Stop, tmp_path: Path) -> None:
    stop.left = 4 * 4 + 2
    with pytest.raises(Kill):
        run("killed")
    assert (tmp_path / "killed" / "calibration.json").exists()
    before = STEPS
    stop.left = before
    done = run("killed", "--resume")
    assert before - stop.left == STEPS - 4 * 4
    lines = done.err.splitlines()
    assert any(line.endswith("of 12 trainings are done already") for line in lines)
    assert sum(line.startswith("fit ") for line in lines) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("step", [6, STEPS - 2])
def test_told_to_stop(number: int, code: int, step: int, run: Run, stop: Stop, whole: Any, tmp_path: Path) -> None:
    stop.left, stop.how = step, lambda: os.kill(os.getpid(), number)
    done = run("stopped")
    assert done.code == code
    final = step > 6 * 4
    where = "in epoch 3 of 3, after batch 1 of 3 (final)" if final else "after epoch 1 of 2 (fit 2)"
    said = f"seqcnn: interrupted {where}; the same command with --resume goes on from there"
    assert done.err.splitlines()[-1] == said
    stop.left = STEPS
    done = run("stopped", "--resume")
    assert done.code == 0, done.err
    assert STEPS - stop.left == STEPS - step
    assert any("goes on" in line for line in done.err.splitlines())
    assert left(tmp_path / "stopped") == whole


def test_what_is_refused(run: Run, stop: Stop, whole: Any, tmp_path: Path) -> None:
    stop.left = 6
    with pytest.raises(Kill):
        run("killed")
    done = run("killed")
    assert done.code == 1
    assert "holds an unfinished run; go on" in done.err
    assert "begin anew with --force" in done.err
    for words, said in (
        (["--trials", 5], "calibration.json: is of another run (trials was 4, is 5"),
        (["--search", "dropout=0,0.1"], "other search"),
        (["--learning-rate", 0.1], "learning_rate was 0.008, is 0.1"),
        (["--folds", 2], "folds was 3, is 2"),
        (["--test-fraction", 0.2], "other "),
        (["--keep", "best"], "keep was ensemble, is best"),
        (["--at-once", 2], "at_once was not set, is 2"),
    ):
        done = run("killed", "--resume", *words)
        assert done.code == 2
        assert said in done.err.splitlines()[-1]
        assert "give the data and options it was begun with, or begin anew with --force" in done.err
    done = run("killed", "--resume", "--force")
    assert done.code == 2
    (tmp_path / "killed" / "calibration.json").write_text("{")
    done = run("killed", "--resume")
    assert done.code == 1
    assert "is not what a calibration keeps, or is damaged" in done.err
    done = run("killed", "--force")
    assert done.code == 0, done.err
    assert left(tmp_path / "killed") == whole


def test_a_finished_run_is_not_done_again(run: Run, whole: Any, tmp_path: Path) -> None:
    done = run("whole", "--resume", "--at-once", 2)
    assert done.code == 0
    assert "holds this run, finished; there is nothing left to do" in done.err
    assert left(tmp_path / "whole") == whole


def test_there_is_nothing_to_go_on_with(run: Run, whole: Any, tmp_path: Path) -> None:
    """It begins."""
    assert run("new", "--resume").code == 0
    assert left(tmp_path / "new") == whole


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_for_good(run: Run, inputs: Inputs, tmp_path: Path) -> None:
    """Processes killed with SIGKILL, again and again, at moments that come earlier and later."""
    words = [str(word) for word in [*WORDS, "--trial-epochs", 60, "--epochs", 60, "--checkpoint-seconds", 0.05]]
    command = [sys.executable, "-m", "seqcnn", "calibrate", str(inputs.table), *words, "-o"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    n_kills, began = 0, False
    for i in range(40):
        resume = ["--resume"] if began else []
        process = subprocess.Popen([*command, str(tmp_path / "killed"), *resume], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        ledger = tmp_path / "killed" / "calibration.json"
        while process.poll() is None and not ledger.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            _, err = process.communicate(timeout=0.15 * (1 + i % 7))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            n_kills, began = n_kills + 1, True
        else:
            assert process.returncode == 0, err
            break
    else:
        subprocess.run([*command, str(tmp_path / "killed"), "--resume"], check=True, capture_output=True)
    assert n_kills >= 3
    assert left(tmp_path / "killed") == left(tmp_path / "whole")

"""`seqcnn calibrate --study`: workers that come, go and die finish one calibration, as one process would."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from seqcnn.cli import trials_table
from seqcnn.training.journal import Attempt, Journal
from tests.cli.conftest import CALIBRATION_FILES, Inputs, Result, Shell

WORDS: list[object] = ["--trials", 5, "--trial-epochs", 2, "--epochs", 3, "--trial-filters", 3, "--n-filters", 4]
WORDS += ["--kernel-size", 9, "--best", 2, "--threads", 1, "--batch-size", 32, "--folds", 2]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_table, "draw_trials", lambda trials, space, metric, path: path.write_text(metric))


def table(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "trials.tsv") as file:
        return {row["trial"]: row for row in csv.DictReader(file, delimiter="\t")}


def check_same(folder: Path, other: Path) -> None:
    """Check that two calibrations have come to the same: scores within 1e-4, and a model of the same kind."""
    assert {path.name for path in folder.iterdir()} == CALIBRATION_FILES
    one, two = table(folder), table(other)
    assert one.keys() == two.keys()
    for trial, row in one.items():
        for name, value in row.items():
            if name.startswith("fold") or name in ("mean", "sd"):
                assert float(value) == pytest.approx(float(two[trial][name]), abs=1e-4)
            elif name != "rank":
                assert value == two[trial][name]
    weights = [load_file(path / "model.safetensors")["filters"] for path in (folder, other)]
    assert weights[0].shape == weights[1].shape
    assert float((weights[0] - weights[1]).abs().max()) < 1e-3


def attempts(path: Path) -> list[Attempt]:
    return Journal(path).attempts()


def check_each_once(path: Path, n: int = 5) -> None:
    found = attempts(path)
    done = Counter(each.notes["work"] for each in found if each.done)
    assert done == dict.fromkeys([*(f"trial {i + 1}" for i in range(n)), "model"], 1)
    # A worker that was killed as it found that another had begun the same leaves an attempt that counts for nothing.
    for each in found:
        first = next(other for other in found if other.notes["work"] == each.notes["work"] and other.state != "FAIL")
        assert each.state != "RUNNING" or (first.done and first.number < each.number)


@pytest.mark.usefixtures("quick")
class TestOneWorker:
    """What one worker does, in this process."""

    @pytest.fixture
    def study(self, tmp_path: Path) -> Path:
        return tmp_path / "study.journal"

    def work(self, shell: Shell, inputs: Inputs, folder: Path, study: Path, *words: object) -> Result:
        return shell("calibrate", inputs.table, *WORDS, *words, "--study", study, "-o", folder)

    def test_the_result_is_that_of_one_process(self, shell: Shell, inputs: Inputs, tmp_path: Path, study: Path) -> None:
        alone = shell("calibrate", inputs.table, *WORDS, "-o", tmp_path / "alone")
        assert alone.code == 0, alone.err
        done = self.work(shell, inputs, tmp_path / "run", study, "--at-once", 2)
        assert done.code == 0, done.err
        check_same(tmp_path / "run", tmp_path / "alone")
        check_each_once(study)
        record = json.loads((tmp_path / "run" / "run.json").read_text())
        assert sorted(record["trials_of_this_worker"]) == [1, 2, 3, 4, 5]
        assert record["worker"].split()[0].endswith(f":{__import__('os').getpid()}")
        claims = [line for line in done.err.splitlines() if line.endswith("for this worker")]
        assert len(claims) == 3
        for name in ("study", "at_once", "lost_after", "resume"):
            assert name.replace("_", "-") not in (tmp_path / "run" / "trials" / "trial_01.yaml").read_text()

    def test_a_finished_study(self, shell: Shell, inputs: Inputs, tmp_path: Path, study: Path) -> None:
        """Workers that come late say who has written the model; --force writes it anew."""
        assert self.work(shell, inputs, tmp_path / "run", study).code == 0
        before = (tmp_path / "run" / "model.safetensors").read_bytes()
        for folder in ("run", "late"):
            done = self.work(shell, inputs, tmp_path / folder, study)
            assert done.code == 0, done.err
            last = done.err.splitlines()[-1]
            assert last.startswith("all trials are done; ")
            assert last.endswith(f" has written {tmp_path / 'run'}/")
        assert list((tmp_path / "late").iterdir()) == []
        done = self.work(shell, inputs, tmp_path / "late", study, "--force")
        assert done.code == 0, done.err
        assert (tmp_path / "late" / "model.safetensors").read_bytes() == before

    def test_what_others_have_done(self, shell: Shell, inputs: Inputs, tmp_path: Path, study: Path) -> None:
        """Folds that a worker did before it left are not done again."""
        assert self.work(shell, inputs, tmp_path / "run", study).code == 0
        lines = study.read_text().splitlines(keepends=True)
        scores = [i for i, line in enumerate(lines) if '"scores":{"1":[' in line and '"user_attr"' in line]
        (tmp_path / "part").write_text("".join(lines[: scores[4] + 1]))
        done = self.work(shell, inputs, tmp_path / "again", tmp_path / "part", "--lost-after", 0.2)
        assert done.code == 0, done.err
        check_same(tmp_path / "again", tmp_path / "run")
        assert done.err.count("\nfit ") < 4

    def test_lost_after_is_for_studies(self, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
        done = shell("calibrate", inputs.table, *WORDS, *SOON_LOST, "-o", tmp_path / "run")
        assert done.code == 2
        assert "--lost-after has no use here: it goes with --study" in done.err

    def test_what_is_refused(self, shell: Shell, inputs: Inputs, tmp_path: Path, study: Path) -> None:
        assert self.work(shell, inputs, tmp_path / "run", study).code == 0
        for words, said in (
            (["--seed", 2], "is of another run (seed was 0, is 2"),
            (["--trials", 6], "trials was 5, is 6"),
            (["--search", "dropout=0..0.1"], "other search"),
            (["--test-fraction", 0.2], "is of another run"),
            (["--restarts", 1], "restarts was 2, is 1"),
        ):
            done = self.work(shell, inputs, tmp_path / "other", study, *words)
            assert done.code == 2
            assert f"{study}: " in done.err
            assert said in done.err
            assert "name another file with --study" in done.err
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "file").write_text("x")
        done = self.work(shell, inputs, tmp_path / "mine", study)
        assert done.code == 1
        assert "output folder exists and is not empty" in done.err
        done = self.work(shell, inputs, tmp_path / "new", inputs.positives)
        assert done.code == 1
        assert "positives.fa: is not an optuna journal, or is damaged" in done.err
        done = self.work(shell, inputs, tmp_path / "new", tmp_path / "none" / "study")
        assert done.code == 1
        assert "cannot read and write it (no such file or directory); see --study" in done.err


class Worker:
    """A worker in a process of its own."""

    def __init__(self, inputs: Inputs, folder: Path, study: Path, *words: object) -> None:
        command = [sys.executable, "-m", "seqcnn", "calibrate", inputs.table, *WORDS, *words]
        command += ["--study", study, "-o", folder]
        self.process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)

    def finish(self) -> str:
        """Wait for its end; return what it said."""
        _, err = self.process.communicate(timeout=250)
        assert self.process.returncode == 0, err
        return err

    def wait_for_claim(self, study: Path) -> None:
        """Wait until it has begun a trial."""
        mark = f":{self.process.pid} ".encode()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            lines = study.read_bytes().splitlines() if study.exists() else []
            if any(mark in line and b'"work":"trial' in line for line in lines):
                return
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.01)
        raise AssertionError("nothing was begun")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.communicate()


LONGER: list[object] = ["--trial-epochs", 20]
SOON_LOST: list[object] = ["--lost-after", 2]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killing_a_worker_loses_nothing(inputs: Inputs, tmp_path: Path, shell: Shell, quick: Any) -> None:
    """Two begin together; one is killed in the midst of a trial, the other finishes the study."""
    study, run = tmp_path / "study.journal", tmp_path / "run"
    workers = [Worker(inputs, run, study, *LONGER, *SOON_LOST, "--at-once", 1) for _ in range(2)]
    workers[0].wait_for_claim(study)
    workers[0].kill()
    said = workers[1].finish()
    check_each_once(study)
    # The other one has given up an attempt too, if both began the same trial at once.
    lost = [each.notes["worker"] for each in attempts(study) if each.state == "FAIL"]
    assert any(f":{workers[0].process.pid} " in worker for worker in lost)
    assert f"wrote {run}/" in said
    alone = shell("calibrate", inputs.table, *WORDS, *LONGER, "-o", tmp_path / "alone")
    assert alone.code == 0, alone.err
    check_same(run, tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_come_and_go(inputs: Inputs, tmp_path: Path, shell: Shell, quick: Any) -> None:
    """One after another is killed, also while it trains the model; three that are left share what is left."""
    study, run = tmp_path / "study.journal", tmp_path / "run"
    more = [*LONGER, "--trials", 9, "--epochs", 40]
    for i in range(4):
        worker = Worker(inputs, run, study, *more, *SOON_LOST, "--at-once", 1 + i % 3)
        worker.wait_for_claim(study)
        time.sleep(0.2 * i)
        worker.kill()
    workers = [Worker(inputs, run, study, *more, *SOON_LOST, "--at-once", 2) for _ in range(3)]
    said = [worker.finish() for worker in workers]
    check_each_once(study, 9)
    assert sum("wrote " in each for each in said) == 1
    assert sum("all trials are done; " in each for each in said) == 2
    alone = shell("calibrate", inputs.table, *WORDS, *more, "-o", tmp_path / "alone")
    assert alone.code == 0, alone.err
    check_same(run, tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_while_it_trains_the_model(inputs: Inputs, tmp_path: Path) -> None:
    study, run = tmp_path / "study.journal", tmp_path / "run"
    words = [*SOON_LOST, "--epochs", 4000, "--trials", 1]
    first = Worker(inputs, run, study, *words)
    while not any(each.notes.get("work") == "model" for each in attempts(study) if study.exists()):
        time.sleep(0.1)
        assert first.process.poll() is None
    first.kill()
    second = Worker(inputs, run, study, *words)
    assert f"wrote {run}/" in second.finish()
    check_each_once(study, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_that_is_told_to_stop_gives_its_trials_back(inputs: Inputs, tmp_path: Path) -> None:
    study, run = tmp_path / "study.journal", tmp_path / "run"
    first = Worker(inputs, run, study, "--trial-epochs", 4000)
    first.wait_for_claim(study)
    first.process.terminate()
    first.process.communicate(timeout=60)
    assert first.process.returncode == 143
    assert {each.state for each in attempts(study)} == {"FAIL"}

"""Studies: any number of workers do each trial once, and what a lost one has begun is done by others."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest

from seqcnn.errors import InputError, OutputError, UsageError
from seqcnn.training.search import Range, Space
from seqcnn.training.study import Study, find_outputs
from seqcnn.training.trials import Trial

SPACE: Space = {"hidden": (0, 8), "learning_rate": Range(1e-3, 1e-1, log=True), "n_filters": Range(2, 4)}
PRINTS = {"trials": 6, "seed": 0}
SOON = 0.4
"""Seconds without a sign after which the tests' workers are lost."""


def draw(n: int = 6) -> list[Trial]:
    """The first has what need not be within the ranges."""
    settings = [{"hidden": 8 * (i % 2), "learning_rate": 0.01 * i, "n_filters": 3} for i in range(n)]
    return [Trial(i, settings[i] | ({"learning_rate": None} if i == 0 else {})) for i in range(n)]


def join(path: Path, trials: list[Trial] | None = None, lost_after: float = 60, **prints: Any) -> Study:
    return Study(path, PRINTS | prints, draw() if trials is None else trials, SPACE, lost_after=lost_after)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.journal"


def do(study: Study, trial: Trial, score: float | None = None) -> bool:
    """Do a trial as a worker would: fold by fold."""
    for fold in range(2):
        if fold not in trial.scores:
            trial.scores[fold] = [trial.number / 10 if score is None else score]
            study.record(trial)
    return study.finish(trial)


def die(study: Study) -> None:
    """Give no more signs, and leave what was claimed."""
    study.signs.__exit__(None, None, None)
    study._claimed.clear()


def read(path: Path) -> list[optuna.trial.FrozenTrial]:
    """Open the journal as optuna does."""
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name="seqcnn calibration", storage=storage).trials


def numbers(trials: list[Trial]) -> list[int]:
    return [trial.number for trial in trials]


def test_one_worker_does_all(path: Path) -> None:
    with join(path) as study:
        assert numbers(study.claim(2)) == [0, 2]  # of one shape
        study.trials["trial 1"].scores = {}
        for name in ("trial 1", "trial 3"):
            assert do(study, study.trials[name])
        claimed = study.claim(9)
        assert numbers(claimed) == [4, 1, 3, 5]
        for trial in claimed:
            assert do(study, trial)
        assert study.claim(9) == []
        assert study.claim_model("/run") is None
        study.finish_model(0.5)
    with join(path) as late:
        assert late.claim(9) == []
        late.load()
        assert [late.trials[f"trial {i + 1}"].scores for i in range(6)] == [
            {0: [i / 10], 1: [i / 10]} for i in range(6)
        ]
        holder = late.claim_model("/other")
    assert holder is not None
    assert (holder.output, holder.done) == ("/run", True)
    assert holder.worker == study.signs.worker.split()[0]
    assert find_outputs(path) == ["/run"]


def test_what_optuna_sees(path: Path) -> None:
    trials = draw(3)
    with join(path, trials) as study:
        for trial in study.claim(3):
            do(study, trial, math.nan if trial.number == 1 else None)
    found = {each.user_attrs["work"]: each for each in read(path)}
    assert [found[f"trial {i}"].state.name for i in (1, 2, 3)] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert found["trial 3"].value == pytest.approx(0.2)
    assert found["trial 3"].params == {"hidden": 0, "learning_rate": 0.02, "n_filters": 3}
    assert found["trial 1"].params == {"hidden": 0, "n_filters": 3}
    assert found["trial 1"].user_attrs["settings"]["learning_rate"] is None
    assert found["trial 2"].user_attrs["scores"] == {"1": [None], "2": [None]}
    journal = path.read_text()
    assert "NaN" not in journal
    for line in journal.splitlines():
        json.loads(line)


def test_lost_scores_are_lost_for_all(path: Path) -> None:
    with join(path, draw(1)) as study:
        do(study, study.claim(1)[0], math.nan)
    trials = draw(1)
    with join(path, trials) as study:
        assert study.claim(1) == []
        study.load()
    assert math.isnan(trials[0].best_checkpoint()[1])


@pytest.mark.parametrize("at_once", [1, 3])
def test_many_workers_do_each_trial_once(at_once: int, path: Path) -> None:
    """Side by side, as threads."""
    done: list[tuple[int, int]] = []
    models: list[int] = []
    start = threading.Barrier(2)

    def work(worker: int) -> None:
        with join(path, draw(9), lost_after=4) as study:
            start.wait()
            while claimed := study.claim(at_once):
                for trial in claimed:
                    time.sleep(0.002)
                    assert do(study, trial)
                    done.append((worker, trial.number))
            if study.claim_model(f"/run{worker}") is None:
                models.append(worker)
                study.finish_model(1.0)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert Counter(number for _, number in done) == dict.fromkeys(range(9), 1)
    assert len(models) == 1
    states = Counter(each.state.name for each in read(path))
    assert states["COMPLETE"] == 10
    assert states["RUNNING"] == 0


def test_a_worker_that_leaves_gives_its_trials_back(path: Path) -> None:
    first = join(path)
    with first:
        claimed = first.claim(3)
        claimed[1].scores[0] = [0.7]
        first.record(claimed[1])
    with join(path) as second:
        assert numbers(second.claim(9)) == [0, 2, 4, 1, 3, 5]
        assert second.trials["trial 3"].scores == {0: [0.7]}  # the fold that was done
        assert second.trials["trial 1"].scores == {}


def test_a_lost_worker(path: Path) -> None:
    """What it has begun is done by another; what it still does is not counted."""
    lost, other = join(path, lost_after=SOON), join(path, lost_after=SOON)
    lost.__enter__()
    held = lost.claim(2)
    held[0].scores[1] = [0.9]
    lost.record(held[0])
    die(lost)
    lost._claimed = {"trial 1": 0, "trial 3": 1}
    with other:
        for trial in other.claim(9):
            assert do(other, trial)
        taken = other.claim(9)
        assert numbers(taken) == [0, 2]
        assert taken[0].scores == {1: [0.9]}
        lost.record(held[1])
        assert not do(lost, held[0])
        assert not do(lost, held[1])
        for trial in taken:
            assert do(other, trial)
        assert other.claim(9) == []
        other.load()
        assert other.trials["trial 1"].scores == {0: [0.0], 1: [0.9]}


def test_a_slow_worker_is_not_lost(path: Path) -> None:
    slow, other = join(path, lost_after=1.5), join(path, lost_after=1.5)
    waited: list[Any] = []
    with slow, other:
        held = slow.claim(1)
        for trial in other.claim(9):
            do(other, trial)
        timer = threading.Timer(3, lambda: do(slow, held[0]))
        timer.start()
        assert other.claim(9, waited.append) == []
        timer.join()
    assert waited == [[slow.signs.worker.split()[0]]]
    other.load()
    assert other.trials["trial 1"].scores == {0: [0.0], 1: [0.0]}


def finished(path: Path, **options: Any) -> Study:
    """Return an entered worker of a study all of whose trials are done."""
    study = join(path, **options)
    study.__enter__()
    for trial in study.claim(9):
        do(study, trial)
    return study


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_one_worker_trains_the_model(path: Path, stack: ExitStack) -> None:
    first = finished(path, lost_after=1.5)
    stack.push(first.__exit__)
    second = stack.enter_context(join(path, lost_after=1.5))
    assert first.claim_model("/one") is None
    holder = second.claim_model("/two")  # waits for a sign of life
    assert holder is not None
    assert (holder.output, holder.done) == ("/one", False)
    first.finish_model(0.5)
    holder = second.claim_model("/two")
    assert holder is not None
    assert holder.done
    assert second.claim_model("/two", again=True) is None
    third = stack.enter_context(join(path))
    holder = third.claim_model("/three")
    assert holder is not None
    assert holder.output == "/one"


def test_the_model_of_a_lost_worker_is_trained_again(path: Path) -> None:
    lost = finished(path, lost_after=SOON)
    assert lost.claim_model("/one") is None
    die(lost)
    with join(path, lost_after=SOON) as other:
        assert other.claim(1) == []
        assert other.claim_model("/two") is None
        other.finish_model(0.1)
    lost.finish_model(0.2)
    assert [each.value for each in read(path) if each.user_attrs["work"] == "model"] == [None, 0.1]


def test_the_model_of_a_worker_that_left(path: Path) -> None:
    first = finished(path)
    assert first.claim_model("/one") is None
    first.__exit__(None, None, None)
    with join(path) as other:
        assert other.claim_model("/two") is None


def test_another_calibration(path: Path) -> None:
    join(path)
    with pytest.raises(UsageError) as caught:
        join(path, seed=1)
    assert str(caught.value) == (
        f"{path}: is of another run (seed was 0, is 1); give the data and options it was begun with, or name another "
        "file with --study"
    )
    join(path)


@pytest.mark.parametrize("content", [b">chr1\nACGT\n", b"{}\n", b"7\n", b'"x"\n', b"\x00\xff\n", b'{"op_code":0\n{}\n'])
def test_no_journal(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"study.journal: is not an optuna journal, or is damaged .*; name another file"
    ):
        join(path)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none/study: cannot read and write it .no such file or directory."):
        join(tmp_path / "none" / "study")
    with pytest.raises(OutputError, match="is a directory"):
        join(tmp_path)


def test_other_studies_in_the_file_stay(path: Path) -> None:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    own = optuna.create_study(storage=storage, study_name="mine")
    own.add_trial(optuna.trial.create_trial(value=1.0))
    with join(path) as study:
        assert len(study.claim(9)) == 6
    assert len(optuna.load_study(storage=storage, study_name="mine").trials) == 1


def test_without_optuna(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real: Callable[..., Any] = builtins.__import__

    def without(name: str, *others: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *others, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"needs optuna, which is not installed: pip install 'seqcnn\[tune\]'"):
        join(path)

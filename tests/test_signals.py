"""What is held back while something short is done; that a study told to stop leaves a journal others can read."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import optuna.storages.journal
import pytest

from seqcnn.signals import held, listening
from tests.training.test_study import join, read

JOURNAL = str(Path(optuna.storages.journal.__file__).parent)


@pytest.fixture(autouse=True)
def told_to_stop() -> Iterator[None]:
    """Have SIGTERM raise SystemExit, as the command line does."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


@held()
def told_twice(done: list[str], error: Exception | None = None) -> None:
    """Be told to stop twice, and go on."""
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    done.append("whole")
    if error is not None:
        raise error


def test_a_signal_waits_for_the_end() -> None:
    done: list[str] = []
    with pytest.raises(SystemExit) as stop:
        told_twice(done)
    assert stop.value.code == 143
    assert done == ["whole"]


def test_a_signal_comes_before_an_error() -> None:
    with pytest.raises(SystemExit):
        told_twice([], ValueError("less important"))
    with pytest.raises(ValueError, match="alone"), held():
        raise ValueError("alone")


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with held():
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_within_one_that_listens() -> None:
    """Whoever listens outside hears it at the end of what held it."""
    heard: list[int] = []

    def hear(number: int) -> bool:
        heard.append(number)
        return True

    with listening(hear), held():
        os.kill(os.getpid(), signal.SIGINT)
        assert heard == []
    assert heard == [signal.SIGINT]


def test_who_insists_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a file server does not answer."""
    monkeypatch.setattr("seqcnn.signals.PATIENCE", -1.0)
    done: list[str] = []
    with pytest.raises(SystemExit):
        told_twice(done)
    assert done == []


def test_handlers_are_given_back_though_a_signal_comes_meanwhile() -> None:
    """One that raises an error as soon as it can."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    give_back = signal.signal
    for number in (signal.SIGINT, signal.SIGTERM):

        def and_again(which: int, handler: Any, number: int = number) -> Any:
            found = give_back(which, handler)
            if which == number and handler in before:
                signal.raise_signal(number)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signal, "signal", and_again)
            with pytest.raises((SystemExit, KeyboardInterrupt)), held():
                pass
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_another_thread_changes_nothing() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with held():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


class Lines:
    """Counts the lines of optuna's journal that this thread runs, and raises SIGTERM at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.at, self.count = at, 0

    def __enter__(self) -> Lines:
        self.before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self.before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(JOURNAL):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                signal.raise_signal(signal.SIGTERM)
        return self._trace


def work(path: Path, at: int = -1) -> int:
    """Do a little of a study; return the lines that this took."""
    with join(path) as study, Lines(at) as lines:
        for trial in study.claim(2):
            trial.scores[0] = [0.5]
            study.record(trial)
        study.finish(trial)
    return lines.count


def test_a_study_that_is_told_to_stop_at_any_line(tmp_path: Path) -> None:
    n = work(tmp_path / "whole")
    assert n > 500
    for i in range(100):
        path = tmp_path / f"study{i}"
        with pytest.raises(SystemExit):
            work(path, 1 + i * n // 100)
        trials = read(path)
        assert {trial.state.name for trial in trials} <= {"FAIL", "COMPLETE"}
        assert [each.name for each in tmp_path.glob(f"{path.name}*")] == [path.name]  # no lock

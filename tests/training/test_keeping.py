"""When a fit is saved, what signals do, and how it goes on."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from seqcnn.errors import InputError, Interrupted, OutputError, UsageError
from seqcnn.training import checkpoint, keeping, parallel
from seqcnn.training.fit import Fit
from seqcnn.training.keeping import Keeper, find, place
from tests.training.interrupted import KINDS, begin, result

KIND = KINDS["fresh negatives"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@pytest.fixture
def whole() -> tuple[Any, ...]:
    """What the fit becomes."""
    fit = begin(KIND)
    fit.run()
    return result(fit)


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keeping, "time", clock)
    return clock


def run(keeper: Keeper, fit: Fit, each: Callable[[Fit], None] = lambda fit: None) -> Fit:
    """Run a fit, doing something after each step, before the keeper does."""
    with keeper.keeping(fit) as on_step:

        def step(fit: Fit) -> None:
            each(fit)
            on_step(fit)

        fit.run(on_step=step)
    return fit


def interrupt(at: int, number: int = signal.SIGTERM) -> Callable[[Fit], None]:
    """Return what sends this process a signal after so many steps."""

    def each(fit: Fit) -> None:
        if fit.optimiser.steps_done == at:
            os.kill(os.getpid(), number)

    return each


def steps_in(path: Path) -> int:
    import json

    with safe_open(path, framework="np") as opened:
        return int(json.loads(opened.metadata()["seqcnn"])["steps_done"])


def test_at_intervals(path: Path, clock: Clock) -> None:
    written = []

    def each(fit: Fit) -> None:
        if path.exists():
            written.append((fit.optimiser.steps_done, steps_in(path)))
        clock.now += 10

    run(Keeper(path, seconds=25), begin(KIND), each)
    assert written == [(4, 3), (5, 3), (6, 3), (7, 6), (8, 6), (9, 6), (10, 9), (11, 9), (12, 9)]
    assert steps_in(path) == 12  # and at the end: what comes then may take long too


def test_none_of_a_fit_that_is_over_before(path: Path) -> None:
    run(Keeper(path, seconds=60), begin(KIND))
    assert list(path.parent.iterdir()) == []


def test_seldom_where_writing_takes_long(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write takes 3 s; the next one comes after 300 s."""
    written = []

    def save(fit: Fit, *_: object) -> None:
        clock.now += 3
        written.append(fit.optimiser.steps_done)

    def each(fit: Fit) -> None:
        clock.now += 70

    monkeypatch.setattr(checkpoint, "save", save)
    run(Keeper(path, seconds=60), begin(KIND), each)
    assert written == [1, 6, 11]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("at", [1, 3, 5, 12])
def test_told_to_stop(at: int, number: signal.Signals, path: Path, whole: tuple[Any, ...]) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        listening = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
        fit = begin(KIND)
        with pytest.raises(Interrupted) as caught:
            run(Keeper(path, seconds=0), fit, interrupt(at, number))
        assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == listening
    finally:
        for each, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(each, handler)
    where = {
        1: "in epoch 1 of 4, after batch 1 of 3",
        3: "after epoch 1 of 4",
        5: "in epoch 2 of 4, after batch 2 of 3",
        12: "after the last epoch",
    }[at]
    assert str(caught.value) == f"interrupted {where}; the same command with --resume goes on from there"
    assert caught.value.exit_code == 128 + number
    assert steps_in(path) == fit.optimiser.steps_done == at
    told: list[tuple[int, str]] = []
    keeper = Keeper(path, resume=True, on_resume=lambda fit, name: told.append((fit.optimiser.steps_done, name)))
    assert result(run(keeper, begin(KIND))) == whole
    assert told == [(at, "")]
    keeper.remove()
    assert list(path.parent.iterdir()) == []


def test_stopped_again_and_again(path: Path, whole: tuple[Any, ...]) -> None:
    for at in range(1, 13):
        with pytest.raises(Interrupted):
            run(Keeper(path, resume=True), begin(KIND), interrupt(at))
    assert result(run(Keeper(path, resume=True), begin(KIND))) == whole


def test_a_signal_after_the_last_step(path: Path, whole: tuple[Any, ...]) -> None:
    """The fit has taken its best weights by then."""

    def until_told() -> None:
        fit = begin(KIND)
        with Keeper(path).keeping(fit) as on_step:
            fit.run(on_step=on_step)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="interrupted after the last epoch"):
        until_told()
    assert result(run(Keeper(path, resume=True), begin(KIND))) == whole


def test_the_second_signal_is_for_whoever_listened_before(path: Path) -> None:
    class Now(Exception):  # noqa: N818
        pass

    def at_once(*_: object) -> None:
        raise Now

    before = signal.signal(signal.SIGTERM, at_once)
    try:

        def each(fit: Fit) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

        with pytest.raises(Now):
            run(Keeper(path), begin(KIND), each)
        assert signal.getsignal(signal.SIGTERM) is at_once
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(path.parent.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so(path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(Keeper(path), begin(KIND), interrupt(2, signal.SIGINT)).epoch == 4
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread(path: Path, whole: tuple[Any, ...]) -> None:
    """Python has signals handled in the main thread alone."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(result(run(Keeper(path, seconds=1e-9), begin(KIND)))))
    thread.start()
    thread.join()
    assert found == [whole]
    assert path.exists()


def test_without_resume_an_old_one_is_removed(path: Path, whole: tuple[Any, ...]) -> None:
    with pytest.raises(Interrupted):
        run(Keeper(path), begin(KIND), interrupt(5))
    fit = begin(KIND)
    with Keeper(path).keeping(fit):
        assert not path.exists()
        assert fit.epoch == 0


def test_what_a_killed_process_began_is_removed(path: Path) -> None:
    other = path.with_name(".other.safetensors.abcdefgh")
    for each in (other, path.with_name(f".{path.name}.abcd_123"), path.with_name(f".{path.name}.x")):
        each.write_bytes(b"")
    with Keeper(path, resume=True).keeping(begin(KIND)):
        assert sorted(each.name for each in path.parent.iterdir()) == [".checkpoint.safetensors.x", other.name]


def test_of_another_fit(path: Path) -> None:
    with pytest.raises(Interrupted):
        run(Keeper(path, also={"length": 101}), begin(KIND), interrupt(5))
    content = path.read_bytes()
    with (
        pytest.raises(UsageError, match="length was 101, is 51"),
        Keeper(path, resume=True, also={"length": 51}).keeping(begin(KIND)),
    ):
        pass
    assert path.read_bytes() == content


def fail(*_: object) -> None:
    raise OutputError("checkpoint.safetensors: cannot write (no space left on the device)")


def test_a_file_server_that_is_gone(path: Path, whole: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while: what is written after that counts."""
    told: list[str] = []
    real = checkpoint.save

    def save(fit: Fit, *others: Any) -> None:
        if fit.optimiser.steps_done < 5:
            raise OSError(errno.ESTALE, "stale")
        real(fit, *others)

    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(keeping, "MOST_TIME", 1e9)
    with pytest.raises(Interrupted, match="goes on from there"):
        run(Keeper(path, seconds=1e-9, warn=told.append), begin(KIND), interrupt(7))
    why = os.strerror(errno.ESTALE).lower()
    assert told == [f"{path}: cannot write ({why}); training goes on without a new checkpoint"] * 4
    assert result(run(Keeper(path, resume=True), begin(KIND))) == whole


def test_a_disk_that_is_full(path: Path, whole: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Training goes on; it may be the last file that does not fit."""
    told: list[str] = []
    keeper = Keeper(path, seconds=1e-9, warn=told.append)
    monkeypatch.setattr(checkpoint, "save", fail)
    assert result(run(keeper, begin(KIND))) == whole
    line = "cannot write (no space left on the device); training goes on without a new checkpoint"
    assert set(told) == {f"checkpoint.safetensors: {line}"}
    with pytest.raises(Interrupted, match=r"no space left on the device\); the same command with --resume begins anew"):
        run(keeper, begin(KIND), interrupt(5))


def test_a_disk_that_is_full_and_an_older_checkpoint(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Interrupted):
        run(Keeper(path), begin(KIND), interrupt(2))
    monkeypatch.setattr(checkpoint, "save", fail)
    with pytest.raises(Interrupted, match="goes on from the checkpoint before"):
        run(Keeper(path, resume=True), begin(KIND), interrupt(5))
    assert steps_in(path) == 2


def test_parts(path: Path, whole: tuple[Any, ...]) -> None:
    """Fits that are done are not done again; all are removed together."""
    keeper = Keeper(path, resume=True)
    run(keeper.part("fold 1"), begin(KIND))
    with pytest.raises(Interrupted, match=r"interrupted in epoch 2 of 4, after batch 2 of 3 \(fold 2\); "):
        run(keeper.part("fold 2"), begin(KIND), interrupt(5))
    assert [each.name for each in find(path)] == ["checkpoint.fold-1.safetensors", "checkpoint.fold-2.safetensors"]
    told: list[tuple[str, str]] = []
    keeper.on_resume = lambda fit, name: told.append((name, place(fit)))
    counts = []
    for name in ("fold 1", "fold 2", "fold 3"):
        steps: list[Fit] = []
        assert result(run(keeper.part(name), begin(KIND), steps.append)) == whole
        counts.append(len(steps))
    assert counts == [0, 7, 12]
    assert told == [("fold 1", "after the last epoch"), ("fold 2", "in epoch 2 of 4, after batch 2 of 3")]
    (path.parent / "model.safetensors").write_bytes(b"")
    keeper.remove()
    assert [each.name for each in path.parent.iterdir()] == ["model.safetensors"]


def test_another_process_of_the_group(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes nothing, removes nothing, and waits for the first one to stop before it does."""
    with pytest.raises(Interrupted):
        run(Keeper(path), begin(KIND), interrupt(5))
    content = path.read_bytes()
    monkeypatch.setattr(parallel, "current", lambda: Second())
    fit, keeper = begin(KIND), Keeper(path, seconds=1e-9)
    with keeper.keeping(fit) as on_step:
        for _ in range(3):
            on_step(fit)
        keeper.remove()
    assert path.read_bytes() == content

    def stop(fit: Fit) -> None:
        interrupt(7)(fit)
        if fit.optimiser.steps_done == 9:
            raise RuntimeError("Connection closed by peer")

    with pytest.raises(Interrupted, match="after epoch 3 of 4"):
        run(Keeper(path), begin(KIND), stop)
    with pytest.raises(RuntimeError, match="Connection"):
        run(Keeper(path), begin(KIND), lambda fit: stop(fit) if fit.optimiser.steps_done != 7 else None)
    assert path.read_bytes() == content


class Second(parallel.Group):
    """The second of two processes, alone."""

    def __init__(self, steps: float = 0.0) -> None:
        super().__init__(1, 2)
        object.__setattr__(self, "steps", steps)

    def share(self, batch_size: int, *, pairs: bool = False) -> slice:
        return slice(0, batch_size)

    def agree(self, tensor: Any) -> None:
        if not tensor.ndim:
            tensor.fill_(int(self.steps))  # type: ignore[attr-defined]

    def add_up(self, tensor: Any) -> None:
        pass


def test_a_checkpoint_that_one_process_does_not_see(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "current", lambda: Second(steps=5.0))
    with (
        pytest.raises(
            InputError, match="process 2 of 2 has not the checkpoint of the first one; put --output where all"
        ),
        Keeper(path, resume=True).keeping(begin(KIND)),
    ):
        pass


def test_a_step_is_not_slowed_down(path: Path) -> None:
    fit = begin(KIND)
    with Keeper(path).keeping(fit) as on_step:
        began = time.perf_counter()
        for _ in range(10_000):
            on_step(fit)
        assert (time.perf_counter() - began) / 10_000 < 20e-6

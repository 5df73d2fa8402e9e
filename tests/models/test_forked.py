"""Copies of the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seqcnn.errors import SeqcnnError
from seqcnn.models import forked

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are copied on Linux alone")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_results_come_in_order(n_threads: int) -> None:
    torch.set_num_threads(n_threads)
    network = torch.nn.Linear(2, 2)  # in the memory of all, sent to none

    def work(part: int) -> tuple[int, float, int]:
        time.sleep(0.002 * (part % 3))
        return part, float(network.weight.detach().sum()) * part, torch.get_num_threads()

    found = list(forked.stream(work, range(20)))
    total = float(network.weight.detach().sum())
    assert [part for part, _, _ in found] == list(range(20))
    assert [value for _, value, _ in found] == pytest.approx([total * part for part in range(20)])
    assert {threads for _, _, threads in found} == {1}
    assert torch.get_num_threads() == n_threads


def test_several_processes_work() -> None:
    def work(_: int) -> int:
        time.sleep(0.05)
        return os.getpid()

    found = set(forked.stream(work, range(8)))
    assert len(found) == 2
    assert os.getpid() not in found


def test_parts_are_taken_as_they_are_needed() -> None:
    taken = []

    def parts() -> Iterator[int]:
        for part in range(100):
            taken.append(part)
            yield part

    results = forked.stream(abs, parts())
    assert next(results) == 0
    assert len(taken) <= 2 * forked.AHEAD + 1
    results.close()


def test_an_error_comes_back() -> None:
    def work(part: int) -> int:
        raise MemoryError(f"too long: {part}")

    with pytest.raises(MemoryError, match="too long: 0"):
        list(forked.stream(work, range(3)))


def test_a_killed_process() -> None:
    def work(part: int) -> int:
        if part == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    with pytest.raises(SeqcnnError, match="has been killed, perhaps for want of memory"):
        list(forked.stream(work, range(30)))


SLEEPERS = (
    "import os, time, torch\nfrom seqcnn.models import forked\ntorch.set_num_threads(2)\n"
    "def work(part):\n    os.write(1, b'%d\\n' % os.getpid())\n    time.sleep(60)\n"  # print may write twice
    "list(forked.stream(work, range(2)))\n"
)
"""A program whose helping processes say their numbers and work for a minute."""


@pytest.mark.parametrize("times", [1, 2, 4])
def test_interrupted_at_once(times: int) -> None:
    """Work under way is not waited for, and a second Ctrl-C while it ends is no reason to hang."""
    command = [sys.executable, "-c", SLEEPERS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        for _ in range(times):
            parent.send_signal(signal.SIGINT)
            time.sleep(0.02)
        try:
            error = parent.communicate(timeout=20)[1]
        finally:
            parent.kill()
    assert "KeyboardInterrupt" in error
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_interrupted_while_a_process_is_copied() -> None:
    """What Python and the libraries do at that moment swallows interrupts."""
    text = "import os, signal\nat_fork = lambda: os.kill(os.getpid(), signal.SIGINT)\n" + SLEEPERS.replace(
        "list(", "os.register_at_fork(after_in_parent=at_fork)\nlist("
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in done.stderr


def test_what_is_not_taken_is_not_waited_for() -> None:
    def work(part: int) -> int:
        time.sleep(60 if part else 0)
        return part

    began = time.perf_counter()
    results = forked.stream(work, range(4))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert time.perf_counter() - began < 20


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    """Not even SIGKILL leaves processes behind."""
    with subprocess.Popen([sys.executable, "-c", SLEEPERS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    for _ in range(100):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            return
        time.sleep(0.05)
    pytest.fail("a helping process goes on")

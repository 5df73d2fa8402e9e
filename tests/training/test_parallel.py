"""Several processes that do one fit: the same as one alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from seqcnn.errors import DeviceError, TrainingError, UsageError
from seqcnn.training.parallel import Group, current, joined
from tests.training import parallel_cases
from tests.training.parallel_cases import CASES

ROOT = Path(__file__).parents[2]


def launch(n: int, *arguments: str | Path, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    """Run a program in several processes of this machine."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, env=environment, cwd=ROOT
    )


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What two processes make of each case."""
    out = tmp_path_factory.mktemp("parallel") / "out.npz"
    done = launch(2, parallel_cases.__file__, out)
    assert done.returncode == 0, done.stderr
    return dict(np.load(out))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_do_what_one_does(name: str, together: dict[str, np.ndarray]) -> None:
    assert together["size"] == 2
    alone = parallel_cases.run(CASES[name])
    np.testing.assert_allclose(together[name], alone, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_three_processes_do_what_one_does(tmp_path: Path) -> None:
    done = launch(3, parallel_cases.__file__, tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    for name, result in np.load(tmp_path / "out.npz").items():
        wanted = 3 if name == "size" else parallel_cases.run(CASES[name])
        np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("batch_size", [8, 9, 16, 33])
def test_shares_are_even(batch_size: int, size: int) -> None:
    rows = np.arange(batch_size)
    shares = [rows[Group(rank, size).share(batch_size)] for rank in range(size)]
    assert np.concatenate(shares).tolist() == rows.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_more_processes_than_rows() -> None:
    with pytest.raises(UsageError, match="a batch of 2 cannot be divided among 3 processes; see --batch-size"):
        Group(0, 3).share(2)


def test_one_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # as a batch system may say, without starting us by torchrun
    with joined(torch.device("cpu")) as group:
        assert group == current() == Group(0, 1)
    numbers = torch.arange(3.0)
    group.add_up(numbers)
    group.agree(numbers)
    assert numbers.tolist() == [0, 1, 2]


STARTED = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}
"""What torchrun sets, but for the port."""


TOGETHER = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}


def test_devices_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (TOGETHER | {"MASTER_PORT": "29500"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match="several processes cannot train on mps"), joined(torch.device("mps")):
        pass


def test_processes_that_do_not_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (TOGETHER | {"MASTER_PORT": "no"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match="the processes do not find each other"), joined(torch.device("cpu")):
        pass


def test_a_process_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("[gloo] Connection closed\nby peer")

    monkeypatch.setattr(torch.distributed, "all_reduce", fail)
    with pytest.raises(TrainingError, match=r"another process has gone, and training with it \(.*closed by peer\)"):
        Group(0, 2).add_up(torch.zeros(1))

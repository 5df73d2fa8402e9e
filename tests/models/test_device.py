"""Device names, threads, and memory."""

from __future__ import annotations

import os

import pytest
import torch

from seqcnn.errors import DeviceError, UsageError
from seqcnn.models import device


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "wanted"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda"),
        (2, True, "cpu", "cpu"),
        (2, False, "cuda", "cuda"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cuda:01", "cuda:1"),
        (0, True, "mps", "mps"),
    ],
)
def test_find(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, name: str, wanted: str) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert device.find(name) == torch.device(wanted)


@pytest.mark.parametrize(
    "name", ["", "gpu", "CPU", "cpu:", "cpu:0", "mps:0", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "cuda:1:2", "cuda:0\n"]
)
def test_no_name_of_a_device(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pretend(monkeypatch, cuda=2, mps=True)
    with pytest.raises(UsageError, match=r"say auto, cpu, cuda, cuda:N or mps"):
        device.find(name)


@pytest.mark.parametrize(
    ("cuda", "name", "message"),
    [
        (0, "cuda", "no CUDA device can be used here"),
        (0, "cuda:0", "no CUDA device can be used here"),
        (2, "cuda:2", "there are 2 CUDA devices, numbered from 0"),
        (0, "mps", "no Apple GPU can be used here"),
    ],
)
def test_not_there(monkeypatch: pytest.MonkeyPatch, cuda: int, name: str, message: str) -> None:
    pretend(monkeypatch, cuda=cuda)
    with pytest.raises(DeviceError, match=message):
        device.find(name)


def test_convolutions_on_a_gpu_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    pretend(monkeypatch, cuda=1)
    device.find("cuda")
    assert not torch.backends.cudnn.allow_tf32


def test_threads() -> None:
    device.set_threads(1)
    assert torch.get_num_threads() == 1
    assert device.describe(torch.device("cpu")) == "cpu (1 thread)"
    device.set_threads(2)
    assert torch.get_num_threads() == 2
    assert device.describe(torch.device("cpu")) == "cpu (2 threads)"
    device.set_threads(None)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert torch.get_num_threads() == available


@pytest.mark.parametrize("n", [0, -1])
def test_too_few_threads(n: int) -> None:
    before = torch.get_num_threads()
    with pytest.raises(UsageError, match=f"--threads must be at least 1, not {n}"):
        device.set_threads(n)
    assert torch.get_num_threads() == before


def test_describe_other_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Card 9")
    assert device.describe(torch.device("cuda:1")) == "cuda:1 (Card 9; 1 thread on the CPU)"
    assert device.describe(torch.device("mps")) == "mps (1 thread)"


def test_keep_freed_memory() -> None:
    device.keep_freed_memory()
    assert torch.ones(1 << 20).sum() == 1 << 20


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_keep_freed_memory_elsewhere(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(device.sys, "platform", platform)
    monkeypatch.setattr(device.ctypes, "CDLL", None)  # not to be called
    device.keep_freed_memory()


def together(monkeypatch: pytest.MonkeyPatch, *, local_rank: int, local_size: int) -> None:
    """Pretend that torchrun has started processes."""
    said = {"RANK": local_rank + 4, "WORLD_SIZE": 8, "LOCAL_RANK": local_rank, "LOCAL_WORLD_SIZE": local_size}
    for name, value in (said | {"MASTER_ADDR": "host", "MASTER_PORT": 1}).items():
        monkeypatch.setenv(name, str(value))


def test_each_process_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=2)
    for local_rank in (0, 1):
        together(monkeypatch, local_rank=local_rank, local_size=2)
        for name in ("auto", "cuda"):
            assert device.find(name) == torch.device("cuda", local_rank)
        assert device.find("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="--device cuda:0: 2 processes need a device each; say cuda"):
        device.find("cuda:0")
    together(monkeypatch, local_rank=0, local_size=3)
    with pytest.raises(DeviceError, match=r"3 processes need a CUDA device each, but there are 2; start fewer"):
        device.find("auto")


def test_processes_share_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        together(monkeypatch, local_rank=0, local_size=1000)
        device.set_threads(None)
        assert torch.get_num_threads() == 1
        device.set_threads(2)
        assert torch.get_num_threads() == 2
        assert device.describe(torch.device("cpu")) == "cpu (2 threads; 8 processes)"
    finally:
        torch.set_num_threads(before)


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Card 9")
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    device.check_precision("float32", cpu)
    with pytest.raises(UsageError, match="--precision half: say float32 or bf16"):
        device.check_precision("half", cuda)
    with pytest.raises(UsageError, match="--precision bf16 is for CUDA devices; on cpu training is in float32"):
        device.check_precision("bf16", cpu)
    for supported in (True, False):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, its=(8 if supported else 7, 5): its)
        if supported:
            device.check_precision("bf16", cuda)
        else:
            with pytest.raises(DeviceError, match="--precision bf16: Card 9 does not have it; leave it out"):
                device.check_precision("bf16", cuda)

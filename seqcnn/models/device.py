"""Where the work is done: the device, threads, and memory that is kept between steps."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import Final

import torch

from seqcnn.errors import DeviceError, UsageError
from seqcnn.processes import place

PRECISIONS: Final = ("float32", "bf16")
"""What training on a GPU may compute in."""

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3


def find(name: str = "auto") -> torch.device:
    """Return the device of this name.

    Parameters
    ----------
    name : str
        "auto" (cuda, then mps, then cpu), "cpu", "cuda", "cuda:N" or "mps". Of processes that work together each gets a
        CUDA device of its own.

    Raises
    ------
    DeviceError
        If it is not there.
    UsageError
        If it is no device's name.
    """
    check_name(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"--device {name}: no CUDA device can be used here; --device auto takes what there is")
    if number and int(number) >= torch.cuda.device_count():
        raise DeviceError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    if kind == "cuda" and place().size > 1:
        number = _own_number(name, number)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("--device mps: no Apple GPU can be used here; --device auto takes what there is")
    if kind == "cuda":
        # Else convolutions round filters to 10 bits, and scores differ from the CPU's in the third digit.
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(kind, int(number)) if number else torch.device(kind)


def check_name(name: str) -> None:
    """Refuse what is no device's name, on any machine.

    Raises
    ------
    UsageError
    """
    if not re.fullmatch("auto|cpu|mps|cuda(:[0-9]+)?", name):
        raise UsageError(f"--device {name}: say auto, cpu, cuda, cuda:N or mps")


def _own_number(name: str, number: str) -> str:
    """Return the number of the CUDA device that is for this process alone."""
    ours, there = place(), torch.cuda.device_count()
    if number:
        raise UsageError(f"--device {name}: {ours.local_size} processes need a device each; say cuda")
    if ours.local_size > there:
        raise DeviceError(
            f"--device {name}: {ours.local_size} processes need a CUDA device each, but there are {there}; start fewer "
            "(--nproc-per-node), or say --device cpu"
        )
    return str(ours.local_rank)


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse a precision that the device does not have.

    Parameters
    ----------
    precision : {"float32", "bf16"}
    device : torch.device

    Raises
    ------
    UsageError, DeviceError
    """
    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: say {' or '.join(PRECISIONS)}")
    if precision == "bf16" and device.type != "cuda":
        raise UsageError(f"--precision bf16 is for CUDA devices; on {device.type} training is in float32")
    if precision == "bf16" and not has_bf16(device):
        raise DeviceError(f"--precision bf16: {torch.cuda.get_device_name(device)} does not have it; leave it out")


def has_bf16(device: torch.device) -> bool:
    """Say whether a CUDA device computes in bfloat16 itself, and does not only imitate it, slowly."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


def describe(device: torch.device) -> str:
    """Say in words what a device is, with the threads on the CPU, and how many processes work together."""
    n, size = torch.get_num_threads(), place().size
    threads = f"{n} thread{'s' if n != 1 else ''}"
    several = f"; {size} processes" if size > 1 else ""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)}; {threads} on the CPU{several})"
    return f"{device} ({threads}{several})"


def set_threads(n: int | None) -> None:
    """Use this many CPU threads; None: as many as this process may run on, or its share of those."""
    if n is not None and n < 1:
        raise UsageError(f"--threads must be at least 1, not {n}")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(n or max(1, available // place().local_size))


def keep_freed_memory() -> None:
    """Have the C library (glibc) keep freed blocks instead of giving them back to the system after every step.

    The scan's scratch arrays are about a megabyte; getting fresh pages for each costs more than filling them.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)
        mallopt(_M_TOP_PAD, 16 << 20)

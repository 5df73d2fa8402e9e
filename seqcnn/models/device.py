"""Where the work is done: the device, threads, and memory that is kept between steps."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import Final

import torch

from seqcnn.errors import DeviceError, UsageError

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3


def find(name: str = "auto") -> torch.device:
    """Return the device of this name.

    Parameters
    ----------
    name : str
        "auto" (cuda, then mps, then cpu), "cpu", "cuda", "cuda:N" or "mps".

    Raises
    ------
    DeviceError
        If it is not there.
    UsageError
        If it is no device's name.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if not re.fullmatch("cpu|mps|cuda(:[0-9]+)?", name):
        raise UsageError(f"--device {name}: say auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"--device {name}: no CUDA device can be used here; --device auto takes what there is")
    if number and int(number) >= torch.cuda.device_count():
        raise DeviceError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("--device mps: no Apple GPU can be used here; --device auto takes what there is")
    if kind == "cuda":
        # Else convolutions round filters to 10 bits, and scores differ from the CPU's in the third digit.
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(kind, int(number)) if number else torch.device(kind)


def describe(device: torch.device) -> str:
    """Say in words what a device is, with the threads on the CPU."""
    n = torch.get_num_threads()
    threads = f"{n} thread{'s' if n != 1 else ''}"
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)}; {threads} on the CPU)"
    return f"{device} ({threads})"


def set_threads(n: int | None) -> None:
    """Use this many CPU threads; None: those that this process may run on."""
    if n is not None and n < 1:
        raise UsageError(f"--threads must be at least 1, not {n}")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(n or available)


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

"""One run by several processes, as torchrun starts them: the first one speaks, decides and writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from seqcnn.errors import UsageError
from seqcnn.processes import place

if TYPE_CHECKING:
    import torch

BEFORE_SPEAKING: Final = 3.0
"""Seconds that another process waits before it says what is wrong: mostly the first one says the same meanwhile, and
torchrun ends all."""


def join(device: torch.device, data: Sequence[str]) -> None:
    """Join the other processes until the command ends, if there are any.

    Raises
    ------
    DeviceError
        See :func:`seqcnn.training.parallel.joined`.
    UsageError
        If they would all read standard input.
    """
    from seqcnn.training.parallel import joined

    if place().size > 1 and "-" in data:
        raise UsageError("standard input (-) cannot be read by several processes; give the name of a file")
    click.get_current_context().with_resource(joined(device))


def decided(decide: Callable[[], Path | None], output: str, device: torch.device) -> Path | None:
    """Return what the first process decides: the folder to write, or None."""
    from seqcnn.training.parallel import current

    group = current()
    if group.size == 1:
        return decide()
    import torch

    folder = decide() if place().leads else None
    goes_on = torch.tensor([folder is not None], dtype=torch.uint8, device=device)
    group.agree(goes_on)
    return Path(output) if bool(goes_on) else None


def let_the_first_speak() -> None:
    """Wait, unless this is the first process, or the only one."""
    if not place().leads:
        time.sleep(BEFORE_SPEAKING)

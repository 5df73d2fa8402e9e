"""What the coming steps depend on, put on the device before it is needed.

A step that took its learning rates from the host would wait for it, and could not be part of a CUDA graph. Here the
numbers of many steps are copied at once, and each step takes the next row by a counter that lies on the device too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor

AT_ONCE: Final = 256
"""Steps whose numbers are copied together."""


class Ahead:
    """Rows of numbers, one a step.

    Parameters
    ----------
    of_step : callable
        Gives the numbers of a step (from 0), `n_kinds` times `n_members`.
    n_kinds, n_members : int
    device : torch.device
    """

    def __init__(
        self, of_step: Callable[[int], Sequence[Sequence[float]]], n_kinds: int, n_members: int, device: torch.device
    ) -> None:
        self.of_step = of_step
        self.table = torch.zeros(AT_ONCE, n_kinds, n_members, device=device)
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self._loaded = range(0)
        self._following = -1

    def load(self, step: int) -> None:
        """Have :meth:`next` give the numbers of this step; without waiting for the device."""
        if step != self._following or step not in self._loaded:
            self._loaded = range(step, step + AT_ONCE)
            rows = torch.tensor([self.of_step(each) for each in self._loaded], dtype=torch.float32)
            rows = rows.pin_memory() if self.table.is_cuda else rows
            self.table.copy_(rows, non_blocking=True)
            self.at.zero_()
        self._following = step + 1

    def forget(self) -> None:
        """Ask for the numbers anew: they are others now."""
        self._loaded = range(0)

    def next(self) -> Tensor:
        """Return the numbers of this step, shape (n_kinds, n_members), and go on; nothing but work for the device."""
        row = self.table.index_select(0, self.at)[0]
        self.at.add_(1)
        return row

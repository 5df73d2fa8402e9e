"""The processes that ``torchrun`` has started together, as its environment variables tell."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where this process is among those that work together.

    Parameters
    ----------
    rank, size : int
        Which it is, from 0, and how many there are.
    local_rank, local_size : int
        The same among those of this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0


def place() -> Place:
    """Return this process's place; that of a process alone, unless all that torchrun sets is there."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    said = [os.environ.get(name, "") for name in names]
    if not all(said) or not all(value.isdecimal() for value in said[:4]) or int(said[1]) < 2:
        return Place()
    return Place(*map(int, said[:4]))

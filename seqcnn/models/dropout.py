"""Dropout's factors: 0 for what is dropped, else 1 / (1 - dropout); for each member from random numbers of its own.

On the CPU each member has a generator. On a GPU a factor is a function of the member's seed, of the step, and of its
place: one set of operations serves all members, a CUDA graph can hold it, it can go on from any step, and of a batch
that several processes share each makes its own rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

import numpy as np
import torch
from torch import Tensor

from seqcnn.sequence.counter import random_uint64

MASKS: Final = 64
"""Masks that a step may draw."""

_PLACE: Final = -0x61C8864680B583EB
"""The golden ratio, odd, in 64 bits; a place's number goes through the mixer times this."""
_DRAW: Final = -0x2E4AB5CD2E6D12FD
"""Another odd number without a pattern, for the number of the mask."""
_MIX: Final = (30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)
"""Shifts and factors of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195). Its last shift is left
out, as it changes the low bits only; shifts keep the sign, as tensors have no others, which is as invertible."""


def host_factors(
    generators: Sequence[np.random.Generator], dropouts: Sequence[float], shape: tuple[int, ...]
) -> Tensor:
    """Return factors of shape (n_members, *shape) on the CPU."""
    drawn = np.empty((len(dropouts), *shape), dtype=np.float32)
    for mask, generator, dropout in zip(drawn, generators, dropouts, strict=True):
        generator.random(out=mask, dtype=np.float32)
        np.greater_equal(mask, np.float32(dropout), out=mask)
        mask *= np.float32(1 / (1 - dropout))
    return torch.from_numpy(drawn)


class DeviceFactors:
    """Makes factors on a device, without waiting for it or copying to it.

    Parameters
    ----------
    seeds : sequence of int
        One a member.
    dropouts : sequence of float
    device : torch.device

    """

    def __init__(self, seeds: Sequence[int], dropouts: Sequence[float], device: torch.device) -> None:
        keys = np.array([random_uint64(seed, 1, 0) for seed in seeds]).view(np.int64)
        limits = [min(int(dropout * 2.0**64), (1 << 64) - 1) - (1 << 63) for dropout in dropouts]
        self.keys = torch.from_numpy(keys).to(device)[:, None]
        self.limits = torch.tensor(limits, device=device)[:, None]
        self.factors = torch.tensor([1 / (1 - dropout) for dropout in dropouts], device=device)[:, None]
        self.step = torch.zeros((), dtype=torch.int64, device=device)
        self.calls = 0
        self._places: dict[tuple[int, int], Tensor] = {}

    def begin(self, step: int) -> None:
        """Go to a step, from 0."""
        self.step.fill_(step)
        self.calls = 0

    def go_on(self) -> None:
        """Go to the next step."""
        self.step.add_(1)
        self.calls = 0

    def draw(self, shape: tuple[int, ...], first: int = 0) -> Tensor:
        """Return this step's next factors, shape (n_members, *shape): the rows from `first` on of a larger mask."""
        per_row = prod(shape[1:])
        start, stop = first * per_row, (first + shape[0]) * per_row
        if (start, stop) not in self._places:
            self._places[start, stop] = torch.arange(start, stop, device=self.keys.device).mul_(_PLACE)
        number = self.step * MASKS + self.calls % MASKS
        self.calls += 1
        mixed = (self.keys + number * _DRAW) + self._places[start, stop]
        for shift, factor in _MIX:
            mixed.bitwise_xor_(mixed >> shift).mul_(factor)
        return (self.factors * (mixed >= self.limits)).view(-1, *shape)

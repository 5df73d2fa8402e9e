"""Changes of the training sequences, drawn anew every epoch: shifts, reverse complements, mutations, erased stretches.

What is drawn depends on the seed, the epoch and the example alone: neither on its batch, nor on the device, nor on who
shares the work, so that a fit can go on from any step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.counter import random_uint64

_PLACE: Final = -0x61C8864680B583EB
"""The golden ratio, odd, in 64 bits; a number goes through the mixer times this."""
_MIX: Final = (30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)
"""Shifts and factors of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195)."""
_HALF: Final = (1 << 32) - 1
N_BASES: Final = N_CODE + 1
"""Bases and N: what a code says beyond these, a multiple of it, moves with the base and stays what it is."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How training sequences are changed; their lengths stay.

    Parameters
    ----------
    shift : int
        Bases by which a sequence is moved, at most, either way, and never by more than half of its length. What leaves
        it at one end is lost, and N comes in at the other.
    reverse_complement : bool
        Take every other sequence, by chance, as its reverse complement.
    mutate_rate : float
        Share of the bases that become another one, each of the three others as likely; an N stays.
    erase : int
        Bases in a row, at a place of their own in every sequence, that become N (random erasing: Zhong et al. 2020,
        doi:10.1609/aaai.v34i07.7000); at most half of the sequence.
    """

    shift: int = 0
    reverse_complement: bool = False
    mutate_rate: float = 0.0
    erase: int = 0

    def __bool__(self) -> bool:
        return bool(self.shift or self.reverse_complement or self.mutate_rate or self.erase)

    def __call__(self, codes: Tensor, lengths: Tensor | None, ids: Tensor, seed: int, epoch: int) -> Tensor:
        """Return changed sequences.

        Parameters
        ----------
        codes : Tensor of uint8, shape (n, width)
            Filled up at their ends with N; on any device.
        lengths : Tensor of int64, shape (n,), or None
            None if all are `width` long.
        ids : Tensor of int64, shape (n,)
            What tells examples apart.
        seed, epoch : int
        """
        width = codes.shape[1]
        sizes = torch.full_like(ids, width) if lengths is None else lengths
        place = torch.arange(width, device=codes.device)
        draws = [_random(ids, seed, epoch, tool) for tool in range(4)]
        if self.shift or self.reverse_complement:
            codes = self._moved(codes, sizes[:, None], place, draws[0], draws[1])
        if self.mutate_rate:
            codes = self._mutated(codes, place, draws[2])
        if self.erase:
            wide = (sizes // 2).clamp_(max=self.erase)
            start = _below(draws[3], sizes - wide + 1)[:, None]
            codes = codes.masked_fill((place >= start) & (place < start + wide[:, None]), N_CODE)
        return codes

    def _moved(self, codes: Tensor, sizes: Tensor, place: Tensor, of_shift: Tensor, of_strand: Tensor) -> Tensor:
        """Return shifted sequences, some of them as their reverse complements."""
        at = place.expand(codes.shape)
        if self.shift:
            most = (sizes[:, 0] // 2).clamp_(max=self.shift)
            at = at - (_below(of_shift, 2 * most + 1) - most)[:, None]
        outside = (at < 0) | (at >= sizes) | (place >= sizes)
        if not self.reverse_complement:
            return codes.gather(1, at.clamp(0, codes.shape[1] - 1)).masked_fill_(outside, N_CODE)
        turned = (of_strand < 0)[:, None]
        at = torch.where(turned, sizes - 1 - at, at).clamp_(0, codes.shape[1] - 1)
        taken = codes.gather(1, at)
        base = taken % N_BASES
        other = taken + 3 - 2 * base
        return torch.where(turned & (base != N_CODE), other, taken).masked_fill_(outside, N_CODE)

    def _mutated(self, codes: Tensor, place: Tensor, key: Tensor) -> Tensor:
        """Return sequences with some bases replaced."""
        drawn = _mixed(key[:, None] + place * _PLACE)
        limit = min(int(self.mutate_rate * 2.0**64), (1 << 64) - 1) - (1 << 63)
        by = 1 + ((((drawn ^ (drawn >> 31)) & _HALF) * 3) >> 32)
        base = codes % N_BASES
        other = (codes - base + (base + by) % 4).to(codes.dtype)
        return torch.where((drawn < limit) & (base != N_CODE), other, codes)


def _random(ids: Tensor, seed: int, epoch: int, tool: int) -> Tensor:
    """Return a random 64-bit number for each example, int64."""
    key = int(random_uint64(seed, (11, epoch), tool))
    return _mixed(ids * _PLACE + (key - (1 << 64) if key >> 63 else key))


def _mixed(state: Tensor) -> Tensor:
    for shift, factor in _MIX:
        state = (state ^ (state >> shift)) * factor
    return state


def _below(drawn: Tensor, n: Tensor) -> Tensor:
    """Turn random numbers into whole numbers from 0 to below `n`, which is at most 2**31."""
    return (((drawn >> 32) & _HALF) * n) >> 32

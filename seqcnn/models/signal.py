"""What goes from layer to layer: values along sequences, and where in a row of a batch each sequence lies.

Members stand side by side in the channels, ``(n, n_members * channels, width)``, and layers are convolutions in groups:
so they are trained together and share nothing. In *paired* layers, which share their parameters between the strands,
channel ``j`` of a member's ``2c`` gives on the reverse complement, backwards, what channel ``2c - 1 - j`` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """Where sequences begin and end (exclusive) in the rows of a batch, both of int64, shape (n,)."""

    start: Tensor
    stop: Tensor

    def inside(self, width: int) -> Tensor:
        """Return what belongs to a sequence, bool, shape (n, 1, width)."""
        at = torch.arange(width, device=self.start.device)
        return ((at >= self.start[:, None]) & (at < self.stop[:, None]))[:, None]


class Signal(NamedTuple):
    """Values along sequences.

    Parameters
    ----------
    values : Tensor, shape (n, n_members * channels, width)
        0 beyond the ends of sequences.
    rows : Rows or None
        None if every sequence fills its row.
    """

    values: Tensor
    rows: Rows | None = None

    def inside(self) -> Tensor | None:
        """Return what belongs to a sequence, see :meth:`Rows.inside`; None for everything."""
        return None if self.rows is None else self.rows.inside(self.values.shape[2])

    def cleaned(self) -> Signal:
        """Return the signal with 0 beyond the ends."""
        inside = self.inside()
        return self if inside is None else Signal(self.values.masked_fill(~inside, 0.0), self.rows)


class Window(NamedTuple):
    """What stretches of signals become by edits of the sequences; beyond the stretches nothing changes.

    Stretch `i` of each signal begins at ``start + i * step``, which may lie before the signal. Values there, and beyond
    the signal's end, are 0.

    Parameters
    ----------
    values : Tensor, shape (n, n_stretches, n_edits, n_members * channels, width)
        Of n signals of one length.
    start, step : int
    stop : tuple of int
        First position of the signals that belongs to a sequence, and the first beyond its end.
    """

    values: Tensor
    start: int
    step: int
    ends: tuple[int, int]

    @property
    def width(self) -> int:
        """Length of the stretches."""
        return int(self.values.shape[4])

    @property
    def n_stretches(self) -> int:
        """Stretches of each signal."""
        return int(self.values.shape[1])

    def reference(self, signal: Tensor, start: int, width: int) -> Tensor:
        """Return a signal's own values at stretches that begin elsewhere, shape (n, n_stretches, 1, channels, width).

        A view where all lie within the signal.
        """
        last = start + (self.n_stretches - 1) * self.step + width
        before, after = max(0, -start), max(0, last - signal.shape[2])
        if before or after:
            signal = torch.nn.functional.pad(signal, (before, after))
        first = start + before
        views = signal[:, :, first : last + before].unfold(2, width, self.step)
        return views.permute(0, 2, 1, 3)[:, :, None]

    def outside(self, start: int, width: int) -> Tensor | None:
        """Return which places of such stretches are beyond the ends, (n_stretches, 1, 1, width); None for none."""
        last = start + (self.n_stretches - 1) * self.step + width
        if start >= self.ends[0] and last <= self.ends[1]:
            return None
        at = start + torch.arange(width) + self.step * torch.arange(self.n_stretches)[:, None]
        beyond = (at < self.ends[0]) | (at >= self.ends[1])
        return beyond[:, None, None].to(self.values.device)

    def widened(self, signal: Tensor, start: int, width: int) -> Tensor:
        """Return the values of wider stretches: as edited where they were, else the signal's own."""
        before, after = self.start - start, start + width - self.start - self.width
        n_edits = self.values.shape[2]
        parts = [self.values]
        if before:
            parts.insert(0, self.reference(signal, start, before).expand(-1, -1, n_edits, -1, -1))
        if after:
            end = self.reference(signal, self.start + self.width, after)
            parts.append(end.expand(-1, -1, n_edits, -1, -1))
        return torch.cat(parts, dim=4) if len(parts) > 1 else self.values

    def whole(self, signal: Tensor) -> Signal:
        """Return the whole edited signals, a row an edit."""
        n, stretches, n_edits = self.values.shape[:3]
        out = signal[:, None, None].expand(-1, stretches, n_edits, -1, -1).clone()
        for i in range(stretches):
            begin = self.start + i * self.step
            first, last = max(0, begin), min(signal.shape[2], begin + self.width)
            out[:, i, :, :, first:last] = self.values[:, i, :, :, first - begin : last - begin]
        rows = None
        if self.ends != (0, signal.shape[2]):
            ends = torch.tensor(self.ends, device=signal.device).repeat(n * stretches * n_edits, 1)
            rows = Rows(ends[:, 0], ends[:, 1])
        return Signal(out.flatten(0, 2), rows)


def apart(x: Tensor, axis: int, sizes: Sequence[int]) -> Tensor:
    """Return a tensor with several axes in place of one."""
    result: Tensor = x.unflatten(axis, sizes)  # type: ignore[no-untyped-call]
    return result


def join_channels(parts: Sequence[Tensor], n_members: int, *, paired: bool) -> Tensor:
    """Put the channels of each member together, along the last axis but one.

    In paired layers the first half of each part comes, in order, and then in opposite order the second halves.
    """
    of_members = [apart(part, -2, (n_members, -1)) for part in parts]
    if paired:
        halves = [part.chunk(2, dim=-2) for part in of_members]
        of_members = [first for first, _ in halves] + [second for _, second in reversed(halves)]
    return torch.cat(of_members, dim=-2).flatten(-3, -2)


def both_ways(weight: Tensor, *flipped: int) -> Tensor:
    """Return parameters of paired channels, the member axis first: as they are, then for the other strand."""
    return torch.cat([weight, weight.flip(1, *flipped)], dim=1)

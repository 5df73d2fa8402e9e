"""From signals of any length to features of sequences: maximum, mean or attention over all positions."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from seqcnn.models.signal import Signal, Window, apart

WAYS: Final = {"max": ("max",), "average": ("average",), "both": ("max", "average"), "attention": ("attention",)}
"""What each way of pooling gives, one after the other."""


class Readout(nn.Module):
    """Pooling over whole sequences.

    Attention is the mean of the positions' values weighted by the softmax, along the sequence, of their product with a
    vector that is learnt (Bahdanau et al. 2015, arXiv:1409.0473, without a query).

    Parameters
    ----------
    n_members, channels : int
        Of one strand.
    way : str
        One of :data:`WAYS`.
    paired : bool
        Of the two channels of a pair, the larger maximum or the mean of the means is taken: the same on both strands.
    """

    def __init__(self, n_members: int, channels: int, way: str, *, paired: bool = False) -> None:
        super().__init__()
        self.n_members, self.ways, self.paired = n_members, WAYS[way], paired
        self.outputs = channels * len(self.ways)
        if "attention" in self.ways:
            self.attention = nn.Parameter(torch.zeros(n_members, channels))

    def forward(self, signal: Signal) -> Tensor:
        """Return features, shape (n_members, n, n_features)."""
        x = apart(signal.values, 1, (self.n_members, -1))
        inside = signal.inside()
        inside = None if inside is None else inside[:, None]
        found = []
        for way in self.ways:
            if way == "max":
                found.append(x.amax(3) if inside is None else x.masked_fill(~inside, -torch.inf).amax(3))
            elif way == "average":
                found.append(x.mean(3) if inside is None else x.sum(3) / inside.sum(3))
            else:
                logits = self.logits(x)
                if inside is not None:
                    logits = logits.masked_fill(~inside[:, :, 0], -torch.inf)
                found.append(torch.einsum("nmw,nmcw->nmc", logits.softmax(2), x))
        return self._joined(found).transpose(0, 1)

    def _joined(self, found: list[Tensor]) -> Tensor:
        """Put features together, those of a pair of channels in one."""
        if self.paired:
            halves = [each.chunk(2, dim=-1) for each in found]
            mirrored = [(first, second.flip(-1)) for first, second in halves]
            found = [
                torch.maximum(*pair) if way == "max" else (pair[0] + pair[1]) / 2
                for way, pair in zip(self.ways, mirrored, strict=True)
            ]
        return torch.cat(found, dim=-1) if len(found) > 1 else found[0]

    def logits(self, x: Tensor) -> Tensor:
        """Return the attention to each position before the softmax, of (..., n_members, channels, width)."""
        vector: Tensor = self.attention
        if self.paired:
            vector = torch.cat([vector, vector.flip(1)], dim=1)
        return (x * vector[:, :, None]).sum(-2)

    def affected(self, window: Window, signal: Signal) -> Tensor:
        """Return the features of edited sequences, shape (n_members, n * n_stretches * n_edits, n_features)."""
        first, last = window.ends
        x = apart(signal.values[:, :, first:last], 1, (self.n_members, -1))
        changed = apart(window.values, 3, (self.n_members, -1))
        outside = window.outside(window.start, window.width)
        outside = None if outside is None else outside[:, :, :, None]
        begin = window.start - first + window.step * torch.arange(window.n_stretches, device=x.device)
        length = last - first
        before, after = begin.clamp(0, length), (begin + window.width).clamp(0, length)
        found = []
        for way in self.ways:
            if way == "max":
                now = changed if outside is None else changed.masked_fill(outside, -torch.inf)
                found.append(torch.maximum(now.amax(5), _greatest_beyond(x, before, after)))
            elif way == "average":
                old = window.reference(signal.values, window.start, window.width)
                change = apart((window.values - old).sum(4), 3, (self.n_members, -1))
                found.append(x.mean(3)[:, None, None] + change / length)
            else:
                found.append(self._attended(x, changed, outside, before, after))
        return self._joined(found).flatten(0, 2).transpose(0, 1)

    def _attended(self, x: Tensor, changed: Tensor, outside: Tensor | None, before: Tensor, after: Tensor) -> Tensor:
        """Weigh edited stretches and what is beyond them, shape (n, n_stretches, n_edits, n_members, channels)."""
        there, now = self.logits(x), self.logits(changed)
        if outside is not None:
            now = now.masked_fill(outside[..., 0, :], -torch.inf)
        top = torch.maximum(there.amax(2)[:, None, None], now.amax(4))
        weight = (now - top[..., None]).exp()
        own = (there - there.amax(2, keepdim=True)).exp()
        shift = (there.amax(2)[:, None, None] - top).exp()
        sums = [torch.einsum("nismw,nismcw->nismc", weight, changed), weight.sum(4)[..., None]]
        of_rest = []
        kind = x.dtype if x.device.type == "mps" else torch.float64  # Apple's GPUs have no double precision
        for values in (own[:, :, None] * x, own[:, :, None]):
            total = torch.nn.functional.pad(values.to(kind).cumsum(3), (1, 0))
            left = total[..., -1:] - total[..., after] + total[..., before]
            of_rest.append(left.permute(0, 3, 1, 2)[:, :, None].to(x.dtype))
        above, below = (part + rest * shift[..., None] for part, rest in zip(sums, of_rest, strict=True))
        return above / below


def _greatest_beyond(x: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Return the maxima of what is before and after stretches, shape (n, n_stretches, 1, n_members, channels)."""
    least = torch.full_like(x[..., :1], -torch.inf)
    ahead = torch.cat([least, x.cummax(3).values], dim=3)[..., before]
    behind = torch.cat([x.flip(3).cummax(3).values.flip(3), least], dim=3)[..., after]
    return torch.maximum(ahead, behind).permute(0, 3, 1, 2)[:, :, None]

"""Batch normalisation for members side by side, of what belongs to sequences."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.models.signal import apart

STATISTICS: Final = ("running_mean", "running_variance")
"""Names of parameters that no gradient moves."""


class Norm(nn.Module):
    """Batch normalisation, of each member by itself, over what belongs to a sequence.

    Ioffe and Szegedy 2015, arXiv:1502.03167. Running statistics are parameters that no gradient moves: so they are
    saved, kept with the best weights and carried from member to member as weights are.
    """

    EPSILON: Final = 1e-5
    MOMENTUM: Final = 0.1

    def __init__(self, n_members: int, channels: int, *, paired: bool = False) -> None:
        super().__init__()
        self.paired = paired
        self.momentum = self.MOMENTUM
        """Share of a batch's statistics in the running ones."""
        self.gain = nn.Parameter(torch.ones(n_members, channels))
        self.bias = nn.Parameter(torch.zeros(n_members, channels))
        self.running_mean = nn.Parameter(torch.zeros(n_members, channels), requires_grad=False)
        self.running_variance = nn.Parameter(torch.ones(n_members, channels), requires_grad=False)

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return what scores are multiplied by and what is then added, in evaluation, both (n_members, channels)."""
        scale = self.gain / (self.running_variance + self.EPSILON).sqrt()
        return scale, self.bias - self.running_mean * scale

    def forward(self, x: Tensor, inside: Tensor | None = None) -> Tensor:
        """Normalise, shape (n, n_members * channels, width); of paired channels both strands' together."""
        (members, channels), n = self.gain.shape, x.shape[0]
        if self.paired:
            x = apart(x, 1, (members, -1))
            first, second = x[:, :, :channels], x[:, :, channels:].flip(2)
            x = torch.cat([first, second]).flatten(1, 2)
            inside = None if inside is None else torch.cat([inside, inside])
        x = self._normalise(x.float() if x.dtype.itemsize < 4 else x, inside)
        if self.paired:
            x = apart(x, 1, (members, -1))
            first, second = x[:n], x[n:]  # chunks would be exported for this n alone
            x = torch.cat([first, second.flip(2)], dim=2).flatten(1, 2)
        return x

    def _normalise(self, x: Tensor, inside: Tensor | None) -> Tensor:
        gain, bias = self.gain.flatten(), self.bias.flatten()
        mean, variance = self.running_mean.view(-1), self.running_variance.view(-1)
        if not self.training or x.shape[0] * x.shape[2] < 2:
            return functional.batch_norm(x, mean, variance, gain, bias, False, 0.0, self.EPSILON)
        if inside is None:
            return functional.batch_norm(x, mean, variance, gain, bias, True, self.momentum, self.EPSILON)
        n = inside.sum().clamp(min=2)
        there = torch.where(inside, x, 0)
        mean_now = there.sum((0, 2)) / n
        off = torch.where(inside, x - mean_now[:, None], 0)
        variance_now = off.square().sum((0, 2)) / n
        with torch.no_grad():
            mean.lerp_(mean_now, self.momentum)
            variance.lerp_(variance_now * (n / (n - 1)), self.momentum)
        scale = gain * (variance_now + self.EPSILON).rsqrt()
        return off * scale[:, None] + bias[:, None]

"""Recurrent layers for members side by side: LSTM, GRU and the simple RNN, in both directions."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from seqcnn.models.layers import Layer
from seqcnn.models.signal import Rows, Signal, apart, join_channels

GATES: Final = {"lstm": 4, "gru": 3, "rnn": 1}
"""Sets of weights of a unit, by the kind of cell."""


class Recurrent(Layer):
    """Units that read along the sequence, and others that read it backwards.

    Paired layers have one set of units, which reads both strands, each from its own beginning.

    Parameters
    ----------
    n_members, inputs, units : int
        Channels in; units of a direction, so that twice as many channels come out.
    cell : {"lstm", "gru", "rnn"}
        Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Cho et al. 2014, arXiv:1406.1078; Elman 1990,
        doi:10.1207/s15516709cog1402_1 (tanh).
    paired : bool
    """

    def __init__(self, n_members: int, inputs: int, units: int, cell: str, *, paired: bool = False) -> None:
        super().__init__()
        self.cell, self.units, self.paired = cell, units, paired
        self.outputs = units if paired else 2 * units
        self.gates = GATES[cell] * units
        directions = 1 if paired else 2
        self.input_weight = nn.Parameter(torch.empty(n_members, inputs * (2 if paired else 1), directions * self.gates))
        self.state_weight = nn.Parameter(torch.empty(n_members, units, directions * self.gates))
        self.bias = nn.Parameter(torch.zeros(n_members, directions * self.gates))

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one; each sequence must begin where its row does."""
        members = len(self.bias)
        there = apart(signal.values, 1, (members, -1))
        back = _reversed(there, signal.rows)
        if self.paired:
            back = back.flip(2)
        forwards = torch.cat([self._run(there[:, i], i, 0) for i in range(members)], dim=1)
        backwards = torch.cat([self._run(back[:, i], i, 0 if self.paired else 1) for i in range(members)], dim=1)
        second = _reversed(apart(backwards, 1, (members, -1)), signal.rows)
        if self.paired:
            second = second.flip(2)
        both = join_channels([forwards, second.flatten(1, 2)], members, paired=False)
        return Signal(both, signal.rows).cleaned()

    def _run(self, x: Tensor, member: int, direction: int) -> Tensor:
        """Run one member's cells over (n, inputs, width); return (n, units, width)."""
        part = slice(direction * self.gates, (direction + 1) * self.gates)
        bias = self.bias[member, part]
        weights = [self.input_weight[member, :, part].t(), self.state_weight[member, :, part].t()]
        whole = [*weights, bias, torch.zeros_like(bias)]
        # One after the other in memory, as cuDNN wants them, or else it copies and warns.
        pieces = torch.split(torch.cat([each.reshape(-1) for each in whole]), [each.numel() for each in whole])
        parameters = [piece.view(each.shape) for piece, each in zip(pieces, whole, strict=True)]
        how = (True, 1, 0.0, self.training, False, False)
        with torch.autocast(x.device.type, enabled=False):  # cuDNN's cells would be in float16, whose gradients vanish
            along = x.to(bias.dtype).permute(2, 0, 1)
            state = torch.zeros(1, x.shape[0], self.units, dtype=bias.dtype, device=x.device)
            if self.cell == "lstm":
                out = torch.lstm(along, (state, state), parameters, *how)[0]
            elif self.cell == "gru":
                out = torch.gru(along, state, parameters, *how)[0]
            else:
                out = torch.rnn_tanh(along, state, parameters, *how)[0]
        return out.permute(1, 2, 0)

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return the receptive field: there is no end to it."""
        return math.inf, stride


def _reversed(x: Tensor, rows: Rows | None) -> Tensor:
    """Return sequences, along the last axis of four, from their ends to their beginnings."""
    if rows is None:
        return x.flip(3)
    at = torch.arange(x.shape[3], device=x.device)
    source = (rows.start + rows.stop - 1)[:, None] - at
    source = source.clamp(0, x.shape[3] - 1)[:, None, None]
    return x.gather(3, source.expand_as(x))

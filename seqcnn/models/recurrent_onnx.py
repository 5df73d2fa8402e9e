"""Recurrent layers as ONNX's own operators: the exporter would unroll torch's, for one length."""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import Tensor, nn

from seqcnn.models.layers import Layer
from seqcnn.models.recurrent import GATES, Recurrent
from seqcnn.models.signal import Signal, apart

ORDER: Final = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
"""Which of torch's gates comes where with ONNX: of input, forget, cell, output and of reset, update, new."""

torch.library.define(
    "seqcnn::cells",
    "(Tensor along, Tensor input_weight, Tensor state_weight, Tensor bias, Tensor? lengths, str cell) -> Tensor",
)


def _shape(
    along: Tensor, input_weight: Tensor, state_weight: Tensor, bias: Tensor, lengths: Tensor | None, cell: str
) -> Tensor:
    return along.new_empty(along.shape[0], 2, along.shape[1], state_weight.shape[2])


torch.library.register_fake("seqcnn::cells", _shape)


class OnnxRecurrent(Layer):
    """A recurrent layer in an operator that an exporter alone knows, which runs a member's cells in both directions.

    Parameters
    ----------
    layer : Recurrent
        Whose weights are copied, in ONNX's order.
    """

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.cell, self.paired, self.outputs = layer.cell, layer.paired, layer.outputs
        inputs, states, bias = (
            _directions(each.detach(), layer) for each in (layer.input_weight, layer.state_weight, layer.bias[:, None])
        )
        if layer.paired:  # the other strand's channels come in opposite order
            inputs = torch.cat([inputs[:, :1], inputs[:, 1:].flip(3)], dim=1)
        bias = bias[..., 0]
        both = torch.cat([bias, torch.zeros_like(bias)], dim=2)
        for name, values in (("input_weight", inputs), ("state_weight", states), ("bias", both)):
            for i, member in enumerate(values):
                self.register_buffer(f"{name}{i}", member.contiguous())

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one; each sequence must begin where its row does."""
        weights = list(self.buffers())
        members = len(weights) // 3
        x = apart(signal.values, 1, (members, -1))
        lengths = None if signal.rows is None else signal.rows.stop.to(torch.int32)
        found: list[Tensor] = []
        for i in range(members):
            along = x[:, i].permute(2, 0, 1)
            out = torch.ops.seqcnn.cells(along, *weights[i::members], lengths, self.cell).permute(2, 1, 3, 0)
            found += [out[:, 0], out[:, 1].flip(1) if self.paired else out[:, 1]]
        return Signal(torch.cat(found, dim=1), signal.rows).cleaned()

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return the receptive field: there is no end to it."""
        return math.inf, stride


def _directions(weight: Tensor, layer: Recurrent) -> Tensor:
    """Bring (members, inputs, directions * gates * units) to (members, 2, gates * units, inputs), gates as ONNX's."""
    weight = apart(weight.transpose(1, 2), 1, (-1, GATES[layer.cell], layer.units))
    return weight[:, :, list(ORDER[layer.cell])].flatten(2, 3).expand(-1, 2, -1, -1)


def replace_recurrent(module: nn.Module) -> None:
    """Put the operator in the place of every recurrent layer within a module."""
    for name, child in module.named_children():
        if isinstance(child, Recurrent):
            setattr(module, name, OnnxRecurrent(child))
        else:
            replace_recurrent(child)


def translations() -> dict[Any, Any]:
    """Return what ``torch.onnx.export`` makes of the operator, its ``custom_translation_table``."""
    from onnxscript import opset18

    def cells(along: Any, input_weight: Any, state_weight: Any, bias: Any, lengths: Any, cell: str) -> Any:
        operator = getattr(opset18, cell.upper())
        # With torch the reset gate of a GRU acts upon what the state gives, its bias included.
        more = {"linear_before_reset": 1} if cell == "gru" else {}
        size = state_weight.shape[2]
        inputs = (along, input_weight, state_weight, bias, lengths)
        return operator(*inputs, hidden_size=size, direction="bidirectional", **more)[0]

    return {torch.ops.seqcnn.cells.default: cells}

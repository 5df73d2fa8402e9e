"""Layers for members side by side, see :mod:`seqcnn.models.signal`; each knows how far an edit of its input reaches.

A layer takes a :class:`Signal` and gives one. In evaluation mode it also takes the stretches that an edit changes, a
:class:`Window`, and gives those it changes in turn, so that single-base edits cost what they affect and no more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.errors import UsageError
from seqcnn.models.norm import Norm
from seqcnn.models.signal import Rows, Signal, Window, apart, both_ways

Memory = dict[tuple[nn.Module, str], Tensor]
"""What layers keep of unedited sequences."""


def maxout(x: Tensor) -> Tensor:
    """Return the larger of every two channels."""
    return apart(x, -2, (-1, 2)).amax(-2)


def same(x: Tensor) -> Tensor:
    """Return the values as they are."""
    return x


ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": functional.relu,
    "exponential": torch.exp,
    "leaky-relu": functional.leaky_relu,
    "elu": functional.elu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "maxout": maxout,
    "none": same,
}
"""By name. maxout: Goodfellow et al. 2013, proceedings.mlr.press/v28; exponential: Koo and Ploenzke 2021,
doi:10.1038/s42256-020-00291-x."""


class Layer(nn.Module, ABC):
    """A step along the sequence.

    Attributes
    ----------
    outputs : int
        Channels that it gives, of each member; twice as many in paired layers.
    """

    outputs: int

    if TYPE_CHECKING:

        def __call__(self, signal: Signal) -> Signal: ...

    @abstractmethod
    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""

    @abstractmethod
    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return receptive field and distance of neighbours after this layer, bp, from those before it."""

    def remember(self, signal: Signal, memory: Memory) -> Signal:
        """Do as :meth:`forward`, and keep what :meth:`affected` needs of unedited sequences."""
        memory[self, "input"] = signal.values
        return self(signal)

    def affected(self, window: Window, memory: Memory) -> Window | Signal:
        """Return what edits change here; the whole signal, a row an edit, if this layer knows no bounds."""
        return self(window.whole(memory[self, "input"]))


class Unit(Layer):
    """Convolution, normalisation, activation; as many positions out as in, with zeros beyond the ends.

    Parameters
    ----------
    n_members, inputs, outputs : int
        Channels are those of one strand.
    kernel_size : int
        Odd.
    dilation : int
    norm : bool
    activation : str
        One of :data:`ACTIVATIONS`.
    paired : bool
        Share the parameters between the strands.
    """

    def __init__(
        self,
        n_members: int,
        inputs: int,
        outputs: int,
        kernel_size: int,
        dilation: int = 1,
        *,
        norm: bool = True,
        activation: str = "relu",
        paired: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise UsageError(f"kernels of layers after the first must have an odd length, not {kernel_size}")
        self.outputs, self.kernel_size, self.dilation, self.paired = outputs, kernel_size, dilation, paired
        self.activation = ACTIVATIONS[activation]
        self.weight = nn.Parameter(torch.empty(n_members, outputs, inputs * (2 if paired else 1), kernel_size))
        # Normalisation takes a bias away again: it would only drift.
        self.bias = None if norm else nn.Parameter(torch.zeros(n_members, outputs))
        self.norm = Norm(n_members, outputs, paired=paired) if norm else None

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""
        weight, bias = self._both(self.weight, self.bias)
        x = self._convolve(signal.values, weight, bias, self._beyond)
        if self.norm is not None:
            x = self.norm(x, signal.inside())
        return Signal(self.activation(x), signal.rows).cleaned()

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return the receptive field, wider by the kernel."""
        return field + 2 * self._beyond * stride, stride

    def remember(self, signal: Signal, memory: Memory) -> Signal:
        """Keep the input, and the scores before the activation."""
        scores = self._convolve(signal.values, *self._folded(), self._beyond)
        memory[self, "input"], memory[self, "scores"] = signal.values, scores
        return Signal(self.activation(scores), signal.rows).cleaned()

    def affected(self, window: Window, memory: Memory) -> Window:
        """Convolve the change alone: it reaches half a kernel further on either side."""
        beyond = self._beyond
        before = window.reference(memory[self, "input"], window.start, window.width)
        change = (window.values - before).flatten(0, 2)
        weight, _ = self._folded()
        start, width = window.start - beyond, window.width + 2 * beyond
        mostly_zeros = 4 * beyond > window.width
        wide = self._spread(change, weight) if mostly_zeros else self._convolve(change, weight, None, 2 * beyond)
        scores = apart(wide, 0, window.values.shape[:3])
        scores += window.reference(memory[self, "scores"], start, width)
        values = self.activation(scores)
        outside = window.outside(start, width)
        if outside is not None:
            values = values.masked_fill(outside, 0.0)
        return Window(values, start, window.step, window.ends)

    def _spread(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve short stretches with zeros beyond their ends, (n, n_members * channels, width) to wider ones.

        One matrix product, whose results for each place of the kernel are added where they belong: a convolution would
        multiply the zeros too.
        """
        members, outputs, inputs, size = weight.shape
        n, width, beyond = x.shape[0], x.shape[2], 2 * self._beyond
        rows = apart(x, 1, (members, inputs)).permute(1, 0, 3, 2).reshape(members, n * width, inputs)
        products = torch.bmm(rows, weight.permute(0, 2, 3, 1).reshape(members, inputs, size * outputs))
        products = products.view(members, n, width, size, outputs)
        out = x.new_zeros(members, n, width + beyond, outputs)
        for place in range(size):
            first = beyond - place * self.dilation
            out[:, :, first : first + width] += products[:, :, :, place]
        return out.permute(1, 0, 3, 2).flatten(1, 2)

    @property
    def _beyond(self) -> int:
        return self.dilation * (self.kernel_size - 1) // 2

    def _both(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if not self.paired:
            return weight, bias
        return both_ways(weight, 2, 3), None if bias is None else both_ways(bias)

    def _folded(self) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias with the normalisation of evaluation in them."""
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        if self.norm is not None:
            scale, bias = self.norm.scale_and_shift()
            weight = weight * scale[:, :, None, None]
        return self._both(weight, bias)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, beyond: int) -> Tensor:
        flat = None if bias is None else bias.flatten()
        return functional.conv1d(
            x, weight.flatten(0, 1), flat, padding=beyond, dilation=self.dilation, groups=len(weight)
        )


class Pool(Layer):
    """The maximum, or the mean, of each `size` neighbours; of fewer at the end."""

    def __init__(self, channels: int, size: int, *, average: bool = False) -> None:
        super().__init__()
        self.outputs, self.size, self.average = channels, size, average

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""
        x, rows, size = signal.values, signal.rows, self.size
        if torch.compiler.is_exporting():
            return self._plain(signal)
        if rows is None:
            if self.average:
                return Signal(functional.avg_pool1d(x, size, ceil_mode=True, count_include_pad=False))
            return Signal(functional.max_pool1d(x, size, ceil_mode=True))
        inside = rows.inside(x.shape[2])
        after = Rows(rows.start // size, (rows.stop + size - 1) // size)
        if self.average:
            total = functional.avg_pool1d(self._filled(x, 0.0), size)
            count = functional.avg_pool1d(self._filled(inside.to(x.dtype), 0.0), size)
            return Signal(total / count.clamp(min=0.5 / size), after)
        least = self._filled(x.masked_fill(~inside, -torch.inf), -torch.inf)
        return Signal(functional.max_pool1d(least, size), after).cleaned()

    def _plain(self, signal: Signal) -> Signal:
        """Do the same in operations that can be exported for signals of any length."""
        x, rows, size = signal.values, signal.rows, self.size
        inside = torch.ones_like(x[:, :1]).bool() if rows is None else rows.inside(x.shape[2])
        after = None if rows is None else Rows(rows.start // size, (rows.stop + size - 1) // size)

        def ended(values: Tensor, filler: float) -> Tensor:
            return functional.pad(values, (0, size - 1), value=filler)

        if self.average:
            total, count = (functional.avg_pool1d(ended(each, 0.0), size) for each in (x, inside.to(x.dtype)))
            return Signal(total / count.clamp(min=0.5 / size), after)
        least = ended(x.masked_fill(~inside, -torch.inf), -torch.inf)
        return Signal(functional.max_pool2d(least[:, :, None], (1, size))[:, :, 0], after).cleaned()

    def _filled(self, x: Tensor, value: float) -> Tensor:
        """Return whole stretches to pool."""
        return functional.pad(x, (0, -x.shape[2] % self.size), value=value)

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return the receptive field, wider by the neighbours, which lie further apart from here on."""
        return field + (self.size - 1) * stride, stride * self.size

    def affected(self, window: Window, memory: Memory) -> Window:
        """Pool the neighbourhoods that the change touches."""
        size = self.size
        first = window.start // size
        width = (window.start + window.width - 1) // size - first + 1
        values = window.widened(memory[self, "input"], first * size, width * size)
        outside = window.outside(first * size, width * size)
        cells = apart(values, 4, (width, size))
        if self.average:
            count = size if outside is None else apart(~outside, 3, (width, size)).sum(4).clamp(min=1)
            pooled = cells.sum(5) / count  # what is outside is 0
        else:
            if outside is not None:
                cells = apart(values.masked_fill(outside, -torch.inf), 4, (width, size))
            pooled = cells.amax(5)
            if outside is not None:
                pooled = pooled.masked_fill(pooled == -torch.inf, 0.0)
        ends = window.ends[0] // size, -(-window.ends[1] // size)
        return Window(pooled, first, window.step // size, ends)

"""Layers made of layers: one after the other, beside each other, or added to what went in."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from seqcnn.models.layers import Layer, Memory, Unit
from seqcnn.models.signal import Signal, Window, join_channels


class Chain(Layer):
    """Layers one after the other."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.outputs = layers[-1].outputs

    @property
    def parts(self) -> list[Layer]:
        """The layers."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""
        for layer in self.parts:
            signal = layer(signal)
        return signal

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return what comes of all layers."""
        for layer in self.parts:
            field, stride = layer.reach(field, stride)
        return field, stride

    def remember(self, signal: Signal, memory: Memory) -> Signal:
        """Have every layer remember."""
        memory[self, "input"] = signal.values
        for layer in self.parts:
            signal = layer.remember(signal, memory)
        return signal

    def affected(self, window: Window, memory: Memory) -> Window | Signal:
        """Follow the change from layer to layer, until it is as wide as the signal."""
        now: Window | Signal = window
        for layer in self.parts:
            if isinstance(now, Window) and now.width < memory[layer, "input"].shape[2]:
                now = layer.affected(now, memory)
            else:
                now = layer(now.whole(memory[layer, "input"]) if isinstance(now, Window) else now)
        return now


class Residual(Layer):
    """Layers whose result is added to their input, as it is or, where channels differ, after a convolution of width 1.

    He et al. 2016, arXiv:1512.03385.
    """

    def __init__(self, body: Chain, shortcut: Unit | None = None) -> None:
        super().__init__()
        self.body, self.shortcut, self.outputs = body, shortcut, body.outputs

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""
        added = signal if self.shortcut is None else self.shortcut(signal)
        return Signal(self.body(signal).values + added.values, signal.rows)

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return what comes of the layers."""
        return self.body.reach(field, stride)

    def remember(self, signal: Signal, memory: Memory) -> Signal:
        """Keep the input, and what is added."""
        added = signal if self.shortcut is None else self.shortcut.remember(signal, memory)
        memory[self, "input"], memory[self, "added"] = signal.values, added.values
        return Signal(self.body.remember(signal, memory).values + added.values, signal.rows)

    def affected(self, window: Window, memory: Memory) -> Window | Signal:
        """Add the input's change to that of the layers, which is wider."""
        changed = self.body.affected(window, memory)
        if isinstance(changed, Signal):
            return self(window.whole(memory[self, "input"]))
        added = window if self.shortcut is None else self.shortcut.affected(window, memory)
        wide = added.widened(memory[self, "added"], changed.start, changed.width)
        return changed._replace(values=changed.values + wide)


class Parallel(Layer):
    """Layers beside each other, whose channels are put together. Szegedy et al. 2015, arXiv:1409.4842."""

    def __init__(self, branches: Sequence[Chain], n_members: int, *, paired: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.outputs = sum(branch.outputs for branch in branches)
        self.n_members, self.paired = n_members, paired

    @property
    def parts(self) -> list[Chain]:
        """The branches."""
        return [branch for branch in self.branches if isinstance(branch, Chain)]

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""
        return Signal(self._join([branch(signal).values for branch in self.parts]), signal.rows)

    def _join(self, parts: Sequence[Tensor]) -> Tensor:
        return join_channels(parts, self.n_members, paired=self.paired)

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return what comes of the branch that reaches furthest."""
        return max(branch.reach(field, stride) for branch in self.parts)

    def remember(self, signal: Signal, memory: Memory) -> Signal:
        """Keep the input, and what each branch gives."""
        memory[self, "input"] = signal.values
        parts = []
        for branch in self.parts:
            parts.append(branch.remember(signal, memory).values)
            memory[branch, "output"] = parts[-1]
        return Signal(self._join(parts), signal.rows)

    def affected(self, window: Window, memory: Memory) -> Window | Signal:
        """Put the changes together, all as wide as the widest."""
        found = [branch.affected(window, memory) for branch in self.parts]
        windows = [each for each in found if isinstance(each, Window)]
        if len(windows) < len(found):
            return self(window.whole(memory[self, "input"]))
        start = min(each.start for each in windows)
        width = max(each.start + each.width for each in windows) - start
        wide = [
            each.widened(memory[branch, "output"], start, width)
            for each, branch in zip(windows, self.parts, strict=True)
        ]
        return Window(self._join(wide), start, window.step, window.ends)

"""U-Net: a score for every base, of ever wider surroundings brought back to single bases by skip connections.

Ronneberger, Fischer and Brox 2015, doi:10.1007/978-3-319-24574-4_28; Long, Shelhamer and Darrell 2015,
doi:10.1109/CVPR.2015.7298965 (FCN). Pooling on the way down shows each position more of the sequence; on the way up
values are repeated, put beside those of the same resolution from the way down, and convolved (Odena, Dumoulin and Olah
2016, doi:10.23915/distill.00003, on repeating instead of transposed convolution). Smaller than as published, along one
dimension, and pooled by threes, so that both strands can be alike.

A base's score is the log-odds that it is bound, where it was trained on which bases are; a sequence's score is the
greatest of its bases, or what `pooling` says. Trained on sequences that are bound or not it learns by that score alone.

At the defaults 20,881 weights a member; a position before the last pooling sees 62 bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.errors import UsageError
from seqcnn.models import deep, settings
from seqcnn.models.chains import Chain
from seqcnn.models.layers import Layer, Memory, Pool
from seqcnn.models.one_hot import lead, one_hot, other_strand
from seqcnn.models.readout import Readout
from seqcnn.models.signal import Rows, Signal, Window, apart, join_channels

LINEAGE: Final = "U-Net, FCN"

TRAINING: Final = {"members": 2, "learning_rate": 0.01, "dropout": 0.2, "batch_size": 32, "epochs": 12}
"""Options that serve it well: every sequence has hundreds of bases to learn from, so that few epochs are enough."""

SIZE: Final = 3
"""Positions that are pooled on the way down; an odd number, or strands could not be alike."""


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """The shape of U-Nets; all padding but "valid" gives detectors as many windows as bases.

    Parameters
    ----------
    n_levels : int, 1 to 5
        Times that positions are pooled on the way down, each time with twice the channels.
    pooling : {"max", "average", "both", "attention"}
        What is made of the scores of all bases for that of the sequence.
    hidden : int, 0 or more
        Units of a hidden layer at every base; 0 for none.
    """

    n_filters: int = 16
    kernel_size: int = 21
    hidden: int = 0
    n_levels: int = 2


class Level(Layer):
    """A way down and up again, whose result is put beside what went in, and convolved.

    Parameters
    ----------
    down : Chain
        Pooling, and what is done at the lower resolution.
    up : Layer
        What is done with the channels of `down` and of what went in, together.
    n_members : int
    paired : bool
    """

    def __init__(self, down: Chain, up: Layer, n_members: int, *, paired: bool) -> None:
        super().__init__()
        self.down, self.up, self.outputs = down, up, up.outputs
        self.n_members, self.paired = n_members, paired

    def forward(self, signal: Signal) -> Signal:
        """Return the signal that comes of one."""
        return self.up(self._beside(signal, self.down(signal)))

    def _beside(self, signal: Signal, lower: Signal) -> Signal:
        width = signal.values.shape[2]
        joined = join_channels(
            [signal.values, _repeated(lower.values)[..., :width]], self.n_members, paired=self.paired
        )
        return Signal(joined, signal.rows).cleaned()

    def reach(self, field: float, stride: int) -> tuple[float, int]:
        """Return what the lower resolution sees, and the distance of neighbours, as it was."""
        return self.down.reach(field, stride)[0], stride

    def surroundings(self, first: int, last: int) -> tuple[int, int]:
        """Return which positions of its input the positions from first to last of its output see."""
        unit, *inner = [layer for layer in self.down.parts if not isinstance(layer, Pool)]
        first, last = _wider(self.up, first, last)
        low, high = first // SIZE, last // SIZE
        for layer in inner:
            assert isinstance(layer, Level)
            low, high = layer.surroundings(low, high)
        low, high = _wider(unit, low, high)
        return low * SIZE, high * SIZE + SIZE - 1

    def remember(self, signal: Signal, memory: Memory) -> Signal:
        """Keep the input, and have the layers remember."""
        memory[self, "input"] = signal.values
        return self.up.remember(self._beside(signal, self.down.remember(signal, memory)), memory)

    def affected(self, window: Window, memory: Memory) -> Window | Signal:
        """Follow the change down and up, and put it beside that of the input, which is narrower."""
        lower = self.down.affected(window, memory)
        if isinstance(lower, Signal):
            return self(window.whole(memory[self, "input"]))
        start, values = lower.start * SIZE, _repeated(lower.values)
        skipped = window.widened(memory[self, "input"], start, values.shape[4])
        outside = window.outside(start, values.shape[4])
        if outside is not None:
            values = values.masked_fill(outside, 0.0)
        joined = join_channels([skipped, values], self.n_members, paired=self.paired)
        beside = Window(joined, start, window.step, window.ends)
        before = memory[self.up, "input"]
        return self.up.affected(beside, memory) if beside.width < before.shape[2] else self.up(beside.whole(before))


def _repeated(x: Tensor) -> Tensor:
    """Return every value as often as there were positions before pooling."""
    return x.unsqueeze(-1).expand(*x.shape, SIZE).flatten(-2)


def _wider(layer: Layer, first: int, last: int) -> tuple[int, int]:
    """Return which positions a convolution needs for these."""
    beyond = int(layer.reach(0, 1)[0]) // 2
    return first - beyond, last + beyond


class Model(deep.Model):
    """U-Net with a leading member axis."""

    settings: Settings
    gives_bases = True
    can_mix = False  # what is pooled here are scores

    def __init__(self, chosen: Settings) -> None:
        super().__init__(chosen)
        m, targets = chosen.n_members, chosen.n_targets
        self.output_weight = nn.Parameter(torch.empty(m, self.body.outputs, targets))
        self.readout = Readout(m, targets, chosen.pooling)
        self.stride = SIZE**chosen.n_levels

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return the levels, one in the other, and the hidden layer if there is one."""
        n, hidden = self.settings.n_filters, self.settings.hidden
        levels: list[Layer] = [self._level(make, n, self.settings.n_levels)]
        return levels + ([make.unit(n, hidden, 1)] if hidden else [])

    def _level(self, make: deep.Maker, channels: int, n_levels: int) -> Level:
        lower = [make.pool(channels, SIZE), make.unit(channels, 2 * channels, 3)]
        if n_levels > 1:
            lower.append(self._level(make, 2 * channels, n_levels - 1))
        return Level(Chain(lower), make.unit(3 * channels, channels, 3), make.members, paired=make.paired)

    def dense(self) -> tuple[int, ...]:
        """Return none: the bases' scores are pooled."""
        return ()

    @property
    def padding(self) -> str:
        """What detectors see beyond the ends; with N too as many windows as there are bases."""
        return "centred" if self.settings.padding == "N" else self.settings.padding

    def _check_symmetry(self) -> None:
        super()._check_symmetry()
        if self.settings.kernel_size % 2 == 0:
            raise UsageError(
                "--strands equivariant of unet needs an odd --kernel-size: a base is the middle of its window"
            )

    @property
    def receptive_field(self) -> int:
        """How many bp a base sees, those that see most: it depends on where they are in a stretch that is pooled."""
        level = self.body.parts[0]
        assert isinstance(level, Level)
        seen = [level.surroundings(at, at) for at in range(self.stride)]
        return max(last - first + 1 for first, last in seen) + self.settings.kernel_size - 1

    def rescale(self, scale: Tensor, shift: Tensor) -> None:
        """Have every score, of a base and of a sequence, be ``score * scale + shift`` from now on."""
        super().rescale(scale, shift)
        if "attention" in self.readout.ways:  # it weighs bases by their scores
            with torch.no_grad():
                self.readout.attention.div_(scale.to(self.readout.attention))

    def last(self, signal: Signal) -> Signal:
        """Return the scores of positions, (n, n_members * n_targets, width), 0 beyond the ends."""
        return Signal(self._scored(signal.values), signal.rows).cleaned()

    def last_changed(self, window: Window) -> Window:
        """Return the scores of stretches that an edit changes."""
        values = apart(self._scored(window.values.flatten(0, 2)), 0, window.values.shape[:3])
        outside = window.outside(window.start, window.width)
        return window._replace(values=values if outside is None else values.masked_fill(outside, 0.0))

    def _scored(self, x: Tensor) -> Tensor:
        """Score positions, (n, n_members * channels, width); of paired channels by the mean, alike on both strands."""
        x = self._channels(x)
        if self.training and any(self.dropouts):
            x = x * self._dropped(torch.ones_like(x[:, :, :, 0]).transpose(0, 1)).transpose(0, 1)[..., None]
        weight = self.output_weight.transpose(1, 2).flatten(0, 1)[:, :, None]
        return functional.conv1d(x.flatten(1, 2), weight, self.output_bias.flatten(), groups=len(self.output_weight))

    def _channels(self, x: Tensor) -> Tensor:
        """Return channels by member, (n, n_members, channels, width); paired ones as their mean."""
        x = apart(x, 1, (self.settings.n_members, -1))
        if not self.maker.paired:
            return x
        first, second = x.chunk(2, dim=2)
        return (first + second.flip(2)) / 2

    def head(self, x: Tensor) -> Tensor:
        """Return scores, shape (n_members, n, n_targets): the pooled ones, of two ways of pooling their mean."""
        return apart(x, 2, (len(self.readout.ways), -1)).mean(2)

    def forward(self, inputs: deep.Inputs) -> Tensor:
        """Score a batch, shape (n_members, n, n_targets); every base of it while that is trained on."""
        return self.score_bases(inputs)[:, :, 0] if self.training and self.per_base else super().forward(inputs)

    def score_bases(self, inputs: deep.Inputs) -> Tensor:
        """Score every base of a batch, shape (n_members, n, n_targets, longest); anything beyond the ends."""
        codes, lengths = inputs
        if not self._reads_twice:
            return self._of_bases(codes, lengths)
        both = None if lengths is None else torch.cat([lengths, lengths])
        first, other = self._of_bases(torch.cat([codes, other_strand(codes, lengths)]), both).chunk(2, dim=1)
        if lengths is None:
            return self._better(first, other.flip(3))
        back = (lengths[:, None] - 1 - torch.arange(codes.shape[1], device=codes.device)).clamp(min=0)
        return self._better(first, other.gather(3, back[:, None].expand_as(other)))

    def strand_features(self, inputs: deep.Inputs, layer: str) -> tuple[Tensor, Tensor]:
        """Do as the base class says: the channels at the base whose score counts, or their mean where a mean does."""
        strands = 2 if self._reads_twice else 1
        signal = self._of_codes(*self.of_strands(inputs))
        scored = self.last(signal)
        inside = signal.inside()
        weights = torch.stack([self._counting(way, scored, inside) for way in self.readout.ways]).mean(0)
        channels = self._channels(signal.values)
        features = torch.einsum("nmw,nmcw->mnc", weights, channels)
        found = features, self.head(self.readout(scored))
        of_features, of_scores = (torch.stack(each.chunk(strands, dim=1), dim=2) for each in found)
        return of_features, of_scores

    def _counting(self, way: str, scored: Signal, inside: Tensor | None) -> Tensor:
        """Return how much each position counts in a way of pooling, shape (n, n_members, width)."""
        x = apart(scored.values, 1, (self.settings.n_members, -1))
        total = self.readout.logits(x) if way == "attention" else x.sum(2)
        if way == "average":
            total = torch.zeros_like(total)
        if inside is not None:
            total = total.masked_fill(~inside, -torch.inf)
        if way == "max":
            return functional.one_hot(total.argmax(2), total.shape[2]).to(total.dtype)
        return total.softmax(2)

    def _of_codes(self, codes: Tensor, lengths: Tensor | None) -> Signal:
        """Return what the levels make of one strand."""
        return self.body(self.detect(one_hot(codes, contexts=self.settings.contexts), lengths))

    def _of_bases(self, codes: Tensor, lengths: Tensor | None) -> Tensor:
        """Score the bases of one strand; with "valid" padding those at the ends as the nearest that has a window."""
        values, rows = self.last(self._of_codes(codes, lengths))
        n, width = codes.shape
        if rows is not None or self.padding == "valid":
            start = torch.zeros(n, dtype=torch.int64, device=codes.device)
            rows = rows or Rows(start, start + values.shape[2])
            begin = lead("same", self.settings.kernel_size) if self.padding == "valid" else 0
            at = (torch.arange(width, device=codes.device) - begin).clamp(min=0)
            at = rows.start[:, None] + torch.minimum(at, (rows.stop - rows.start - 1)[:, None])
            values = values.gather(2, at[:, None].expand(-1, values.shape[1], -1))
        return apart(values, 1, (self.settings.n_members, self.settings.n_targets)).transpose(0, 1)

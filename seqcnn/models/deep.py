"""Base of the architectures of several layers: detectors, a body of layers, pooling over the sequence, dense layers.

An architecture says what its body is and, if it likes, its dense layers; all else is here: one-hot from codes on the
device, sequences of several lengths in a batch, strands, members, first weights, mutagenesis.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.errors import UsageError
from seqcnn.models import affected, network
from seqcnn.models.chains import Chain, Parallel, Residual
from seqcnn.models.detectors import Detectors
from seqcnn.models.first_weights import spread
from seqcnn.models.layers import ACTIVATIONS, Layer, Pool, Unit
from seqcnn.models.mixture import mixed
from seqcnn.models.norm import STATISTICS, Norm
from seqcnn.models.one_hot import one_hot, other_strand, padded
from seqcnn.models.readout import Readout
from seqcnn.models.recurrent import Recurrent
from seqcnn.models.settings import Deep
from seqcnn.models.signal import Signal, Window, both_ways
from seqcnn.sequence.ragged import Ragged

LETTERS_AT_ONCE: Final = 1 << 15
"""Letters whose signals are held at a time."""

Inputs = tuple[Tensor, Tensor | None]
"""Codes, shape (n, longest), and lengths, shape (n,); None if all are equal."""


class Maker:
    """Makes layers for a network's members, strands and normalisation.

    Parameters
    ----------
    chosen : Deep
    """

    def __init__(self, chosen: Deep) -> None:
        self.settings = chosen
        self.paired = chosen.both_strands and chosen.strands == "equivariant"
        self.members = chosen.n_members

    def unit(self, inputs: int, outputs: int, kernel_size: int, dilation: int = 1, activation: str = "relu") -> Unit:
        """Return convolution, batch normalisation if that is chosen, and activation ("none" for none)."""
        norm, paired = self.settings.batch_norm, self.paired
        return Unit(
            self.members, inputs, outputs, kernel_size, dilation, norm=norm, activation=activation, paired=paired
        )

    def pool(self, channels: int, size: int = 3) -> Pool:
        """Return pooling of neighbours: the mean if average pooling is chosen, else the maximum."""
        return Pool(channels, size, average=self.settings.pooling == "average")

    def residual(self, *layers: Layer, shortcut: Unit | None = None) -> Residual:
        """Return layers to whose result their input is added."""
        return Residual(Chain(layers), shortcut)

    def parallel(self, *branches: Sequence[Layer]) -> Parallel:
        """Return layers beside each other."""
        return Parallel([Chain(branch) for branch in branches], self.members, paired=self.paired)

    def recurrent(self, inputs: int, units: int, cell: str) -> Recurrent:
        """Return cells that read in both directions."""
        return Recurrent(self.members, inputs, units, cell, paired=self.paired)


class Dense(nn.Module):
    """A fully connected layer for each member, with normalisation if that is chosen, and ReLU."""

    def __init__(self, n_members: int, inputs: int, outputs: int, *, norm: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, inputs, outputs))
        self.bias = None if norm else nn.Parameter(torch.zeros(n_members, outputs))
        self.norm = Norm(n_members, outputs) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        """Return units, shape (n_members, n, outputs)."""
        x = torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias[:, None], x, self.weight)
        if self.norm is not None:
            members, n, outputs = x.shape
            x = self.norm(x.transpose(0, 1).reshape(n, -1, 1)).view(n, members, outputs).transpose(0, 1)
        return functional.relu(x)


class Model(network.Network):
    """A network of several layers with a leading member axis."""

    settings: Deep
    can_mix = True
    silenced: Tensor | None = None
    """Which detectors never fire, bool, shape (n_detectors,)."""

    def __init__(self, chosen: Deep) -> None:
        super().__init__(chosen)
        self.maker = Maker(chosen)
        m, f, paired, norm = chosen.n_members, chosen.n_filters, self.maker.paired, chosen.batch_norm
        detectors = f * (2 if chosen.activation == "maxout" else 1)
        self.filters = nn.Parameter(torch.empty(m, detectors, chosen.n_channels, chosen.kernel_size))
        self.threshold = None if norm else nn.Parameter(torch.zeros(m, detectors))
        self.first_norm = Norm(m, detectors, paired=paired) if norm else None
        self.activation = ACTIVATIONS[chosen.activation]
        self.body = Chain(self.layers(self.maker))
        self.readout = Readout(m, self.body.outputs, chosen.pooling, paired=paired)
        sizes = [self.readout.outputs, *self.dense()]
        self.hidden = nn.ModuleList(Dense(m, *size, norm=norm) for size in pairwise(sizes))
        self.output_weight = nn.Parameter(torch.empty(m, sizes[-1], chosen.n_targets))
        self.output_bias = nn.Parameter(torch.zeros(m, chosen.n_targets))
        self.stride = self.body.reach(chosen.kernel_size, 1)[1]
        """Distance of neighbours after the body, bp."""
        if paired:
            self._check_symmetry()

    @abstractmethod
    def layers(self, make: Maker) -> list[Layer]:
        """Return the layers between the detectors, of which `settings.n_filters` channels come, and the pooling."""

    def dense(self) -> tuple[int, ...]:
        """Return the units of each layer between pooling and output: one hidden layer, unless it has 0 units."""
        return (self.settings.hidden,) if self.settings.hidden else ()

    def _check_symmetry(self) -> None:
        """Refuse what layers cannot do alike on both strands."""
        chosen = self.settings
        if chosen.padding == "valid":
            raise UsageError("--strands equivariant needs --padding N or same: ends must be alike on both strands")
        if chosen.padding == "same" and chosen.kernel_size % 2 == 0:
            raise UsageError("--strands equivariant with --padding same needs an odd --kernel-size")
        if self.stride % 2 == 0:
            raise UsageError("--strands equivariant needs layers that pool odd numbers of neighbours")

    @property
    def letters_at_once(self) -> int:
        """Letters scored at a time in predictions."""
        return LETTERS_AT_ONCE

    @property
    def padding(self) -> str:
        """What detectors see beyond the ends of a sequence, one of :data:`seqcnn.models.one_hot.PADDINGS`."""
        return self.settings.padding

    @property
    def receptive_field(self) -> int | None:
        """How many bp a position before the last pooling sees; None for the whole sequence."""
        field = self.body.reach(self.settings.kernel_size, 1)[0]
        return None if field == math.inf else int(field)

    @property
    def n_parameters(self) -> int:
        """Weights of one member."""
        trained = [p for name, p in self.named_parameters() if not name.endswith(STATISTICS)]
        return sum(p.numel() for p in trained) // self.settings.n_members

    @property
    def motif_parameters(self) -> frozenset[str]:
        """Names of the parameters of the motif layer, which a head is put upon."""
        return frozenset({"filters", "threshold"})

    def is_decayed(self, name: str) -> bool:
        """Say whether weight decay pulls this parameter towards 0: weights of layers and detectors."""
        return name.endswith(("weight", "filters"))

    def initialise(self) -> None:
        """Draw weights as the settings say, or normally where a scale is set; biases 0, gains 1."""
        for name, parameter in self.named_parameters():
            if not self.is_decayed(name):
                started = name.endswith(("gain", "running_variance"))
                parameter.fill_(1.0 if started else 0.0)
                continue
            shape = parameter.shape
            inputs, outputs = (shape[1], shape[2]) if len(shape) == 3 else (shape[2] * shape[3], shape[1] * shape[3])
            drawn = self.draw(*shape[1:], uniform=False)
            how = self.settings.initialisation
            if len(shape) == 3:  # inputs come first here
                parameter.copy_(spread(drawn.transpose(1, 2), inputs, outputs, how).transpose(1, 2))
            else:
                parameter.copy_(spread(drawn, inputs, outputs, how))
            for member, normal, scale in zip(parameter, drawn, self.scales, strict=True):
                size = scale and (scale.filters if self.is_filter(name) else scale.others)
                if size:
                    member.copy_(normal * size)

    def prepare(self, codes: Tensor, lengths: Tensor | None, batch_size: int) -> Iterator[Inputs]:
        """Yield codes and lengths of each batch."""
        for start in range(0, len(codes), batch_size):
            part = slice(start, start + batch_size)
            yield codes[part], None if lengths is None else lengths[part]

    def forward(self, inputs: Inputs) -> Tensor:
        """Score a batch, shape (n_members, n, n_targets)."""
        codes, lengths = self.of_strands(inputs)
        return self._combined(self.score_strands(one_hot(codes, contexts=self.settings.contexts), lengths))

    def of_strands(self, inputs: Inputs) -> Inputs:
        """Return a batch with the other strand of every sequence behind it, where both are read."""
        codes, lengths = inputs
        if not self._reads_twice:
            return inputs
        return torch.cat([codes, other_strand(codes, lengths)]), None if lengths is None else torch.cat([lengths] * 2)

    def strand_features(self, inputs: Inputs, layer: str) -> tuple[Tensor, Tensor]:
        """Do as the base class says: what is pooled over the sequence, or the units before the output."""
        codes, lengths = self.of_strands(inputs)
        pooled = self.readout(self.body(self.detect(one_hot(codes, contexts=self.settings.contexts), lengths)))
        last = pooled
        for dense in self.hidden:
            last = dense(last)
        scores = torch.baddbmm(self.output_bias[:, None], last, self.output_weight)
        found = (pooled if layer == "pooled" else last, scores)
        strands = 2 if self._reads_twice else 1
        features, scores = (torch.stack(each.chunk(strands, dim=1), dim=2) for each in found)
        return features, scores

    def score_one_hot(self, x: Tensor) -> Tensor:
        """Score one-hot sequences of one length, shape (n, 4, length); return (n_members, n, n_targets)."""
        scores = self.score_strands(x, None)
        return self._better(scores, self.score_strands(x.flip(1, 2), None)) if self._reads_twice else scores

    @property
    def _reads_twice(self) -> bool:
        return self.settings.both_strands and not self.maker.paired

    def _combined(self, scores: Tensor) -> Tensor:
        """Return what is made of the scores of both strands, the second half being those of the other ones."""
        if not self._reads_twice:
            return scores
        return self._better(*scores.chunk(2, dim=1))

    def _better(self, first: Tensor, second: Tensor) -> Tensor:
        """Return what is made of the scores of the strands."""
        return torch.maximum(first, second) if self.settings.strands == "best" else (first + second) / 2

    def score_strands(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Score one-hot as it is, on one strand, shape (n_members, n, n_targets)."""
        return self.head(self.readout(self.last(self.body(self.detect(x, lengths)))))

    def last(self, signal: Signal) -> Signal:
        """Return what is pooled over the sequence, of what the body gives: the same, position by position."""
        return signal

    def last_changed(self, window: Window) -> Window:
        """Do what :meth:`last` does for stretches that an edit changes."""
        return window

    def detect(self, x: Tensor, lengths: Tensor | None) -> Signal:
        """Return the detectors' activations along one-hot sequences."""
        signal = self.detector_scores(x, lengths)
        scores = signal.values if self.first_norm is None else self.first_norm(signal.values, signal.inside())
        if self.silenced is not None:
            return Signal(self._without(scores, self.silenced), signal.rows).cleaned()
        return Signal(self.activation(scores), signal.rows).cleaned()

    def _without(self, scores: Tensor, silenced: Tensor) -> Tensor:
        """Return activations, those of some detectors 0: with maxout that of the other of a pair, if there is one."""
        channels = torch.cat([silenced, silenced.flip(0)]) if self.maker.paired else silenced
        channels = channels.repeat(self.settings.n_members)[:, None]
        if self.settings.activation == "maxout":
            found = self.activation(scores.masked_fill(channels, -torch.inf))
            return found.masked_fill(found == -torch.inf, 0.0)
        return self.activation(scores).masked_fill(channels, 0.0)

    def detectors(self) -> list[Detectors]:
        """Return the detectors with the normalisation in them; of maxout both of each pair."""
        filters = self.filters.detach()
        threshold: Tensor | None = self.threshold
        if self.first_norm is not None:
            scale, shift = self.first_norm.scale_and_shift()
            filters, threshold = filters * scale[:, :, None, None], -shift
        assert threshold is not None
        members = tuple(range(self.settings.n_members))
        return [Detectors(filters.detach(), threshold.detach(), members, self.settings.both_strands)]

    def scores_without(
        self, sequences: Ragged, member: int, filters: Sequence[Sequence[int]]
    ) -> Iterator[NDArray[np.float32]]:
        """Do as the base class says: what silenced detectors give is 0."""
        one = self.members([member])
        assert isinstance(one, Model)
        for each in filters:
            one.silenced = torch.zeros(self.filters.shape[1], dtype=torch.bool, device=self.filters.device)
            one.silenced[list(each)] = True
            yield one.score(sequences)[0]

    def detector_scores(self, x: Tensor, lengths: Tensor | None) -> Signal:
        """Return the detectors' scores, less their thresholds if they have such, not clean beyond the ends."""
        chosen = self.settings
        stride = self.stride if self.maker.paired else 1
        x, rows = padded(x, lengths, chosen.kernel_size, self.padding, stride)
        filters: Tensor = self.filters
        bias = None if self.threshold is None else -self.threshold
        if self.maker.paired:
            filters, bias = both_ways(filters, 2, 3), None if bias is None else both_ways(bias)
        return Signal(functional.conv1d(x, filters.flatten(0, 1), None if bias is None else bias.flatten()), rows)

    def substitution_scores(self, codes: Tensor) -> Tensor:
        """Score all substitutions of sequences of one length, see :mod:`seqcnn.models.affected`."""
        return affected.substitution_scores(self, codes)

    def head(self, x: Tensor) -> Tensor:
        """Turn features, shape (n_members, n, n_features), into scores, shape (n_members, n, n_targets)."""
        x = self._dropped(self._mixed(x))
        for layer in self.hidden:
            x = self._dropped(layer(x))
        return torch.baddbmm(self.output_bias[:, None], x, self.output_weight)

    def _mixed(self, x: Tensor) -> Tensor:
        """Mix examples while training, if that is asked for; those of either strand by themselves."""
        if not self.training or self.mix is None:
            return x
        strands = 2 if self._reads_twice else 1
        return mixed(x.reshape(len(x), strands, -1, x.shape[2]), self.mix, 2).flatten(1, 2)

    def _dropped(self, x: Tensor) -> Tensor:
        """Leave out some features while training, the same ones on both strands."""
        if not self.training or not any(self.dropouts):
            return x
        strands = 2 if self._reads_twice else 1
        kept = self.keep(x.shape[1] // strands, x.shape[2])
        return x * (torch.cat([kept, kept], dim=1) if strands == 2 else kept)

"""DeepBind: one motif scan, pooling over the whole sequence, a small fully connected head.

Alipanahi, Delong, Weirauch and Frey 2015, doi:10.1038/nbt.3300. The filters are whole motifs because nothing after the
global pooling could put partial ones together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.errors import UsageError
from seqcnn.models import cpu_step, network, run_pooling
from seqcnn.models.mixture import mixed
from seqcnn.models.network import to_tensors
from seqcnn.models.prepared_scan import PreparedScan
from seqcnn.models.scan import LONG_WORD, Windows, choose_word, scan, window_batches
from seqcnn.models.scan_average import scan_with_average
from seqcnn.models.scan_convolution import convolve_with_average, scan_by_convolution
from seqcnn.sequence.ragged import Ragged

LINEAGE: Final = "DeepBind"

POOLINGS: Final = ("max", "max-average")

WINDOWS_AT_ONCE: Final = 1 << 15
FEATURES_AT_ONCE: Final = 1 << 22
"""Windows of a run whose features are held at a time: as many as have so many features, but not fewer than so many."""

QUICK: Final = 1 << 12
"""Windows whose hidden layers are held at a time where rounding does not matter."""

OFFSETS_PER_BASE: Final = 30
"""Offsets of detectors whose scan takes as long as all windows that begin at one base of a run: see `score_windows`."""

DEVICE_BYTES: Final = 1 << 28
"""What the scores of a batch's windows may take on a GPU, which holds all of them at once."""

Inputs = Windows | tuple[Tensor, Tensor | None]
"""Table rows of windows (CPU), or codes and lengths (GPU)."""


@dataclass(frozen=True, slots=True)
class Settings(network.Settings):
    """DeepBind's shape.

    Parameters
    ----------
    strands : {"best"}
        The better score of both strands counts.
    n_filters : int, 1 or more
        Number of motif detectors.
    kernel_size : int, 1 to 200
        Length of a detector, bp.
    hidden : int, 0 or more
        Units of the hidden layer; 0 for none.
    pooling : {"max", "max-average"}
        What is kept of a detector's scores along a sequence.
    """

    strands: str = "best"
    n_filters: int = 16
    kernel_size: int = 24
    hidden: int = 32
    pooling: str = "max"


class Model(network.Network):
    """DeepBind with a leading member axis.

    The features of a strand are ``relu(max over windows of (filter * window) - threshold)``, with "max-average" also
    the mean over windows of ``relu(filter * window - threshold)``.
    """

    settings: Settings
    can_mix = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if settings.pooling not in POOLINGS:
            raise UsageError(f"pooling {settings.pooling!r} is unknown; there are: {', '.join(POOLINGS)}")
        if settings.strands != "best":
            raise UsageError(
                f"the architecture deepbind takes the better strand; it has no strands {settings.strands!r}"
            )
        m, f, k, h, t = (
            settings.n_members,
            settings.n_filters,
            settings.kernel_size,
            settings.hidden,
            settings.n_targets,
        )
        features = f * (2 if settings.pooling == "max-average" else 1)
        self.filters = nn.Parameter(torch.empty(m, f, settings.n_channels, k))
        self.threshold = nn.Parameter(torch.zeros(m, f))
        if h:
            self.hidden_weight = nn.Parameter(torch.empty(m, features, h))
            self.hidden_bias = nn.Parameter(torch.zeros(m, 1, h))
        self.output_weight = nn.Parameter(torch.empty(m, h or features, t))
        self.output_bias = nn.Parameter(torch.zeros(m, t))
        self._step: tuple[tuple[int, int], cpu_step.Step] | None = None
        self._pooling: run_pooling.RunPooling | None = None
        self._prepared: tuple[tuple[int, ...], PreparedScan] | None = None

    def initialise(self) -> None:
        """Draw filters and weights uniformly within 1 / sqrt(inputs), or normally where a scale is set; biases 0."""
        weights = [self.filters, self.output_weight]
        if self.settings.hidden:
            weights.insert(1, self.hidden_weight)
            self.hidden_bias.zero_()
        for weight in weights:
            is_filters = weight is self.filters
            inputs = weight[0, 0].numel() if is_filters else weight.shape[1]
            weight.copy_((self.draw(*weight.shape[1:]) * 2 - 1) / inputs**0.5)
            for member, scale, generator in zip(weight, self.scales, self.generators, strict=True):
                size = scale and (scale.filters if is_filters else scale.others)
                if size:
                    member.copy_(torch.randn(member.shape, generator=generator) * size)
        self.threshold.zero_()
        self.output_bias.zero_()

    def prepare(self, codes: Tensor, lengths: Tensor | None, batch_size: int) -> Iterator[Inputs]:
        """Find the windows once for many batches on the CPU; on a GPU pass the codes on."""
        if self.on_cpu:
            kernel_size = self.settings.kernel_size
            word = choose_word(batch_size, codes.shape[1], kernel_size) if self.training else LONG_WORD
            yield from window_batches(codes, lengths, kernel_size, batch_size, word, self.settings.contexts)
        else:
            for start in range(0, len(codes), batch_size):
                part = slice(start, start + batch_size)
                yield codes[part], None if lengths is None else lengths[part]

    @property
    def letters_at_once(self) -> int:
        """On a GPU fewer for wider networks."""
        settings = self.settings
        width = settings.n_members * settings.n_filters * (2 if settings.both_strands else 1)
        usual = super().letters_at_once
        return usual if self.on_cpu else min(usual, max(1, DEVICE_BYTES // (4 * width)))

    @property
    def threads_itself(self) -> bool:
        """On the CPU, with maximum pooling."""
        return self._bases_on_cpu and self.settings.pooling == "max"

    @property
    def _bases_on_cpu(self) -> bool:
        """Whether the fastest ways, which are for bases alone, can be taken."""
        return self.on_cpu and not self.settings.contexts

    def hidden_layer(self) -> tuple[nn.Parameter, nn.Parameter] | None:
        """Return weight and bias of the hidden layer, if there is one."""
        return (self.hidden_weight, self.hidden_bias) if self.settings.hidden else None

    def add_gradients(self, inputs: Inputs, targets: Tensor, loss: network.Loss) -> Tensor:
        """Do as the base class says; on the CPU, with maximum pooling, in a faster way."""
        settings = self.settings
        fast, gradient = self.training and self.threads_itself, self.filters.grad
        if not fast or gradient is None or not isinstance(inputs, Windows):
            return super().add_gradients(inputs, targets, loss)
        place = (self.filters.data_ptr(), gradient.data_ptr())
        if self._step is None or self._step[0] != place:
            strands = 2 if settings.both_strands else 1
            self._step = place, cpu_step.Step(self, strands=strands, dropout=any(self.dropouts))
        mix = None if self.mix is None else self.mix.numpy()
        return torch.from_numpy(self._step[1].add_gradients(inputs, targets.numpy(), loss.with_gradient, mix))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out, of what a copy gets, the arrays that are this network's memory."""
        return self.__dict__ | {"_step": None, "_pooling": None, "_prepared": None}

    def forward(self, inputs: Inputs) -> Tensor:
        """Score a batch, shape (n_members, n, n_targets)."""
        return self._head(self._pool(inputs))

    def _pool(self, inputs: Inputs) -> Tensor:
        """Return the pooled features, shape (n_members, n, n_strands, n_features)."""
        filters, threshold = self._strands()
        maximum, average = self._scan(filters, inputs, threshold if self.settings.pooling == "max-average" else None)
        return self._features(maximum, threshold, average)

    def _head(self, features: Tensor, members: slice = slice(None)) -> Tensor:
        """Turn features, shape (n_members, n, n_strands, n_features), into scores, shape (n_members, n, n_targets).

        For predictions it is computed in double precision, so that a score does not depend, not even by rounding, on
        what else is in its batch.
        """
        weights = [self.output_bias[members, None], self.output_weight[members]]
        if self.settings.hidden:
            weights += [self.hidden_bias[members], self.hidden_weight[members]]
        if not self.training and features.device.type != "mps":  # Apple's GPUs have no double precision
            features, weights = features.double(), [weight.double() for weight in weights]
        elif self.training:
            if self.mix is not None:
                features = mixed(features, self.mix, 1)
            if any(self.dropouts):
                features = features * self.keep(features.shape[1], 1, features.shape[3])
        m, n, strands, _ = features.shape
        x = features.reshape(m, n * strands, -1)
        if self.settings.hidden:
            x = torch.baddbmm(weights[2], x, weights[3]).relu_()
        scores = torch.baddbmm(weights[0], x, weights[1]).view(m, n, strands, -1)
        best = torch.maximum(scores[:, :, 0], scores[:, :, 1]) if strands == 2 else scores[:, :, 0]
        return best.to(self.output_bias.dtype)

    def strand_features(self, inputs: Inputs, layer: str) -> tuple[Tensor, Tensor]:
        """Do as the base class says: the pooled activations of the detectors, or the hidden units if there are such."""
        pooled = self._pool(inputs)
        m, n, strands, _ = pooled.shape
        kind = pooled.dtype if pooled.device.type == "mps" else torch.float64
        last = pooled.to(kind).reshape(m, n * strands, -1)
        if self.settings.hidden:
            last = torch.baddbmm(self.hidden_bias.to(kind), last, self.hidden_weight.to(kind)).relu_()
        scores = torch.baddbmm(self.output_bias.to(kind)[:, None], last, self.output_weight.to(kind))
        features = pooled if layer == "pooled" else last.view(m, n, strands, -1)
        return features, scores.view(m, n, strands, -1)

    def score(self, sequences: Ragged) -> NDArray[np.float32]:
        """Do as the base class says; on the CPU, with maximum pooling, in a faster way."""
        if not self._bases_on_cpu or self.settings.pooling != "max":
            return super().score(sequences)
        filters, threshold = self._strands()
        version = run_pooling.version(self)
        with run_pooling.LOCK:  # the first of several threads prepares it for all
            if self._prepared is None or self._prepared[0] != version:
                self._prepared = version, PreparedScan(filters)
            prepared = self._prepared[1]
        maximum = prepared.maxima(*to_tensors(sequences, self.output_bias.device))
        scores: NDArray[np.float32] = self._head(self._features(maximum, threshold)).numpy()
        return scores

    def train(self, mode: bool = True) -> Self:
        """Enter training or leave it; what was prepared for predictions is forgotten, as weights may change."""
        self._pooling, self._prepared = None, None
        return super().train(mode)

    def _strands(self) -> tuple[Tensor, Tensor]:
        """Return filters, shape (width, 4, kernel_size), and thresholds of all members, then of the other strand."""
        filters = self.filters.flatten(0, 1)
        if self.settings.both_strands:
            filters = torch.cat([filters, filters.flip(1, 2)])
        return filters, self.threshold.flatten().repeat(2 if self.settings.both_strands else 1)

    def _features(self, maximum: Tensor, threshold: Tensor, average: Tensor | None = None) -> Tensor:
        """Rectify what was pooled; return it in the shape of :meth:`_pool`."""
        settings = self.settings
        parts = [functional.relu(maximum - threshold)]
        if average is not None:
            parts.append(average)
        shape = (-1, 2 if settings.both_strands else 1, settings.n_members, settings.n_filters)
        return torch.cat([part.view(shape) for part in parts], dim=3).permute(2, 0, 1, 3)

    @property
    def detector_length(self) -> int:
        """The detectors' own length."""
        return self.settings.kernel_size

    def scores_without(
        self, sequences: Ragged, member: int, filters: Sequence[Sequence[int]]
    ) -> Iterator[NDArray[np.float32]]:
        """Do as the base class says; where sequences are scored whole, with one scan for all sets."""
        if self.rule != "whole":
            yield from super().scores_without(sequences, member, filters)
            return
        n_filters, network = self.settings.n_filters, self.members([member])
        assert isinstance(network, Model)
        tensors = to_tensors(sequences, self.output_bias.device)
        features = torch.cat([network._pool(inputs) for inputs in network.prepare(*tensors, len(sequences))], 1)
        for each in filters:
            silent = [at for f in each for at in range(f, features.shape[3], n_filters)]
            kept = features[..., silent].clone()
            features[..., silent] = 0
            scores: NDArray[np.float32] = network._head(features)[0].cpu().numpy()
            features[..., silent] = kept
            yield scores

    def score_windows(
        self, codes: NDArray[np.uint8], starts: NDArray[np.intp], length: int, *, exact: bool = True
    ) -> NDArray[np.float32]:
        """Do as the base class says; on the CPU without cutting the windows out.

        Far from each other it is faster to cut them out, but scores then differ by rounding.
        """
        settings = self.settings
        k, n = settings.kernel_size, len(starts)
        far_apart = not exact and n > 0 and starts[-1] - starts[0] > ((length + k) / OFFSETS_PER_BASE + 1) * n
        if not self._bases_on_cpu or length < k or far_apart:
            return super().score_windows(codes, starts, length)
        with run_pooling.LOCK:  # the first of several threads makes it for all
            pooling = self._pooling
            if pooling is None or not pooling.fits(self, length, exact=exact):
                pooling = self._pooling = run_pooling.RunPooling(self, length, exact=exact)
        out = np.empty((settings.n_members, n, settings.n_targets), dtype=np.float32)
        width = settings.n_filters * (2 if settings.both_strands else 1)
        at_once = max(WINDOWS_AT_ONCE, FEATURES_AT_ONCE // width)
        for first in range(0, n, at_once):
            block = slice(first, first + at_once)
            begin, end = int(starts[block][0]), int(starts[block][-1]) + length
            at = None if end - begin == len(starts[block]) + length - 1 else starts[block] - begin
            for members, features in pooling.features(codes[begin:end], at):
                head = self._head if exact else self._quick_head
                out[members, block] = head(torch.from_numpy(features).transpose(0, 1), members).numpy()
        return out

    def _quick_head(self, features: Tensor, members: slice) -> Tensor:
        """Do what :meth:`_head` does for predictions, in single precision."""
        m, n, strands, _ = features.shape
        scores = torch.empty(m, n * strands, self.settings.n_targets)
        for i, member in enumerate(range(self.settings.n_members)[members]):
            parts = zip(features[i].split(QUICK), scores[i].split(QUICK * strands), strict=True)  # type: ignore[no-untyped-call]
            for x, out in parts:
                x = x.reshape(len(out), -1)
                if self.settings.hidden:
                    x = torch.addmm(self.hidden_bias[member], x, self.hidden_weight[member]).relu_()
                torch.addmm(self.output_bias[member], x, self.output_weight[member], out=out)
        each = scores.view(m, n, strands, -1)
        return torch.maximum(each[:, :, 0], each[:, :, 1]) if strands == 2 else each[:, :, 0]

    @staticmethod
    def _scan(filters: Tensor, inputs: Inputs, threshold: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the largest scores, shape (n, width), and with a threshold the mean of those above it."""
        if isinstance(inputs, Windows):
            return (scan(filters, inputs), None) if threshold is None else scan_with_average(filters, inputs, threshold)
        if threshold is None:
            return scan_by_convolution(filters, *inputs), None
        return convolve_with_average(filters, *inputs, threshold)

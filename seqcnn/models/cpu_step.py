"""A training step of a max-pooling DeepBind on the CPU, its gradient written out.

A step of a small network is mostly the cost of calling many small operations. NumPy's calls cost a fraction of
PyTorch's, and automatic differentiation doubles their number; so everything after the scan is done here in NumPy, on
the memory of the network's parameters. The scan itself is that of :mod:`seqcnn.models.scan`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.models import threads
from seqcnn.models.mixture import mixed
from seqcnn.models.one_hot_windows import OneHotWindows
from seqcnn.models.scan import FEW, Windows, max_pool, words

Array = NDArray[np.float32]
LossAndGradient = Callable[[Array, Array], tuple[Array, Array]]
"""Scores, shape (n_members, n, n_targets), and targets to each member's loss and its gradient by the scores."""

REPORTED: Final[Any] = {"over": "ignore", "invalid": "ignore"}
"""A loss that is not finite is for the fit to report. Each thread has such settings of its own."""

WIDE: Final = 3
"""Detectors, of all members and strands, for each window of a sequence, from which their gradient is faster summed from
windows in one-hot form."""

MOST_BYTES: Final = 1 << 26
"""What these may take."""

EVEN: Final = 4
"""Members for each thread from which it does not matter that one thread has one more."""


class Parameters(Protocol):
    """What the step needs of a network; the parameters have gradients to add to."""

    filters: torch.nn.Parameter
    threshold: torch.nn.Parameter
    output_weight: torch.nn.Parameter
    output_bias: torch.nn.Parameter

    def hidden_layer(self) -> tuple[torch.nn.Parameter, torch.nn.Parameter] | None:
        """Return weight and bias of the hidden layer."""

    def keep(self, *shape: int) -> Tensor:
        """Return dropout's factors."""


class Step:
    """A network's parameters and their gradients as arrays, on which steps are done.

    Parameters
    ----------
    network : Parameters
        On the CPU; the memory of its parameters and gradients must stay where it is.
    strands : int
        2 to take the better of both strands, else 1.
    dropout : bool
    """

    def __init__(self, network: Parameters, *, strands: int, dropout: bool) -> None:
        self.keep = network.keep if dropout else None
        self.strands = strands
        self.members, self.n_filters = network.threshold.shape
        shape = (self.members * self.n_filters, *network.filters.shape[2:])
        self.filters, self.grad_filters = (array.reshape(shape) for array in _pair(network.filters))
        self.threshold, self.grad_threshold = _pair(network.threshold)
        self.output_weight, self.grad_output_weight = _pair(network.output_weight)
        self.output_bias, self.grad_output_bias = _pair(network.output_bias)
        layer = network.hidden_layer()
        self.has_hidden = layer is not None
        if layer is not None:
            self.hidden_weight, self.grad_hidden_weight = _pair(layer[0])
            self.hidden_bias, self.grad_hidden_bias = _pair(layer[1])

    @np.errstate(**REPORTED)
    def add_gradients(self, windows: Windows, targets: Array, loss: LossAndGradient, mix: Array | None = None) -> Array:
        """Add the gradient of each member's loss to its parameters' gradients.

        Parameters
        ----------
        windows : Windows
        targets : ndarray, shape (n, n_targets)
        loss : callable
        mix : ndarray, shape (n,), optional
            See :attr:`seqcnn.models.network.Network.mix`.

        Returns
        -------
        ndarray, shape (n_members,)
            The losses.
        """
        kept = self.keep(len(windows.rows), 1, self.n_filters).numpy() if self.keep is not None else None
        shares = [_Share(self, windows, members, i) for i, members in enumerate(self._split(windows))]
        alone = len(shares) == 1
        hot = OneHotWindows(windows, len(shares)) if self._is_wide(windows) else None
        scores = threads.run(lambda share: share.forward(kept, mix, hot, alone=alone), shares)
        losses, of_scores = self._through_loss(scores[0] if alone else np.concatenate(scores), targets, loss)
        threads.run(lambda share: share.backward(of_scores, hot), shares)
        return losses

    def _split(self, windows: Windows) -> list[slice]:
        """Return the members that each thread does, who have nothing to do with each other: all if too few or small."""
        n, n_windows, _ = windows.rows.shape
        work = n * n_windows * self.strands * self.members * self.n_filters
        parts = min(threads.count(), work // FEW)
        if parts < 2 or (self.members % parts and self.members < EVEN * parts):
            return [slice(0, self.members)]
        ends = [self.members * i // parts for i in range(parts + 1)]
        return [slice(*each) for each in pairwise(ends)]

    def _is_wide(self, windows: Windows) -> bool:
        n, n_windows, n_groups = windows.rows.shape
        one_hot = n * n_windows * n_groups * windows.word * 4 * self.filters.itemsize
        return self.strands * self.members * self.n_filters >= WIDE * n_windows and one_hot <= MOST_BYTES

    def _through_loss(self, scores: Array, targets: Array, loss: LossAndGradient) -> tuple[Array, Array]:
        """Return the losses, and the gradient by the scores, which are of shape (n_members, n * strands, n_targets)."""
        if self.strands == 1:
            losses, of_scores = loss(scores, targets)
            self.grad_output_bias += of_scores.sum(1)
            return losses, of_scores
        scores = scores.reshape(self.members, -1, 2, scores.shape[2])
        forward = scores[:, :, 0] >= scores[:, :, 1]
        losses, of_best = loss(np.where(forward, scores[:, :, 0], scores[:, :, 1]), targets)
        of_scores = np.empty_like(scores)
        np.multiply(of_best, forward, out=of_scores[:, :, 0])
        np.subtract(of_best, of_scores[:, :, 0], out=of_scores[:, :, 1])
        self.grad_output_bias += of_best.sum(1)
        return losses, of_scores.reshape(self.members, -1, scores.shape[3])


class _Share:
    """A step of some of the members, and what is kept of it between the way forward and the way back."""

    def __init__(self, step: Step, windows: Windows, members: slice, number: int) -> None:
        self.step, self.windows, self.members, self.number = step, windows, members, number
        self.n_members, self.strands, self.n_filters = members.stop - members.start, step.strands, step.n_filters
        self.columns = slice(members.start * step.n_filters, members.stop * step.n_filters)

    @np.errstate(**REPORTED)
    def forward(self, kept: Array | None, mix: Array | None, hot: OneHotWindows | None, *, alone: bool) -> Array:
        """Return the scores, shape (n_members, n * strands, n_targets); do a share of what the way back needs too."""
        if hot is not None:
            hot.fill(self.number)
        step, members = self.step, self.members
        maximum, position = _scan(torch.from_numpy(self._build_table()), self.windows.rows, alone=alone)
        n = len(maximum)
        above = maximum.numpy().reshape(n, self.strands, self.n_members, self.n_filters) - step.threshold[members]
        x = np.maximum(above, 0, out=above).transpose(2, 0, 1, 3)
        self.position, self.features, self.mix = position.numpy(), x, mix
        self.kept = kept if kept is None else kept[members]
        if mix is not None:
            x = mixed(x, mix, 1)
        if self.kept is not None:
            x = x * self.kept
        self.x = self.hidden = x.reshape(self.n_members, n * self.strands, self.n_filters)
        if step.has_hidden:
            self.hidden = self.x @ step.hidden_weight[members]
            self.hidden += step.hidden_bias[members]
            np.maximum(self.hidden, 0, out=self.hidden)
        scores: Array = self.hidden @ step.output_weight[members]
        scores += step.output_bias[members, None]
        return scores

    @np.errstate(**REPORTED)
    def backward(self, of_scores: Array, hot: OneHotWindows | None) -> None:
        """Add to the parameters' gradients, for that by the scores of all members."""
        step, members, n_members, strands = self.step, self.members, self.n_members, self.strands
        of_x = self._through_head(of_scores[members])
        if self.mix is None:
            of_x *= self.x > 0
        of_x = of_x.reshape(self.features.shape)
        if self.kept is not None:
            of_x *= self.kept
        if self.mix is not None:
            of_x = mixed(of_x, self.mix, 1)
            of_x *= self.features > 0
        of_features = of_x.transpose(1, 2, 0, 3).reshape(of_x.shape[1], -1)
        step.grad_threshold[members] -= of_features.sum(0).reshape(strands, n_members, -1).sum(0)
        if hot is None:
            self._add_to_filters(self._from_table(_of_table(of_features, self.windows, self.position)))
        else:
            self._add_to_filters(hot.of_filters(of_features, self.position))

    def _through_head(self, of_scores: Array) -> Array:
        """Return the gradient by the features; that of the head's weights is added to them."""
        step, members = self.step, self.members
        step.grad_output_weight[members] += self.hidden.transpose(0, 2, 1) @ of_scores
        of_x: Array = of_scores @ step.output_weight[members].transpose(0, 2, 1)
        if step.has_hidden:
            of_x *= self.hidden > 0
            step.grad_hidden_weight[members] += self.x.transpose(0, 2, 1) @ of_x
            step.grad_hidden_bias[members] += of_x.sum(1, keepdims=True)
            of_x = of_x @ step.hidden_weight[members].transpose(0, 2, 1)
        return of_x

    def _build_table(self) -> Array:
        """Do what :func:`seqcnn.models.scan.build_table` does, for the strands."""
        word, filters = self.windows.word, self.step.filters[self.columns]
        if self.strands == 2:
            filters = np.concatenate([filters, filters[:, ::-1, ::-1]])
        width, _, kernel_size = filters.shape
        if missing := -kernel_size % word:
            filters = np.pad(filters, ((0, 0), (0, 0), (0, missing)))
        by_base = filters.reshape(width, 4, -1, word).transpose(3, 1, 2, 0).reshape(word * 4, -1)
        table: Array = (words(word).numpy() @ by_base).reshape(-1, width)
        return table

    def _from_table(self, of_table: Array) -> Array:
        """Take the gradient of the table on to the filters of both strands, shape (width, 4, kernel_size or more)."""
        word, width = self.windows.word, of_table.shape[1]
        by_base = words(word).numpy().T @ of_table.reshape(5**word, -1)
        return by_base.reshape(word, 4, -1, width).transpose(3, 1, 2, 0).reshape(width, 4, -1)

    def _add_to_filters(self, of_strands: Array) -> None:
        gradient = self.step.grad_filters[self.columns]
        n_filters, _, kernel_size = gradient.shape
        of_strands = of_strands[:, :, :kernel_size]
        gradient += of_strands[:n_filters]
        if self.strands == 2:
            gradient += of_strands[n_filters:, ::-1, ::-1]


def _scan(table: Tensor, rows: Tensor, *, alone: bool) -> tuple[Tensor, Tensor]:
    """Return maxima and their windows; if alone each thread takes a share of the sequences, where it is worth it."""
    n, n_windows, _ = rows.shape
    pieces = min(n, threads.count(), n * n_windows * table.shape[1] // FEW) if alone else 1
    parts = rows.tensor_split(pieces) if pieces > 1 else [rows]
    found = threads.run(lambda part: max_pool(table, part, with_position=True), parts)
    if len(found) == 1:
        maximum, position = found[0]
        assert position is not None
        return maximum, position
    return torch.cat([each[0] for each in found]), torch.cat([each[1] for each in found if each[1] is not None])


def _of_table(of_features: Array, windows: Windows, position: NDArray[np.int64]) -> Array:
    """Return the gradient of the table: that of each feature goes to the rows of its winning window."""
    width = of_features.shape[1]
    rows = windows.rows.numpy()
    n_windows, n_groups = rows.shape[1:]
    flat = of_features.reshape(-1)
    at = np.flatnonzero(flat)
    sequence, column = np.divmod(at, width)
    sequence *= n_windows
    sequence += position.reshape(-1)[at]
    hit = rows.reshape(-1, n_groups)[sequence].astype(np.int64)
    hit *= width
    hit += column[:, None]
    table = np.zeros(5**windows.word * n_groups * width, dtype=np.float32)
    np.add.at(table, hit.reshape(-1), flat[at].repeat(n_groups))
    return table.reshape(-1, width)


def _pair(parameter: torch.nn.Parameter) -> tuple[Array, Array]:
    assert parameter.grad is not None
    return parameter.detach().numpy(), parameter.grad.numpy()

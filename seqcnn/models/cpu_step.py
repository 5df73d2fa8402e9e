"""A training step of a max-pooling DeepBind on the CPU, its gradient written out.

A step of a small network is mostly the cost of calling many small operations. NumPy's calls cost a fraction of
PyTorch's, and automatic differentiation doubles their number; so everything after the scan is done here in NumPy, on
the memory of the network's parameters. The scan itself is that of :mod:`seqcnn.models.scan`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.models import threads
from seqcnn.models.mixture import mixed
from seqcnn.models.scan import FEW, Windows, max_pool, words

Array = NDArray[np.float32]
LossAndGradient = Callable[[Array, Array], tuple[Array, Array]]
"""Scores, shape (n_members, n, n_targets), and targets to each member's loss and its gradient by the scores."""


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

    @np.errstate(over="ignore", invalid="ignore")  # a loss that is not finite is for the fit to report
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
        members, strands, n_filters = self.members, self.strands, self.n_filters
        table = self._build_table(windows.word)
        maximum, position = _scan(torch.from_numpy(table), windows.rows)
        n = len(maximum)
        above = maximum.numpy().reshape(n, strands, members, n_filters) - self.threshold
        x = np.maximum(above, 0, out=above).transpose(2, 0, 1, 3)
        features = x
        if mix is not None:
            x = mixed(x, mix, 1)
        kept = self.keep(n, 1, n_filters).numpy() if self.keep is not None else None
        if kept is not None:
            x = x * kept
        x = x.reshape(members, n * strands, n_filters)
        losses, of_x = self._through_head(x, targets, loss)
        if mix is None:
            of_x *= x > 0
        of_x = of_x.reshape(members, n, strands, n_filters)
        if kept is not None:
            of_x *= kept
        if mix is not None:
            of_x = mixed(of_x, mix, 1)
            of_x *= features > 0
        of_features = of_x.transpose(1, 2, 0, 3).reshape(n, -1)
        self.grad_threshold -= of_features.sum(0).reshape(strands, members, n_filters).sum(0)
        self._add_to_filters(_of_table(of_features, windows, position.numpy()), windows.word)
        return losses

    def _build_table(self, word: int) -> Array:
        """Do what :func:`seqcnn.models.scan.build_table` does, for the strands."""
        filters = self.filters
        if self.strands == 2:
            filters = np.concatenate([filters, filters[:, ::-1, ::-1]])
        width, _, kernel_size = filters.shape
        if missing := -kernel_size % word:
            filters = np.pad(filters, ((0, 0), (0, 0), (0, missing)))
        by_base = filters.reshape(width, 4, -1, word).transpose(3, 1, 2, 0).reshape(word * 4, -1)
        table: Array = (words(word).numpy() @ by_base).reshape(-1, width)
        return table

    def _add_to_filters(self, of_table: Array, word: int) -> None:
        """Take the gradient of the table on to the filters."""
        n_filters, _, kernel_size = self.filters.shape
        width = of_table.shape[1]
        by_base = words(word).numpy().T @ of_table.reshape(5**word, -1)
        filters = by_base.reshape(word, 4, -1, width).transpose(3, 1, 2, 0).reshape(width, 4, -1)[:, :, :kernel_size]
        self.grad_filters += filters[:n_filters]
        if self.strands == 2:
            self.grad_filters += filters[n_filters:, ::-1, ::-1]

    def _through_head(self, x: Array, targets: Array, loss: LossAndGradient) -> tuple[Array, Array]:
        """Return the losses and the gradient by the features `x`; that of the head's weights is added to them."""
        hidden = x
        if self.has_hidden:
            hidden = x @ self.hidden_weight
            hidden += self.hidden_bias
            np.maximum(hidden, 0, out=hidden)
        scores = hidden @ self.output_weight
        scores += self.output_bias[:, None]
        if self.strands == 2:
            scores = scores.reshape(self.members, -1, 2, scores.shape[2])
            forward = scores[:, :, 0] >= scores[:, :, 1]
            losses, of_best = loss(np.where(forward, scores[:, :, 0], scores[:, :, 1]), targets)
            of_scores = np.empty_like(scores)
            np.multiply(of_best, forward, out=of_scores[:, :, 0])
            np.subtract(of_best, of_scores[:, :, 0], out=of_scores[:, :, 1])
            of_scores = of_scores.reshape(self.members, -1, scores.shape[3])
        else:
            losses, of_best = loss(scores, targets)
            of_scores = of_best
        self.grad_output_bias += of_best.sum(1)
        self.grad_output_weight += hidden.transpose(0, 2, 1) @ of_scores
        of_x: Array = of_scores @ self.output_weight.transpose(0, 2, 1)
        if self.has_hidden:
            of_x *= hidden > 0
            self.grad_hidden_weight += x.transpose(0, 2, 1) @ of_x
            self.grad_hidden_bias += of_x.sum(1, keepdims=True)
            of_x = of_x @ self.hidden_weight.transpose(0, 2, 1)
        return losses, of_x


def _scan(table: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return maxima and their windows; each thread takes a share of the sequences if there is enough to do."""
    n, n_windows, _ = rows.shape
    pieces = min(n, threads.count(), n * n_windows * table.shape[1] // FEW)
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

"""A network as a function of one-hot sequences: the form that is exported to other programs."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.errors import UsageError
from seqcnn.models import deep
from seqcnn.models.architectures import collection, deepbind
from seqcnn.models.network import Network


class OneHotForm(nn.Module):
    """One-hot in, mean scores of the members out.

    Input: float32, shape (n, 4, length), rows A C G T/U, 0.25 in every row of an N. Output: shape (n, n_targets). Any
    length of 1 or more.

    Parameters
    ----------
    network : Network
        Of the architecture ``deepbind`` or ``collection``, or made of :class:`seqcnn.models.deep.Model`.

    Raises
    ------
    UsageError
        If it is another one.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.groups: nn.ModuleList
        if isinstance(network, deep.Model):
            self.groups, self.order = nn.ModuleList([_Deep(network)]), list[int]()
            return
        if isinstance(network, collection.Model):
            networks, targets = network.networks, list(chain.from_iterable(network.columns))
        elif isinstance(network, deepbind.Model):
            networks, targets = [network], []
        else:
            raise UsageError("an architecture that is not made of seqcnn.models.deep cannot be exported as ONNX")
        self.groups = nn.ModuleList(_Group(each, network.rule) for each in networks)
        self.order = [targets.index(i) for i in range(len(targets))]

    def forward(self, one_hot: Tensor) -> Tensor:
        """Score sequences, shape (n, n_targets)."""
        scores: list[Tensor] = [group(one_hot) for group in self.groups]
        if not self.order:
            return scores[0].mean(0)
        return torch.cat([group[:, :, 0] for group in scores])[self.order].t()


class _Deep(nn.Module):
    """A copy of a network of several layers, which has no rule but to score sequences whole."""

    def __init__(self, network: deep.Model) -> None:
        super().__init__()
        self.network = network.members(range(network.settings.n_members))

    def forward(self, one_hot: Tensor) -> Tensor:
        """Score sequences, shape (n_members, n, n_targets)."""
        assert isinstance(self.network, deep.Model)
        return self.network.score_one_hot(one_hot)


class _Group(nn.Module):
    """The members of one network, in plain operations."""

    def __init__(self, network: deepbind.Model, rule: str) -> None:
        super().__init__()
        self.settings, self.rule = network.settings, rule
        self.weights = nn.ParameterDict({name: values.clone() for name, values in network.state_dict().items()})

    def forward(self, one_hot: Tensor) -> Tensor:
        """Score sequences, shape (n_members, n, n_targets)."""
        if self.rule == "whole":
            return self._score(one_hot)
        # A sequence shorter than a window is one. Python's min would fix on one of the two as a graph is exported.
        k: int = torch.sym_min(self.settings.kernel_size, one_hot.shape[2])  # type: ignore[no-untyped-call]
        n_windows = one_hot.shape[2] - k + 1
        at = torch.arange(k) + torch.arange(n_windows)[:, None]
        windows = one_hot[:, :, at].transpose(1, 2)  # (n, n_windows, 4, k)
        scores = self._score(windows.reshape(-1, 4, k))
        return scores.view(scores.shape[0], -1, n_windows, scores.shape[2]).amax(2)

    def _score(self, one_hot: Tensor) -> Tensor:
        scores = self._strand(one_hot)
        if self.settings.both_strands:
            scores = torch.maximum(scores, self._strand(one_hot.flip(1, 2)))
        return scores

    def _strand(self, one_hot: Tensor) -> Tensor:
        settings, weights = self.settings, self.weights
        beyond = settings.kernel_size - 1
        padded = functional.pad(one_hot, (beyond, beyond), value=0.25)
        detectors = weights["filters"].flatten(0, 1), -weights["threshold"].flatten()
        active = functional.relu(functional.conv1d(padded, *detectors))
        pooled = [active.amax(2)]
        if settings.pooling == "max-average":
            pooled.append(active.mean(2))
        shape = (-1, settings.n_members, settings.n_filters)
        x = torch.cat([part.view(shape) for part in pooled], dim=2).transpose(0, 1)
        if settings.hidden:
            x = functional.relu(torch.matmul(x, weights["hidden_weight"]) + weights["hidden_bias"])
        scores: Tensor = torch.matmul(x, weights["output_weight"]) + weights["output_bias"][:, None]
        return scores

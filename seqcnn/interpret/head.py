"""From changes of pooled features to changes of the score, through DeepBind's head."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seqcnn.models.architectures import deepbind


class Base(NamedTuple):
    """What the head makes of unedited sequences.

    Parameters
    ----------
    inner : Tensor, shape (n_members, n, n_strands, hidden), or None
        Hidden units before the ReLU; None without a hidden layer.
    strands : Tensor, shape (n_members, n, n_strands, n_targets)
        Scores of the strands.
    """

    inner: Tensor | None
    strands: Tensor

    @property
    def best(self) -> Tensor:
        """Scores of the better strand, shape (n_members, n, n_targets)."""
        return self.strands.amax(2)

    def take(self, rows: Tensor) -> Base:
        """Return the rows at these indices."""
        return Base(None if self.inner is None else self.inner[:, rows], self.strands[:, rows])


class Head:
    """The layers after the pooling, on the CPU.

    Only differences go through them, so that a feature that does not change adds exactly nothing.

    Parameters
    ----------
    network : deepbind.Model
    """

    def __init__(self, network: deepbind.Model) -> None:
        layer = network.hidden_layer()
        self.hidden = None if layer is None else (layer[0].detach().cpu(), layer[1].detach().cpu())
        self.weight = network.output_weight.detach().cpu()
        self.bias = network.output_bias.detach().cpu()[:, None]

    def base(self, features: Tensor) -> Base:
        """Take features, shape (n, n_strands, n_members, n_features), through the head as the network does."""
        n, strands, members, _ = features.shape
        x = features.view(n * strands, members, -1).transpose(0, 1).double()
        inner = None
        if self.hidden is not None:
            inner = torch.baddbmm(self.hidden[1].double(), x, self.hidden[0].double())
            x = functional.relu(inner)
            inner = inner.view(members, n, strands, -1).to(self.bias.dtype)
        scores = torch.baddbmm(self.bias.double(), x, self.weight.double()).view(members, n, strands, -1)
        return Base(inner, scores.to(self.bias.dtype))

    def changes(self, changed: Tensor, base: Base) -> Tensor:
        """Return the change of the better strand's score, shape (n_members, n, p, n_targets).

        Parameters
        ----------
        changed : Tensor, shape (n, p, n_strands, n_members, n_features)
            How much the features of p edits of each sequence differ from its own.
        base : Base
            Of the n sequences.
        """
        n, p, strands, members, _ = changed.shape
        x = changed.view(n * p * strands, members, -1).transpose(0, 1)
        if self.hidden is not None and base.inner is not None:
            before = base.inner[:, :, None]
            x = torch.bmm(x, self.hidden[0]).view(members, n, p, strands, -1)
            x.add_(before).clamp_(min=0).sub_(functional.relu(before))
            x = x.view(members, n * p * strands, -1)
        of_strands = torch.bmm(x, self.weight).view(members, n, p, strands, -1)
        if strands == 1:
            return of_strands[:, :, :, 0]
        before = base.strands[:, :, None]
        of_strands.add_(before)
        return torch.maximum(of_strands[:, :, :, 0], of_strands[:, :, :, 1]) - before.amax(3)

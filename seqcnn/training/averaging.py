"""Averages of the weights over steps or epochs: what is judged, kept and used in place of the last weights.

The average is of each weight by itself. Batch normalisation's statistics are not averaged: those of the averaged
weights are found anew from training batches whenever the average is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Final

import torch
from torch import Tensor

from seqcnn.models.network import Network
from seqcnn.models.norm import Norm
from seqcnn.training.feed import Feed

KINDS: Final = ("ema", "swa")

BATCHES: Final = 64
"""Batches from which the statistics of an average are found, at most."""


@dataclass(frozen=True, slots=True)
class Averaging:
    """How weights are averaged.

    Parameters
    ----------
    averaging : {"ema", "swa"}
        "ema": exponentially, over steps, without the weight that the first ones would have (Polyak and Juditsky 1992,
        doi:10.1137/0330046; Kingma and Ba 2015, arXiv:1412.6980, section 7.2). "swa": those after each epoch from
        `start` on, all alike (Izmailov et al. 2018, arXiv:1803.05407).
    decay : float
        What a step leaves of the average before it (ema).
    start : float
        Share of the epochs after which averaging begins (swa).
    """

    averaging: str
    decay: float = 0.99
    start: float = 0.75

    def first_epoch(self, epochs: int) -> int:
        """Return the first epoch after which weights are taken into the average (swa), from 1."""
        return min(epochs, math.floor(self.start * epochs) + 1)


class Average:
    """An average of weights that are being trained.

    Parameters
    ----------
    averaging : Averaging
    weights : Tensor, shape (n_weights,)
        Those being trained.
    epochs : int
        Of the fit.

    Attributes
    ----------
    weights : Tensor, shape (n_weights,)
        The average.
    n : int
        How many weights are in it.
    """

    def __init__(self, averaging: Averaging, weights: Tensor, epochs: int) -> None:
        self.averaging, self.trained = averaging, weights
        self.by_step = averaging.averaging == "ema"
        self.first_epoch = averaging.first_epoch(epochs)
        self.weights, self.n = weights.clone(), 0

    def after_step(self) -> None:
        """Take the weights after a step, where steps are averaged."""
        if self.by_step:
            decay = self.averaging.decay
            self._take((1 - decay) / (1 - decay ** (self.n + 1)))

    def after_epoch(self, epoch: int) -> None:
        """Take the weights after an epoch (from 1), where epochs are averaged."""
        if not self.by_step and epoch >= self.first_epoch:
            self._take(1 / (self.n + 1))

    @torch.no_grad()
    def _take(self, share: float) -> None:
        self.weights.lerp_(self.trained, share)
        self.n += 1

    def show(self, network: Network, feed: Feed, epoch: int) -> None:
        """Have a network hold the average, with statistics of this epoch's batches."""
        self.trained.copy_(self.weights)
        renew_statistics(network, feed, epoch)

    def clear(self, member: Tensor, lost: int) -> None:
        """Set the average of a lost member to 0, as its weights are; `member` says whose each weight is."""
        self.weights[member == lost] = 0


@torch.no_grad()
def renew_statistics(network: Network, feed: Feed, epoch: int) -> None:
    """Set the statistics of batch normalisation to the means over an epoch's first batches, without dropout."""
    norms = [module for module in network.modules() if isinstance(module, Norm)]
    if not norms:
        return
    dropouts, network.dropouts = network.dropouts, (0.0,) * len(network.dropouts)
    network.train()
    seen = 0
    try:
        for batch in islice(feed.batches(epoch), BATCHES):
            n = len(batch.targets)
            seen += n
            for norm in norms:
                norm.momentum = n / seen
            network(batch.inputs)
    finally:
        network.dropouts = dropouts
        for norm in norms:
            norm.momentum = Norm.MOMENTUM

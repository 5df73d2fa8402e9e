"""The course of a fit: each epoch's losses and scores, and the best weights of each member so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class Epoch:
    """What one epoch gave; the lists have one value a member, NaN for one that is lost."""

    number: int
    training_loss: list[float]
    validation_loss: list[float]
    validation_score: list[float]
    seconds: float
    sequences_per_second: float


@dataclass(slots=True)
class History:
    """The epochs of a fit, which one each member's weights are from, and its score there: NaN if none was known.

    Parameters
    ----------
    lost : dict
        For members that left the numbers, in which epoch.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: list[int] = field(default_factory=list)
    best_score: list[float] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)


class StepLosses:
    """The members' losses in each batch of the epoch that is being done, in one place.

    One small tensor a step, kept until the epoch ends, would each keep the C library from using the memory before it
    for the large arrays of the next step: a gigabyte in a thousand steps.

    Parameters
    ----------
    n_batches, n_members : int
        Of an epoch.
    device : torch.device
    """

    def __init__(self, n_batches: int, n_members: int, device: torch.device) -> None:
        self._rows = torch.zeros(n_batches, n_members, device=device)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, losses: Tensor) -> None:
        """Take the losses of a batch, shape (n_members,)."""
        self._rows[self._n] = losses
        self._n += 1

    def last(self) -> Tensor:
        """Return the losses of the last batch, shape (n_members,)."""
        return self._rows[self._n - 1]

    def all(self) -> Tensor:
        """Return the losses of all batches so far, shape (n, n_members), not to be kept beyond the epoch."""
        return self._rows[: self._n]

    def set(self, losses: Tensor) -> None:
        """Replace what is there, such as by that of a checkpoint."""
        self._n = len(losses)
        self._rows[: self._n] = losses.to(self._rows.device)


class Best:
    """The best weights of each member so far.

    Parameters
    ----------
    weights : Tensor, shape (n_weights,)
        Those being trained.
    member : Tensor of int64, shape (n_weights,)
        Which member each weight belongs to.
    n_members : int
    patience : int
        Epochs without a better score after which a member is done; 0 for never.
    """

    def __init__(self, weights: Tensor, member: Tensor, n_members: int, patience: int) -> None:
        self.weights = weights.clone()
        self.current = weights
        self.member = member
        self.patience = patience
        self.score = [-math.inf] * n_members
        self.loss = [math.inf] * n_members
        self.epoch = [0] * n_members

    def take(self, epoch: int, scores: Sequence[float], losses_now: Sequence[float]) -> bool:
        """Keep what is better; equal scores go by the loss. Return whether every member has run out of patience."""
        better = torch.zeros(len(scores), dtype=torch.bool)
        for i, (score, loss) in enumerate(zip(scores, losses_now, strict=True)):
            score = -math.inf if math.isnan(score) else score
            if self.is_done(i, epoch - 1) or math.isnan(loss):  # whoever trains on beside it
                continue
            if (score, -loss) > (self.score[i], -self.loss[i]):
                self.score[i], self.loss[i], self.epoch[i] = score, loss, epoch
                better[i] = True
        kept = better.to(self.member.device)[self.member]
        self.weights = torch.where(kept, self.current, self.weights)
        return all(self.is_done(i, epoch) for i in range(len(scores)))

    def is_done(self, member: int, epoch: int) -> bool:
        """Return whether a member has run out of patience by the end of this epoch."""
        return self.patience > 0 and epoch - self.epoch[member] >= self.patience

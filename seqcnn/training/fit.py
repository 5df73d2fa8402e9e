"""The fit: members of one network trained side by side, the best weights of each kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.errors import TrainingError
from seqcnn.models import threads
from seqcnn.models.network import Network, to_tensors
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.training.metrics import validation_score
from seqcnn.training.objectives import Objective, losses
from seqcnn.training.optimiser import Rates, create

GATHER: Final = 4096
"""Examples brought together at a time; a batch is a part of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is trained.

    Parameters
    ----------
    task : {"binary", "regression"}
    epochs : int
    batch_size : int
    optimiser : {"adamw", "sgd"}
    schedule : {"one-cycle", "constant"}
    rates : sequence of Rates
        One a member.
    patience : int
        Epochs without a better validation score after which a member is done; 0 for never.
    resample : bool
        Shuffle the dinucleotide negatives afresh every epoch.
    seed : int
        Of the order of examples and of the shuffles; weights and dropout have the members' own.
    """

    task: str
    epochs: int
    batch_size: int
    optimiser: str
    schedule: str
    rates: Sequence[Rates]
    patience: int
    resample: bool
    seed: int


@dataclass(slots=True)
class Epoch:
    """What one epoch gave; the lists have one value a member."""

    number: int
    training_loss: list[float]
    validation_loss: list[float]
    validation_score: list[float]
    seconds: float
    sequences_per_second: float


@dataclass(slots=True)
class History:
    """The epochs of a fit, which one each member's weights are from, and its score there: NaN if none was known."""

    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: list[int] = field(default_factory=list)
    best_score: list[float] = field(default_factory=list)


Watcher = Callable[[int, int, Tensor], None]
"""Called with (examples done in this epoch, examples in an epoch, the members' losses)."""

Batch = tuple[NDArray[np.intp], Any]
"""Rows of the examples, and the network's inputs for them."""


def fit(
    network: Network,
    train: Examples,
    valid: Examples | None,
    plan: Plan,
    *,
    positive_weight: Tensor | None = None,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train a network in place.

    Parameters
    ----------
    network : Network
        Seeded; on the device to be used.
    train : Examples
        With targets.
    valid : Examples or None
        Decides which epoch's weights a member keeps; without it, or without a target in it, the last.
    plan : Plan
    positive_weight : Tensor, shape (n_targets,), optional
        See :func:`seqcnn.training.objectives.losses`.

    Raises
    ------
    TrainingError
        If the loss is not finite; names the epoch, the batch and its first example.
    """
    with threads.taken_over() if network.threads_itself else nullcontext():
        return _fit(network, train, valid, plan, positive_weight, on_batch, on_epoch)


def _fit(
    network: Network,
    train: Examples,
    valid: Examples | None,
    plan: Plan,
    positive_weight: Tensor | None,
    on_batch: Watcher | None,
    on_epoch: Callable[[Epoch], None] | None,
) -> History:
    device = network.output_bias.device
    assert train.targets is not None
    if valid is not None and (valid.targets is None or np.isnan(valid.targets).all()):
        valid = None
    targets = torch.from_numpy(train.targets).to(device)
    objective = Objective(plan.task, positive_weight, complete=not bool(targets.isnan().any()))
    n_batches = math.ceil(len(train) / plan.batch_size)
    steps = create(plan.optimiser, network, plan.rates, plan.epochs * n_batches, plan.schedule)
    best = _Best(steps.weights, steps.member, plan.patience)
    history = History()
    for number in range(1, plan.epochs + 1):
        began = time.perf_counter()
        sequences = refresh(train, plan.seed, number) if plan.resample else train.sequences
        order = np.random.default_rng([plan.seed, number]).permutation(len(train))
        network.train()
        seen: list[Tensor] = []
        firsts: list[int] = []
        for rows, inputs in _batches(network, sequences, order, plan.batch_size):
            seen.append(network.add_gradients(inputs, targets[torch.from_numpy(rows).to(device)], objective))
            steps.step()
            firsts.append(int(rows[0]))
            if on_batch is not None:
                on_batch(min(len(train), len(seen) * plan.batch_size), len(train), seen[-1])
        in_epoch = torch.stack(seen)
        _check_finite(in_epoch, firsts, train, number)
        trained = time.perf_counter() - began
        loss_now, score_now = _validate(network, valid, plan.task, positive_weight)
        if valid is not None and not np.isfinite(loss_now).all():
            member = int(np.argmin(np.isfinite(loss_now))) + 1
            raise TrainingError(
                f"the validation loss of member {member} is not a number after epoch {number}; lower --learning-rate"
            )
        epoch = Epoch(
            number, in_epoch.mean(0).tolist(), loss_now, score_now, time.perf_counter() - began, len(train) / trained
        )
        history.epochs.append(epoch)
        if on_epoch is not None:
            on_epoch(epoch)
        if valid is not None and best.take(number, score_now, loss_now):
            break
    if valid is not None:
        steps.weights.copy_(best.weights)
    history.best_epoch = best.epoch if valid is not None else [plan.epochs] * network.settings.n_members
    history.best_score = [score if score > -math.inf else math.nan for score in best.score]
    network.eval()
    network.requires_grad_(False)
    return history


def refresh(examples: Examples, seed: int, round_number: int) -> Ragged:
    """Return the sequences with every dinucleotide negative shuffled afresh.

    A shuffle of a shuffle is as likely to be any permitted sequence as a shuffle of the original.
    """
    rows = np.flatnonzero(examples.origin == Origin.DINUCLEOTIDE)
    if not len(rows):
        return examples.sequences
    shuffled = dinucleotide_shuffle(examples.sequences.take(rows), seed, first_index=rows, round=round_number)
    data = examples.sequences.data.copy()
    lengths = shuffled.lengths
    shift = np.repeat(examples.sequences.offsets[:-1][rows] - shuffled.offsets[:-1], lengths)
    data[np.arange(len(shuffled.data)) + shift] = shuffled.data
    return Ragged(data, examples.sequences.offsets)


def _batches(network: Network, sequences: Ragged, order: NDArray[np.intp], batch_size: int) -> Iterator[Batch]:
    """Yield the batches; where lengths differ, a batch holds neighbours in length of one gathering."""
    lengths = sequences.lengths
    gather = max(1, GATHER // batch_size) * batch_size
    device = network.output_bias.device
    equal = lengths.min() == lengths.max()
    for start in range(0, len(order), gather):
        rows = order[start : start + gather]
        if equal:
            inputs = network.prepare(*to_tensors(sequences.take(rows), device), batch_size)
            parts = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
            yield from zip(parts, inputs, strict=True)
            continue
        starts = np.arange(0, len(rows), batch_size)
        starts = starts[np.argsort(rows[: len(starts)])]  # long ones are not always last: the rows are in random order
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        for i in starts.tolist():
            part = rows[i : i + batch_size]
            for inputs in network.prepare(*to_tensors(sequences.take(part), device), batch_size):
                yield part, inputs


def _check_finite(losses_seen: Tensor, firsts: Sequence[int], train: Examples, epoch: int) -> None:
    bad = (~losses_seen.isfinite()).nonzero()
    if len(bad):
        batch, member = int(bad[0, 0]), int(bad[0, 1])
        first = train.names.slice(firsts[batch], firsts[batch] + 1).decode()[0]
        raise TrainingError(
            f"the loss of member {member + 1} is not a number at epoch {epoch}, batch {batch + 1} "
            f"(about example {first!r}); lower --learning-rate, and look for extreme targets"
        )


def _validate(
    network: Network, valid: Examples | None, task: str, positive_weight: Tensor | None
) -> tuple[list[float], list[float]]:
    """Return each member's loss and score on the validation examples."""
    members = network.settings.n_members
    if valid is None or valid.targets is None:
        return [float("nan")] * members, [float("nan")] * members
    network.eval()
    scores = member_scores(network, valid.sequences)
    loss = losses(
        task,
        torch.from_numpy(scores),
        torch.from_numpy(valid.targets),
        None if positive_weight is None else positive_weight.cpu(),
    )
    return loss.tolist(), [validation_score(task, valid.targets, member) for member in scores]


class _Best:
    """The best weights of each member so far."""

    def __init__(self, weights: Tensor, member: Tensor, patience: int) -> None:
        self.weights = weights.clone()
        self.current = weights
        self.member = member
        self.patience = patience
        n_members = int(member.max()) + 1
        self.score = [-math.inf] * n_members
        self.loss = [math.inf] * n_members
        self.epoch = [0] * n_members

    def take(self, epoch: int, scores: Sequence[float], losses_now: Sequence[float]) -> bool:
        """Keep what is better; equal scores go by the loss. Return whether every member has run out of patience."""
        better = torch.zeros(len(scores), dtype=torch.bool)
        for i, (score, loss) in enumerate(zip(scores, losses_now, strict=True)):
            score = -math.inf if math.isnan(score) else score
            if self.is_done(i, epoch - 1):  # whoever trains on beside it
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

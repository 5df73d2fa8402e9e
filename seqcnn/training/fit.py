"""The fit: members of one network trained side by side, the best weights of each kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import TrainingError
from seqcnn.models.network import Network
from seqcnn.training import bases
from seqcnn.training.averaging import Average
from seqcnn.training.feeds import create_feed
from seqcnn.training.history import Best, Epoch, History, StepLosses
from seqcnn.training.metrics import validation_score
from seqcnn.training.objectives import Objective, losses
from seqcnn.training.optimiser import create
from seqcnn.training.parallel import member_scores
from seqcnn.training.plan import Plan as Plan  # which modules take from here
from seqcnn.training.step import create_step

Watcher = Callable[[int, int, Tensor], None]
"""Called with (examples done in this epoch, examples in an epoch, the members' losses)."""


class Fit:
    """Trains a network in place.

    Parameters
    ----------
    network : Network
        Seeded; on the device to be used.
    train : Examples or Streamed
        With targets; where it is known which bases are bound, networks that score bases learn these.
    valid : Examples or None
        Decides which epoch's weights a member keeps; without it, or without a target in it, the last.
    plan : Plan
    class_weight : Tensor, shape (n_scores,), optional
        See :func:`seqcnn.training.objectives.losses`.

    Attributes
    ----------
    history : History
    epoch : int
        Epochs done.
    losses : StepLosses
        The members' losses in each batch of the epoch that is being done.
    """

    def __init__(
        self,
        network: Network,
        train: Examples | Streamed,
        valid: Examples | None,
        plan: Plan,
        class_weight: Tensor | None = None,
    ) -> None:
        if valid is not None and (valid.targets is None or np.isnan(valid.targets).all()):
            valid = None
        network.per_base = bases.trains_on_bases(network.gives_bases, network.settings.n_targets, plan.task, train)
        if network.per_base:
            bases.check_tools(plan)
        self.network, self.valid, self.plan, self.class_weight = network, valid, plan, class_weight
        self.feed = create_feed(
            train,
            network,
            plan.batch_size,
            resample=plan.resample,
            seed=plan.seed,
            last_epoch=plan.epochs,
            augmentation=plan.augmentation,
            alpha=plan.mixup or 0.0,
        )
        self.objective = Objective(plan.task, class_weight, complete=self.feed.complete, loss=plan.loss)
        n_steps = plan.epochs * self.feed.n_batches
        self.optimiser = create(plan.optimiser, network, plan.rates, n_steps, plan.schedule, plan.decay_from)
        self.step = create_step(network, self.optimiser, self.objective, self.feed.share, plan.batch_size)
        n_members = network.settings.n_members
        self.best = Best(self.optimiser.weights, self.optimiser.member, n_members, plan.patience)
        self.average = Average(plan.averaging, self.optimiser.weights, plan.epochs) if plan.averaging else None
        self.history = History()
        self.epoch = 0
        self.losses = StepLosses(self.feed.n_batches, n_members, network.output_bias.device)
        self.over = False

    def run(
        self,
        *,
        on_batch: Watcher | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
        on_step: Callable[[Fit], None] | None = None,
    ) -> History:
        """Train to the end.

        Parameters
        ----------
        on_batch : callable, optional
            See :data:`Watcher`.
        on_epoch : callable, optional
            Called after every epoch.
        on_step : callable, optional
            Called with the fit after every step, when it could be saved.

        Raises
        ------
        TrainingError
            If the loss is not finite; names the epoch, the batch and its first example.
        """
        with self.step.running():
            while self.epoch < self.plan.epochs and not self.over:
                self._do_epoch(on_batch, on_epoch, on_step)
            if self.valid is None and self.average is not None and self.average.n:
                self._show_average(self.average, self.epoch)
        if self.valid is not None:
            self.optimiser.weights.copy_(self.best.weights)
        n_members = self.network.settings.n_members
        self.history.best_epoch = self.best.epoch if self.valid is not None else [self.plan.epochs] * n_members
        self.history.best_score = [score if score > -math.inf else math.nan for score in self.best.score]
        self.network.eval()
        self.network.requires_grad_(False)
        return self.history

    def _do_epoch(
        self,
        on_batch: Watcher | None,
        on_epoch: Callable[[Epoch], None] | None,
        on_step: Callable[[Fit], None] | None,
    ) -> None:
        began, already = time.perf_counter(), len(self.losses)
        number, n, batch_size = self.epoch + 1, len(self.feed), self.plan.batch_size
        self.network.train()
        self.step.begin()
        for batch in self.feed.batches(number, skip=already):
            self.losses.append(self.step(batch))
            if self.average is not None:
                self.average.after_step()
            if on_batch is not None:
                on_batch(min(n, len(self.losses) * batch_size), n, self.losses.last())
            if on_step is not None and len(self.losses) < self.feed.n_batches:
                on_step(self)
        self.step.end()
        in_epoch = self.losses.all()
        self._look_for_lost(in_epoch, number)
        trained = time.perf_counter() - began
        if self.average is not None:
            self.average.after_epoch(number)
        loss_now, score_now = self._judge(number)
        done = n - already * batch_size
        seconds = time.perf_counter() - began
        losses_of = in_epoch.mean(0).tolist()
        training_loss = [math.nan if i in self.history.lost else loss for i, loss in enumerate(losses_of)]
        epoch = Epoch(number, training_loss, loss_now, score_now, seconds, done / trained)
        self.history.epochs.append(epoch)
        self.epoch = number
        self.losses.set(in_epoch[:0])
        if on_epoch is not None:
            on_epoch(epoch)
        if on_step is not None:
            on_step(self)

    def _judge(self, epoch: int) -> tuple[list[float], list[float]]:
        """Return each member's loss and score on the validation examples, and keep the weights that are better."""
        if self.valid is None or not self._is_checked(epoch):
            return self._validate(epoch)
        if self.average is None or not self.average.n:
            return self._take(epoch, *self._validate(epoch))
        before = self.optimiser.weights.clone()
        self._show_average(self.average, epoch)
        judged = self._take(epoch, *self._validate(epoch))
        self.optimiser.weights.copy_(before)
        for member in self.history.lost:
            self.optimiser.stop(member)
        return judged

    def _take(self, epoch: int, loss: list[float], score: list[float]) -> tuple[list[float], list[float]]:
        self.over = self.best.take(epoch, score, loss) or self.over
        return loss, score

    def _show_average(self, average: Average, epoch: int) -> None:
        """Have the network hold the average, the same in all processes."""
        average.show(self.network, self.feed, epoch)
        self.step.end()

    def _look_for_lost(self, in_epoch: Tensor, epoch: int) -> None:
        """Give up members whose loss is not finite, or raise for the first of them."""
        for batch, member in (~in_epoch.isfinite()).nonzero().tolist():
            if member in self.history.lost:
                continue
            if not self.plan.bears_loss:
                rows = next(iter(self.feed.batches(epoch, skip=batch))).rows
                raise TrainingError(
                    f"the loss of member {member + 1} is not a number at epoch {epoch}, batch {batch + 1} "
                    f"(about example {self.feed.names(rows[:1])[0]!r}); lower --learning-rate, and look for extreme "
                    "targets"
                )
            self._give_up(member, epoch)

    def _give_up(self, member: int, epoch: int) -> None:
        """Stop training a member; with weights of 0 it costs the others nothing. When all are lost, the fit is over."""
        self.history.lost[member] = epoch
        self.optimiser.stop(member)
        if self.average is not None:
            self.average.clear(self.optimiser.member, member)
        self.over = len(self.history.lost) == self.network.settings.n_members

    def _is_checked(self, epoch: int) -> bool:
        return self.plan.checks is None or epoch in self.plan.checks

    def _validate(self, epoch: int) -> tuple[list[float], list[float]]:
        """Return each member's loss and score on the validation examples."""
        members = self.network.settings.n_members
        if self.valid is None or self.valid.targets is None or not self._is_checked(epoch):
            return [math.nan] * members, [math.nan] * members
        self.network.eval()
        weight = None if self.class_weight is None else self.class_weight.cpu()
        scores: NDArray[np.float32]
        weights: NDArray[np.float32] | None
        if self.network.per_base and self.valid.bound is not None:
            scores, targets, weights = bases.validation(self.network, self.valid)
        else:
            scores = member_scores(self.network, self.valid.sequences)
            targets, weights = self.valid.targets, self.valid.weights
        counted = None if weights is None else torch.from_numpy(weights)
        loss = losses(
            self.plan.task,
            torch.from_numpy(scores),
            torch.from_numpy(targets),
            weight,
            weights=counted,
            loss=self.plan.loss,
        ).tolist()
        if self.plan.task == "multiclass" and weight is not None and self.plan.loss != "hinge":
            scores = scores - weight.log().numpy()  # as the finished network gives them, see `unbalance`
        score = [validation_score(self.plan.task, targets, each, weights) for each in scores]
        for member in range(members):
            if not math.isfinite(loss[member]) and member not in self.history.lost:
                if not self.plan.bears_loss:
                    raise TrainingError(
                        f"the validation loss of member {member + 1} is not a number after epoch {epoch}; "
                        "lower --learning-rate"
                    )
                self._give_up(member, epoch)
            if member in self.history.lost:
                loss[member] = score[member] = math.nan
        return loss, score


def fit(
    network: Network,
    train: Examples | Streamed,
    valid: Examples | None,
    plan: Plan,
    *,
    class_weight: Tensor | None = None,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train a network in place, see :class:`Fit`."""
    return Fit(network, train, valid, plan, class_weight).run(on_batch=on_batch, on_epoch=on_epoch)

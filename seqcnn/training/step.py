"""One step of a fit: the gradient of a batch, that of other processes added, and the move of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from seqcnn.models import threads
from seqcnn.models.network import Network
from seqcnn.training import parallel
from seqcnn.training.feed import Batch
from seqcnn.training.graph import Graphed
from seqcnn.training.mixup import Mixed
from seqcnn.training.objectives import Objective
from seqcnn.training.optimiser import Optimiser


class Step:
    """A step on the CPU.

    Parameters
    ----------
    network : Network
    optimiser : Optimiser
        Of that network.
    objective : Objective
    """

    def __init__(self, network: Network, optimiser: Optimiser, objective: Objective) -> None:
        self.network, self.optimiser, self.objective = network, optimiser, objective

    @contextmanager
    def running(self) -> Iterator[None]:
        """Set up what is needed while steps are done."""
        if not self.network.threads_itself:
            yield
            return
        with threads.taken_over():
            yield

    def begin(self) -> None:
        """Get ready to go on from where the optimiser is; before the first step of an epoch."""

    def end(self) -> None:
        """Do what is needed after the last step of an epoch, before the network is looked at."""

    def __call__(self, batch: Batch) -> Tensor:
        """Do a step; return each member's loss, shape (n_members,)."""
        losses = self.add_gradients(batch)
        self.optimiser.step()
        return losses

    def add_gradients(self, batch: Batch) -> Tensor:
        """Add the gradient of a batch; return each member's loss."""
        objective = self.objective if batch.weights is None else self.objective.weighted(batch.weights)
        return add_gradients(self.network, batch.inputs, batch.targets, objective, batch.mix)


class Together(Step):
    """A step on the CPU that several processes do together.

    Parameters
    ----------
    network, optimiser, objective
        See :class:`Step`.
    group : Group
    share : slice
        Which rows of a batch are this process's.
    """

    def __init__(
        self, network: Network, optimiser: Optimiser, objective: Objective, group: parallel.Group, share: slice
    ) -> None:
        super().__init__(network, optimiser, objective)
        self.group, self.share = group, share
        self.sums = Sums(optimiser, network.settings.n_members, complete=objective.complete)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Set up what is needed while steps are done."""
        try:
            with super().running():
                yield
        finally:
            self.network.shared = None

    def begin(self) -> None:
        """Have all processes begin an epoch with the same weights, should their processors differ in a last bit."""
        self.group.agree(self.optimiser.weights)

    def end(self) -> None:
        """Have all processes hold the same network: each has normalised by the statistics of its own shares."""
        self.group.agree(self.optimiser.weights)

    def add_gradients(self, batch: Batch) -> Tensor:
        """Add the gradient of a batch, all processes' shares of it; return each member's loss."""
        self.network.shared = len(batch.rows), self.share.start
        losses = super().add_gradients(batch)
        if self.share.start < len(batch.rows):
            self.sums.fill(losses, batch.targets)
        else:
            self.sums.clear()
        self.group.add_up(self.sums.numbers)
        return self.sums.take()


class OnDevice(Step):
    """A step on a GPU, alone or together: nothing waits for the device; small work is a CUDA graph.

    Parameters
    ----------
    network, optimiser, objective, group, share
        See :class:`Together`.
    batch_size : int
        Rows of a whole batch: others, the last of an epoch, are not worth a recording.
    """

    def __init__(
        self,
        network: Network,
        optimiser: Optimiser,
        objective: Objective,
        group: parallel.Group,
        share: slice,
        batch_size: int,
    ) -> None:
        super().__init__(network, optimiser, objective)
        self.group, self.share, self.batch_size = group, share, batch_size
        self.sums = Sums(optimiser, network.settings.n_members, complete=objective.complete)
        self.records = network.output_bias.is_cuda
        self.whole, self.gather, self.finish = (Graphed(each) for each in (self._whole, self._gather, self._finish))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work on a stream of its own, as recording asks for."""
        try:
            if not self.records:
                yield
                return
            device = self.network.output_bias.device
            with torch.cuda.device(device):
                stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
                stream.wait_stream(torch.cuda.current_stream())
                try:
                    with torch.cuda.stream(stream):
                        yield
                finally:
                    stream.synchronize()
        finally:
            for each in (self.whole, self.gather, self.finish):
                each.forget()  # at once: this step and what it holds refer to each other, and may stay long
            self.network.shared = None

    def begin(self) -> None:
        """Have dropout go on from where the optimiser is, and all processes begin with the same weights."""
        self.group.agree(self.optimiser.weights)
        if any(self.network.dropouts):
            self.network.device_factors.begin(self.optimiser.steps_done)

    def end(self) -> None:
        """Have all processes hold the same network, see :meth:`Together.end`."""
        self.group.agree(self.optimiser.weights)

    def __call__(self, batch: Batch) -> Tensor:
        """Do a step; return each member's loss, on the device."""
        self.optimiser.look_ahead()
        given = (*batch.inputs, batch.targets, batch.weights, batch.mix)
        recorded = self.records and len(batch.rows) == self.batch_size
        if self.group.size == 1:
            losses = (self.whole if recorded else self._whole)(*given)
        else:
            self.network.shared = len(batch.rows), self.share.start
            (self.gather if recorded else self._gather)(*given)
            if self.share.start >= len(batch.rows):
                self.sums.clear()
            self.group.add_up(self.sums.numbers)
            losses = (self.finish if recorded else self._finish)()
        self.optimiser.steps_done += 1
        return losses

    def _whole(self, *given: Tensor | None) -> Tensor:
        """Do a step alone."""
        losses = self._add(*given)
        self.optimiser.step_ahead()
        return losses

    def _gather(self, *given: Tensor | None) -> Tensor:
        """Put this process's part into the sums."""
        losses, targets = self._add(*given), given[-3]
        assert targets is not None
        self.sums.fill(losses, targets)
        return losses

    def _finish(self) -> Tensor:
        """Make the step from the sums."""
        losses = self.sums.take()
        self.optimiser.step_ahead()
        return losses

    def _add(self, *given: Tensor | None) -> Tensor:
        *inputs, targets, weights, mix = given
        assert targets is not None
        objective = self.objective if weights is None else self.objective.weighted(weights)
        losses = add_gradients(self.network, tuple(inputs), targets, objective, mix)
        if any(self.network.dropouts):
            self.network.device_factors.go_on()
        return losses

    @property
    def recordings(self) -> int:
        """How many CUDA graphs there have been."""
        return sum(each.n_recorded for each in (self.whole, self.gather, self.finish))

    @property
    def problem(self) -> str:
        """Why work could not be recorded, if it could not."""
        return self.whole.problem or self.gather.problem or self.finish.problem


def add_gradients(network: Network, inputs: Any, targets: Tensor, objective: Objective, mix: Tensor | None) -> Tensor:
    """Add the gradient of a batch, of mixtures if shares are given; return each member's loss."""
    if mix is None:
        return network.add_gradients(inputs, targets, objective)
    network.mix = mix
    try:
        return network.add_gradients(inputs, targets, Mixed(objective, mix))
    finally:
        network.mix = None


class Sums:
    """What processes add up: gradient and losses, times the targets they are means over, and the number of those.

    Parameters
    ----------
    optimiser : Optimiser
    n_members : int
    complete : bool
        No target is missing.
    """

    def __init__(self, optimiser: Optimiser, n_members: int, *, complete: bool) -> None:
        self.gradient, self.complete = optimiser.gradient, complete
        self.numbers = optimiser.gradient.new_zeros(optimiser.gradient.numel() + n_members + 1)
        self._gradient, self._losses = self.numbers[: -n_members - 1], self.numbers[-n_members - 1 : -1]
        self._count = self.numbers[-1]

    def fill(self, losses: Tensor, targets: Tensor) -> None:
        """Take a process's part."""
        if self.complete:
            self._count.fill_(targets.numel())
        else:
            self._count.copy_(targets.isnan().logical_not_().sum())
        torch.mul(self.gradient, self._count, out=self._gradient)
        torch.mul(losses, self._count, out=self._losses)

    def clear(self) -> None:
        """Take a part of nothing."""
        self.numbers.zero_()

    def take(self) -> Tensor:
        """Put the mean gradient in its place; return the mean losses."""
        count = self._count.clamp(min=1)
        torch.div(self._gradient, count, out=self.gradient)
        return self._losses / count


def create_step(network: Network, optimiser: Optimiser, objective: Objective, share: slice, batch_size: int) -> Step:
    """Return the step that suits the device and the processes."""
    group = parallel.current()
    if not network.on_cpu:
        return OnDevice(network, optimiser, objective, group, share, batch_size)
    if group.size > 1:
        return Together(network, optimiser, objective, group, share)
    return Step(network, optimiser, objective)

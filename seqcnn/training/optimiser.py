"""AdamW and SGD for many members at once, each with its own learning rate, momentum and weight decay.

All parameters are views of one flat buffer, so a step is a handful of operations however many members and layers there
are. On the CPU these are NumPy's, which cost a fraction of PyTorch's to call; the operators are spelled the same.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from seqcnn.models.network import Network
from seqcnn.training.ahead import Ahead

OPTIMISERS: Final = ("adamw", "sgd")
SCHEDULES: Final = ("one-cycle", "cosine", "step", "constant")


@dataclass(frozen=True, slots=True)
class Rates:
    """What a member's steps depend on.

    Parameters
    ----------
    learning_rate : float
        Peak of the schedule.
    weight_decay : float
        Decoupled decay of weights per step, times the learning rate.
    momentum : float
        Momentum (SGD), first-moment decay (AdamW).
    filter_decay : float, optional
        Decay of the filters, if another than that of the other weights.
    nesterov : bool
        Look ahead along the momentum (SGD).
    """

    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    filter_decay: float | None = None
    nesterov: bool = True


def one_cycle(done: float, *, warm_up: float = 0.2, start: float = 0.1) -> float:
    """Return the share of the peak learning rate when this share of the steps is done.

    Linear from `start` to 1 over the first `warm_up`, then half a cosine to 0 (Smith and Topin 2019,
    doi:10.1117/12.2520589; cosine: Loshchilov and Hutter 2017, arXiv:1608.03983).
    """
    if done < warm_up:
        return start + (1 - start) * done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def course(schedule: str, done: float) -> float:
    """Return the share of the peak learning rate when this share of the steps is done.

    Parameters
    ----------
    schedule : str
        One of :data:`SCHEDULES`. "one-cycle": see :func:`one_cycle`. "cosine": half a cosine from the peak to 0
        (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, without restarts). "step": a tenth after half of the
        steps, and a hundredth after three quarters (as He et al. 2016, arXiv:1512.03385, section 4.2). "constant".
    done : float
        0 to 1.
    """
    if schedule == "one-cycle":
        return one_cycle(done)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    if schedule == "step":
        return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01
    return 1.0


Numbers = Any
"""An array on the CPU, a tensor elsewhere, or one number for all weights."""


class Optimiser(ABC):
    """Moves the parameters of a network down their gradients.

    Parameters
    ----------
    network : Network
        Its parameters become views of one buffer.
    rates : sequence of Rates
        One a member.
    n_steps : int
        Length of the schedule.
    schedule : str
        One of :data:`SCHEDULES`.
    decay_from : int
        First step with weight decay.
    """

    def __init__(
        self,
        network: Network,
        rates: Sequence[Rates],
        n_steps: int,
        schedule: str = "one-cycle",
        decay_from: int = 0,
    ) -> None:
        named = list(network.named_parameters())
        device = network.output_bias.device
        self.weights = torch.cat([p.detach().flatten() for _, p in named])
        self.gradient = torch.zeros_like(self.weights)
        self.member = torch.empty_like(self.weights, dtype=torch.int64)
        """Which member each weight belongs to."""
        self.frozen: list[Tensor] = []
        """Gradients of what is not trained."""
        kinds = torch.empty_like(self.weights, dtype=torch.int64)
        start = 0
        for name, parameter in named:
            stop = start + parameter.numel()
            parameter.data = self.weights[start:stop].view(parameter.shape)
            parameter.grad = self.gradient[start:stop].view(parameter.shape)
            frozen = name in network.frozen
            kinds[start:stop] = (2 if network.is_filter(name) else 1) if network.is_decayed(name) and not frozen else 0
            if frozen:
                self.frozen.append(self.gradient[start:stop])
            members = torch.arange(len(parameter), device=device)
            self.member[start:stop] = members.repeat_interleave(parameter[0].numel())
            start = stop
        self.on_cpu = network.on_cpu
        self.rates = rates
        self.momentum = self._of_each([rate.momentum for rate in rates])
        self.nesterov = self._of_each([float(rate.nesterov) for rate in rates])
        decays = [
            (0.0, rate.weight_decay, rate.weight_decay if rate.filter_decay is None else rate.filter_decay)
            for rate in rates
        ]
        self.decays = any(any(each) for each in decays)
        self.decay = self._numbers(torch.tensor(decays, device=device)[self.member, kinds])
        self.decay_from = decay_from
        self.n_steps, self.schedule, self.steps_done = n_steps, schedule, 0
        self._weights, self._gradient = self._numbers(self.weights), self._numbers(self.gradient)
        self.ahead = Ahead(self._row, 3, len(rates), device)
        self.start_state()

    def _numbers(self, tensor: Tensor) -> Numbers:
        return tensor.numpy() if self.on_cpu else tensor

    def _of_each(self, values: Sequence[float]) -> Numbers:
        """Return a value for each weight; on the CPU one number if members agree, which gives the same to the bit."""
        if self.on_cpu and len(set(values)) == 1:
            return np.float32(values[0])
        return self._numbers(torch.tensor(values, device=self.weights.device)[self.member])

    @abstractmethod
    def start_state(self) -> None:
        """Make the moments."""

    @abstractmethod
    def factors(self, learning_rates: Sequence[float], done: int) -> tuple[Sequence[float], float]:
        """Return what :meth:`move` takes in the step with this number (from 1), the sizes one a member."""

    @abstractmethod
    def move(self, sizes: Numbers, correction: Numbers) -> None:
        """Change the weights by one step of these sizes, one a weight."""

    def stop(self, member: int) -> None:
        """Set a member's weights to 0 and leave them there."""
        its = self.member == member
        for each in (self.weights, self.gradient, *self.state().values()):
            each[its] = 0
        self.rates = [replace(rate, learning_rate=0.0) if i == member else rate for i, rate in enumerate(self.rates)]
        self.ahead.forget()

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Return the moments, sharing their memory."""

    def step(self) -> None:
        """Move the weights by the gradient that has come together since the last step, and clear it."""
        if not self.on_cpu:
            self.look_ahead()
            self.step_ahead()
            self.steps_done += 1
            return
        learning_rates = self._learning_rates(self.steps_done)
        with torch.no_grad(), np.errstate(over="ignore", invalid="ignore"):  # lost members are for the fit to report
            for gradient in self.frozen:
                gradient.zero_()
            if self.decays and self.steps_done >= self.decay_from:
                self._weights -= self._of_each(learning_rates) * self.decay * self._weights
            self.steps_done += 1
            sizes, correction = self.factors(learning_rates, self.steps_done)
            self.move(self._of_each(sizes), correction)
            self.gradient.zero_()  # not times 0, which leaves what is not a number

    def look_ahead(self) -> None:
        """See to it that the device has what the next step needs; see :meth:`step_ahead`."""
        self.ahead.load(self.steps_done)

    @torch.no_grad()
    def step_ahead(self) -> None:
        """Do the device's part of a step: nothing depends on the host, so that a CUDA graph can hold it.

        Before it comes :meth:`look_ahead`; after it `steps_done` is to be counted up.
        """
        decay, sizes, correction = self.ahead.next()
        for gradient in self.frozen:
            gradient.zero_()
        if self.decays:
            self._weights -= decay.index_select(0, self.member) * self.decay * self._weights
        self.move(sizes.index_select(0, self.member), correction[0])
        self.gradient.zero_()

    def _learning_rates(self, step: int) -> list[float]:
        share = course(self.schedule, step / self.n_steps)
        return [rate.learning_rate * share for rate in self.rates]

    def _row(self, step: int) -> list[Sequence[float]]:
        """Return the factor of the decay, the sizes and the correction of a step (from 0), each one a member."""
        learning_rates = self._learning_rates(step)
        sizes, correction = self.factors(learning_rates, step + 1)
        n = len(self.rates)
        return [learning_rates if step >= self.decay_from else [0.0] * n, sizes, [correction] * n]


class AdamW(Optimiser):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2)."""

    def start_state(self) -> None:
        """Make both moments 0."""
        self.first, self.second = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self._first, self._second = self._numbers(self.first), self._numbers(self.second)

    def state(self) -> dict[str, Tensor]:
        """Return the moments, sharing their memory."""
        return {"first": self.first, "second": self.second}

    def factors(self, learning_rates: Sequence[float], done: int) -> tuple[Sequence[float], float]:
        """Return the sizes with the bias of the first moment taken out, and the correction for that of the second."""
        sizes = [rate / (1 - its.momentum**done) for rate, its in zip(learning_rates, self.rates, strict=True)]
        return sizes, 1 / math.sqrt(1 - 0.999**done)

    def move(self, sizes: Numbers, correction: Numbers) -> None:
        """Take one step; the second moment decays by 0.999, epsilon is 1e-8."""
        gradient = self._gradient
        self._first += (1 - self.momentum) * (gradient - self._first)
        self._second *= 0.999
        self._second += 0.001 * (gradient * gradient)
        scale = self._second**0.5
        scale *= correction
        scale += 1e-8
        self._weights -= sizes * (self._first / scale)


class SGD(Optimiser):
    """Gradient descent with momentum, as DeepBind used (Sutskever et al. 2013, proceedings.mlr.press/v28)."""

    def start_state(self) -> None:
        """Make the velocity 0."""
        self.velocity = torch.zeros_like(self.weights)
        self._velocity = self._numbers(self.velocity)

    def state(self) -> dict[str, Tensor]:
        """Return the velocity, sharing its memory."""
        return {"velocity": self.velocity}

    def factors(self, learning_rates: Sequence[float], done: int) -> tuple[Sequence[float], float]:
        """Return the learning rates as they are, and nothing to correct."""
        return learning_rates, 1.0

    def move(self, sizes: Numbers, correction: Numbers) -> None:
        """Take one step."""
        gradient = self._gradient
        self._velocity *= self.momentum
        self._velocity += gradient
        ahead = self.nesterov * (gradient + self.momentum * self._velocity) + (1 - self.nesterov) * self._velocity
        self._weights -= sizes * ahead


def create(
    name: str, network: Network, rates: Sequence[Rates], n_steps: int, schedule: str, decay_from: int = 0
) -> Optimiser:
    """Build the optimiser of this name."""
    return {"adamw": AdamW, "sgd": SGD}[name](network, rates, n_steps, schedule, decay_from)

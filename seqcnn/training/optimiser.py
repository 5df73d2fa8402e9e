"""AdamW and SGD for many members at once, each with its own learning rate, momentum and weight decay.

All parameters are views of one flat buffer, so a step is a handful of operations however many members and layers there
are.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from seqcnn.models.network import Network

OPTIMISERS: Final = ("adamw", "sgd")
SCHEDULES: Final = ("one-cycle", "constant")


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
        Nesterov momentum (SGD), first-moment decay (AdamW).
    """

    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9


def one_cycle(done: float, *, warm_up: float = 0.2, start: float = 0.1) -> float:
    """Return the share of the peak learning rate when this share of the steps is done.

    Linear from `start` to 1 over the first `warm_up`, then half a cosine to 0 (Smith and Topin 2019,
    doi:10.1117/12.2520589; cosine: Loshchilov and Hutter 2017, arXiv:1608.03983).
    """
    if done < warm_up:
        return start + (1 - start) * done / warm_up
    return 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * (done - warm_up) / (1 - warm_up), dtype=torch.float64))))


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
    schedule : {"one-cycle", "constant"}
    """

    def __init__(self, network: Network, rates: Sequence[Rates], n_steps: int, schedule: str = "one-cycle") -> None:
        named = list(network.named_parameters())
        device = network.output_bias.device
        self.weights = torch.cat([p.detach().flatten() for _, p in named])
        self.gradient = torch.zeros_like(self.weights)
        self.member = torch.empty_like(self.weights, dtype=torch.int64)
        """Which member each weight belongs to."""
        decayed = torch.empty_like(self.weights)
        start = 0
        for name, parameter in named:
            stop = start + parameter.numel()
            parameter.data = self.weights[start:stop].view(parameter.shape)
            parameter.grad = self.gradient[start:stop].view(parameter.shape)
            decayed[start:stop] = float(network.is_decayed(name))
            members = torch.arange(len(parameter), device=device)
            self.member[start:stop] = members.repeat_interleave(parameter[0].numel())
            start = stop
        self.learning_rate = torch.tensor([rate.learning_rate for rate in rates], device=device)[self.member]
        self.momentum = torch.tensor([rate.momentum for rate in rates], device=device)[self.member]
        self.decay = torch.tensor([rate.weight_decay for rate in rates], device=device)[self.member] * decayed
        self.decays = bool(self.decay.any())
        self.n_steps, self.schedule, self.steps_done = n_steps, schedule, 0
        self.start_state()

    @abstractmethod
    def start_state(self) -> None:
        """Make the moments."""

    @abstractmethod
    def move(self, learning_rate: Tensor) -> None:
        """Change the weights by one step at these learning rates, one a weight."""

    def step(self) -> None:
        """Move the weights by the gradient that has come together since the last step, and clear it."""
        learning_rate = self.learning_rate
        if self.schedule == "one-cycle":
            learning_rate = learning_rate * one_cycle(self.steps_done / self.n_steps)
        self.steps_done += 1
        with torch.no_grad():
            if self.decays:
                self.weights.addcmul_(self.weights * self.decay, learning_rate, value=-1)
            self.move(learning_rate)
            self.gradient.zero_()


class AdamW(Optimiser):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2)."""

    def start_state(self) -> None:
        """Make both moments 0."""
        self.first, self.second = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.scale = torch.empty_like(self.weights)
        self.taken = 1 - self.momentum
        self.left = torch.ones_like(self.weights)
        """Momentum to the power of the steps done."""

    def move(self, learning_rate: Tensor) -> None:
        """Take one step; the second moment decays by 0.999, epsilon is 1e-8."""
        self.first.lerp_(self.gradient, self.taken)
        self.second.mul_(0.999).addcmul_(self.gradient, self.gradient, value=0.001)
        torch.sqrt(self.second, out=self.scale)
        self.scale.div_(math.sqrt(1 - 0.999**self.steps_done)).add_(1e-8)
        self.left.mul_(self.momentum)
        size = learning_rate / (1 - self.left)
        self.weights.addcdiv_(size.mul_(self.first), self.scale, value=-1)


class SGD(Optimiser):
    """Gradient descent with Nesterov momentum, as DeepBind used (Sutskever et al. 2013, proceedings.mlr.press/v28)."""

    def start_state(self) -> None:
        """Make the velocity 0."""
        self.velocity = torch.zeros_like(self.weights)

    def move(self, learning_rate: Tensor) -> None:
        """Take one step."""
        self.velocity.mul_(self.momentum).add_(self.gradient)
        ahead = self.gradient + self.momentum * self.velocity
        self.weights.addcmul_(ahead, learning_rate, value=-1)


def create(name: str, network: Network, rates: Sequence[Rates], n_steps: int, schedule: str) -> Optimiser:
    """Build the optimiser of this name."""
    return {"adamw": AdamW, "sgd": SGD}[name](network, rates, n_steps, schedule)

"""Sequences by the gradient of the score: logits at every place, pulled uphill, of which real sequences are read.

At each step letters are drawn by the softmax of the logits (those of the highest logits with Gumbel noise upon them)
that keep all rules, and scored as what they are, a real sequence; its gradient by the one-hot letters is passed on to
the logits as if their softmax had been scored (straight-through). The temperature of both falls on the way, and the
best sequence that was met is kept.

References
----------
Simonyan, Vedaldi and Zisserman 2013, arXiv:1312.6034 (images that raise a score); Bengio, Leonard and Courville 2013,
arXiv:1308.3432 (straight-through); Linder and Seelig 2021, doi:10.1186/s12859-021-04437-5 (Fast SeqProp: the same for
sequences, with logits that are normalised along them).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.interpret.design.goals import Objective
from seqcnn.interpret.design.rules import Rules

RATE: Final = 0.1
"""Step length of Adam (Kingma and Ba 2015, arXiv:1412.6980), in logits."""

DECAYS: Final = (0.9, 0.999)
"""Of Adam's running means of the gradient and of its square."""

HEAD_START: Final = 1.0
"""Logit of the letters that are there at first; 0 of the others."""

TEMPERATURES: Final = (1.0, 0.1)
LETTERS_AT_ONCE: Final = 1 << 14

Codes = NDArray[np.uint8]


def dream(objective: Objective, codes: Codes, rules: Rules, *, n_steps: int, seeds: NDArray[np.int64]) -> Codes:
    """Follow the gradient from sequences that keep the rules to others that do.

    Parameters
    ----------
    objective : Objective
    codes : ndarray of uint8, shape (n, length)
    rules : Rules
    n_steps : int
    seeds : ndarray of int64, shape (n, m)
        Of each sequence's noise, so that what becomes of it does not depend on the others.

    Returns
    -------
    ndarray of uint8, shape (n, length)
        None is worse than what it came from.
    """
    size = max(1, LETTERS_AT_ONCE // codes.shape[1])
    parts = []
    for first in range(0, len(codes), size):
        rows = np.arange(first, min(first + size, len(codes)))
        parts.append(_dream(objective, codes[rows], rules.take(rows), n_steps, seeds[rows]))
    return np.concatenate(parts)


def _dream(objective: Objective, codes: Codes, rules: Rules, n_steps: int, seeds: NDArray[np.int64]) -> Codes:
    best, best_utility = codes.copy(), objective.utility(objective.scores(codes))
    own = codes[:, :, None] == np.arange(4)
    generators = [np.random.default_rng(seed.tolist()) for seed in seeds]
    device = objective.networks[0].output_bias.device
    logits = torch.from_numpy(np.where(own, HEAD_START, 0).astype(np.float32)).to(device).requires_grad_()
    forbidden = torch.from_numpy(~rules.allowed).to(device)
    means = [torch.zeros_like(logits), torch.zeros_like(logits)]
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN's cells have no gradient in evaluation
        for number in range(n_steps):
            share = number / max(1, n_steps - 1)
            temperature = TEMPERATURES[0] * (TEMPERATURES[1] / TEMPERATURES[0]) ** share
            noise = np.stack([generator.gumbel(size=own.shape[1:]) for generator in generators])
            letters = rules.project(logits.detach().cpu().numpy() + temperature * noise, best)
            soft = (logits.masked_fill(forbidden, -torch.inf) / temperature).softmax(2)
            hard = torch.from_numpy(letters[:, :, None] == np.arange(4)).to(soft)
            utility = objective.relaxed((hard + soft - soft.detach()).transpose(1, 2))
            (uphill,) = torch.autograd.grad(utility.sum(), logits)
            with torch.no_grad():
                logits.add_(_adam_step(uphill, means, number + 1))
            found: NDArray[Any] = utility.detach().cpu().numpy().astype(np.float64)
            better = found > best_utility
            best[better], best_utility[better] = letters[better], found[better]
    worse = objective.utility(objective.scores(best)) < objective.utility(objective.scores(codes))
    best[worse] = codes[worse]  # the two ways to score may differ by rounding
    return best


def _adam_step(gradient: Tensor, means: list[Tensor], number: int) -> Tensor:
    """Return the step of Adam along a gradient, and bring its running means, of it and of its square, up to date.

    Each sequence's gradient is given the same size first, whatever the scale of its score.
    """
    gradient = gradient / gradient.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None]
    first, second = DECAYS
    means[0].mul_(first).add_(gradient, alpha=1 - first)
    means[1].mul_(second).addcmul_(gradient, gradient, value=1 - second)
    size = (means[1] / (1 - second**number)).sqrt_() + 1e-8
    return RATE / (1 - first**number) * means[0] / size

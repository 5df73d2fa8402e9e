"""What a fit minimises, for each task: a loss per member, missing targets left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

TASKS: Final = ("binary", "regression")

Array = NDArray[np.float32]


def losses(
    task: str, scores: Tensor, targets: Tensor, positive_weight: Tensor | None = None, *, complete: bool = False
) -> Tensor:
    """Return the mean loss of each member over the targets that are there.

    Parameters
    ----------
    task : {"binary", "regression"}
        Cross-entropy on logits, or squared error.
    scores : Tensor, shape (n_members, n, n_targets)
    targets : Tensor, shape (n, n_targets)
        NaN where missing.
    positive_weight : Tensor, shape (n_targets,), optional
        Weight of positives, for unequal classes (binary).
    complete : bool
        No target is missing; spares looking.

    Returns
    -------
    Tensor, shape (n_members,)
    """
    wanted = targets if complete else targets.nan_to_num()
    if task == "binary":
        # -log sigmoid(s) for a positive, -log(1 - sigmoid(s)) for a negative, in one expression.
        each = functional.softplus(scores) - wanted * scores
        if positive_weight is not None:
            each = each * (1 + (positive_weight - 1) * wanted)
    else:
        each = (scores - wanted).square()
    if complete:
        return each.mean((1, 2))
    there = ~targets.isnan()
    return (each * there).sum((1, 2)) / there.sum().clamp(min=1)


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a fit, see :func:`losses`.

    Parameters
    ----------
    task : {"binary", "regression"}
    positive_weight : Tensor, shape (n_targets,), or None
    complete : bool
        No target is missing.
    """

    task: str
    positive_weight: Tensor | None = None
    complete: bool = False

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean loss, shape (n_members,), differentiable."""
        return losses(self.task, scores, targets, self.positive_weight, complete=self.complete)

    def with_gradient(self, scores: Array, targets: Array) -> tuple[Array, Array]:
        """Return the same, and the gradient by the scores, shape (n_members, n, n_targets), in NumPy."""
        wanted = targets if self.complete else np.nan_to_num(targets)
        if self.task == "binary":
            each: Array = np.logaddexp(0, scores) - wanted * scores
            slope: Array = np.exp(-np.logaddexp(0, -scores)) - wanted
            if self.positive_weight is not None:
                weight = 1 + (self.positive_weight.numpy() - 1) * wanted
                each, slope = each * weight, slope * weight
        else:
            each, slope = np.square(scores - wanted), 2 * (scores - wanted)
        if self.complete:
            return each.sum((1, 2)) / np.float32(targets.size), slope / np.float32(targets.size)
        there = ~np.isnan(targets)
        n_there = np.float32(max(1, int(np.count_nonzero(there))))
        return (each * there).sum((1, 2)) / n_there, slope * there / n_there


def balance(targets: Tensor) -> Tensor:
    """Return negatives per positive of each binary target, shape (n_targets,): weighted so, classes count alike."""
    positives = (targets == 1).sum(0).clamp(min=1)
    negatives = (targets == 0).sum(0).clamp(min=1)
    return negatives / positives


def unbalance(output_bias: Tensor, positive_weight: Tensor) -> None:
    """Take the weight of positives out of a trained bias, so that probabilities fit the classes as they were.

    Weighting positives by w adds log w to the logit that cross-entropy is least at.
    """
    with torch.no_grad():
        output_bias.sub_(positive_weight.log())

"""What a fit minimises, for each task: a loss per member, missing targets left out."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

TASKS: Final = ("binary", "regression")


def losses(task: str, scores: Tensor, targets: Tensor, positive_weight: Tensor | None = None) -> Tensor:
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

    Returns
    -------
    Tensor, shape (n_members,)
    """
    there = ~targets.isnan()
    wanted = targets.nan_to_num().expand_as(scores)
    if task == "binary":
        each = functional.binary_cross_entropy_with_logits(scores, wanted, pos_weight=positive_weight, reduction="none")
    else:
        each = (scores - wanted).square()
    return (each * there).sum((1, 2)) / there.sum().clamp(min=1)


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

"""What a fit minimises, for each task: a loss per member, missing targets left out, examples weighted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqcnn.training import hinge

Array = NDArray[np.float32]

LOSSES: Final = ("cross-entropy", "hinge")
"""What can be said for classes; other tasks have one loss each."""


def losses(
    task: str,
    scores: Tensor,
    targets: Tensor,
    class_weight: Tensor | None = None,
    *,
    complete: bool = False,
    weights: Tensor | None = None,
    loss: str | None = None,
) -> Tensor:
    """Return the mean loss of each member over the targets that are there.

    Parameters
    ----------
    task : {"binary", "regression", "poisson", "multiclass"}
        Cross-entropy on logits; squared error; the negative log-likelihood of counts whose log mean is the score,
        without its constant; cross-entropy on the softmax of the scores. See :mod:`seqcnn.models.tasks`.
    scores : Tensor, shape (n_members, n, n_scores)
    targets : Tensor, shape (n, n_targets)
        NaN where missing. As many as scores; one column of class numbers 0, 1, ... for several classes.
    class_weight : Tensor, optional
        For unequal classes: the weight of the positives of each target, shape (n_targets,) (binary), or the weight of
        each class, shape (n_scores,) (multiclass).
    complete : bool
        No target is missing; spares looking.
    weights : Tensor, shape (n,) or (n_members, n), optional
        How much each example counts. The sum is divided by the number of targets, not by the sum of the weights: with
        weights whose mean over the training set is 1, the loss of a random batch is on average that of the set.
    loss : {"cross-entropy", "hinge"}, optional
        None for the task's own, as above; "hinge": see :mod:`seqcnn.training.hinge`, for classes.

    Returns
    -------
    Tensor, shape (n_members,)
    """
    each = _each(task, scores, targets if complete else targets.nan_to_num(), class_weight, hinges=loss == "hinge")
    if weights is not None:
        each = each * weights[..., None]
    if complete:
        return each.mean((1, 2))
    there = ~targets.isnan()
    return (each * there).sum((1, 2)) / there.sum().clamp(min=1)


def _each(task: str, scores: Tensor, wanted: Tensor, class_weight: Tensor | None, *, hinges: bool) -> Tensor:
    """Return the loss of each target, shape (n_members, n, n_targets)."""
    if task == "binary":
        # -log sigmoid(s) for a positive, -log(1 - sigmoid(s)) for a negative, in one expression.
        each = hinge.binary(scores, wanted) if hinges else functional.softplus(scores) - wanted * scores
        return each if class_weight is None else each * (1 + (class_weight - 1) * wanted)
    if task == "poisson":
        return scores.exp() - wanted * scores
    if task == "multiclass":
        label = wanted.long()
        if hinges:
            each = hinge.multiclass(scores, label)
        else:
            each = -scores.log_softmax(2).gather(2, label.expand(len(scores), -1, -1))
        return each if class_weight is None else each * class_weight[label]
    return (scores - wanted).square()


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a fit, see :func:`losses`.

    Parameters
    ----------
    task : {"binary", "regression", "poisson", "multiclass"}
    class_weight : Tensor, shape (n_scores,), or None
    complete : bool
        No target is missing.
    weights : Tensor, shape (n,) or (n_members, n), or None
        Of the examples of one batch.
    loss : {"cross-entropy", "hinge"} or None
    """

    task: str
    class_weight: Tensor | None = None
    complete: bool = False
    weights: Tensor | None = None
    loss: str | None = None

    def weighted(self, weights: Tensor | None) -> Objective:
        """Return the loss of a batch whose examples count so much."""
        return Objective(self.task, self.class_weight, self.complete, weights, self.loss)

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean loss, shape (n_members,), differentiable."""
        return losses(
            self.task,
            scores,
            targets,
            self.class_weight,
            complete=self.complete,
            weights=self.weights,
            loss=self.loss,
        )

    def with_gradient(self, scores: Array, targets: Array) -> tuple[Array, Array]:
        """Return the same, and the gradient by the scores, shape (n_members, n, n_scores), in NumPy.

        A step of a small network calls this once, so that the number of calls matters, not that of the additions.
        """
        there = None if self.complete else targets == targets  # a missing one, NaN, is not equal to itself
        wanted: Array = targets if there is None else np.where(there, targets, 0)
        class_weight = None if self.class_weight is None else self.class_weight.numpy()
        each, slope = (_HINGES if self.loss == "hinge" else _SLOPES)[self.task](scores, wanted, class_weight)
        if self.weights is not None:
            weight = self.weights.numpy()[..., None]
            each *= weight
            slope *= weight
        n = targets.size
        if there is not None:
            n = max(1, int(np.count_nonzero(there)))
            each *= there
            slope *= there
        share = np.float32(1 / n)
        slope *= share
        return each.sum((1, 2)) * share, slope


def _binary(scores: Array, wanted: Array, class_weight: Array | None) -> tuple[Array, Array]:
    """Return loss and slope of each target; one exponential, of what is not above 0, serves both."""
    small = np.abs(scores)
    np.negative(small, out=small)
    np.exp(small, out=small)
    whole = small + 1
    each: Array = np.log(whole)
    each += np.maximum(scores, 0)
    each -= wanted * scores
    slope: Array = np.where(scores < 0, small, 1)
    slope /= whole
    slope -= wanted
    return _binary_weighted(each, slope, wanted, class_weight)


def _binary_hinge(scores: Array, wanted: Array, class_weight: Array | None) -> tuple[Array, Array]:
    return _binary_weighted(*hinge.binary_slope(scores, wanted), wanted, class_weight)


def _binary_weighted(each: Array, slope: Array, wanted: Array, class_weight: Array | None) -> tuple[Array, Array]:
    if class_weight is not None:
        weight = (class_weight - 1) * wanted
        weight += 1
        each *= weight
        slope *= weight
    return each, slope


def _regression(scores: Array, wanted: Array, _: Array | None) -> tuple[Array, Array]:
    slope = scores - wanted
    each = slope * slope
    slope *= 2
    return each, slope


def _poisson(scores: Array, wanted: Array, _: Array | None) -> tuple[Array, Array]:
    rate: Array = np.exp(scores)
    return rate - wanted * scores, rate - wanted


def _multiclass(scores: Array, wanted: Array, class_weight: Array | None) -> tuple[Array, Array]:
    label = wanted.astype(np.intp)[None]
    slope: Array = scores - scores.max(2, keepdims=True)
    each: Array = -np.take_along_axis(slope, label, 2)
    np.exp(slope, out=slope)
    total = slope.sum(2, keepdims=True)
    each += np.log(total)
    slope /= total
    slope -= label == np.arange(scores.shape[2])
    return _multiclass_weighted(each, slope, label, class_weight)


def _multiclass_hinge(scores: Array, wanted: Array, class_weight: Array | None) -> tuple[Array, Array]:
    label = wanted.astype(np.intp)[None]
    return _multiclass_weighted(*hinge.multiclass_slope(scores, label), label, class_weight)


def _multiclass_weighted(
    each: Array, slope: Array, label: NDArray[np.intp], class_weight: Array | None
) -> tuple[Array, Array]:
    if class_weight is not None:
        weight = class_weight[label]
        each *= weight
        slope *= weight
    return each, slope


_Slopes = dict[str, Callable[[Array, Array, Array | None], tuple[Array, Array]]]
_HINGES: Final[_Slopes] = {"binary": _binary_hinge, "multiclass": _multiclass_hinge}
_SLOPES: Final[_Slopes] = {
    "binary": _binary,
    "regression": _regression,
    "poisson": _poisson,
    "multiclass": _multiclass,
}


def class_weights(task: str, targets: Tensor, n_scores: int, weights: Tensor | None = None) -> Tensor | None:
    """Return the weights by which unequal classes count alike, shape (n_scores,), see :func:`losses`; None for numbers.

    Parameters
    ----------
    task : str
    targets : Tensor, shape (n, n_targets)
    n_scores : int
    weights : Tensor, shape (n,), optional
        How much each example counts.
    """
    if task == "binary":
        return balance(targets, weights)
    return balance_classes(targets, n_scores, weights) if task == "multiclass" else None


def balance(targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return negatives per positive of each binary target, shape (n_targets,): weighted so, classes count alike.

    Parameters
    ----------
    targets : Tensor, shape (n, n_targets)
    weights : Tensor, shape (n,), optional
        How much each example counts.
    """
    counted = torch.ones_like(targets[:, :1]) if weights is None else weights[:, None]
    positives = (counted * (targets == 1)).sum(0)
    negatives = (counted * (targets == 0)).sum(0)
    return negatives.where(negatives > 0, 1) / positives.where(positives > 0, 1)


def balance_classes(targets: Tensor, n_classes: int, weights: Tensor | None = None) -> Tensor:
    """Return the weight of each class, shape (n_classes,), by which all count alike and an example 1 on average.

    Parameters
    ----------
    targets : Tensor, shape (n, 1)
        Class numbers, NaN where missing.
    n_classes : int
    weights : Tensor, shape (n,), optional
    """
    there = ~targets[:, 0].isnan()
    counted = torch.ones_like(targets[there, 0]) if weights is None else weights[there]
    sizes = torch.zeros(n_classes, dtype=counted.dtype, device=targets.device)
    sizes.index_add_(0, targets[there, 0].long(), counted)
    return sizes.sum() / (sizes.where(sizes > 0, sizes.sum()) * (sizes > 0).sum())


def unbalance(output_bias: Tensor, class_weight: Tensor) -> None:
    """Take the weight of classes out of a trained bias, so that probabilities fit the classes as they were.

    Weighting the positives of a target, or a class, by w adds log w to the score that cross-entropy is least at: the
    odds of the class are w times as high.

    Parameters
    ----------
    output_bias : Tensor, shape (n_members, n_scores)
        Is changed.
    class_weight : Tensor, shape (n_scores,)
    """
    with torch.no_grad():
        output_bias.sub_(class_weight.log())

"""The hinge loss, beside cross-entropy: only examples within the margin, or on its wrong side, move the weights.

For two classes y = -1, 1 and a score s it is max(0, 1 - y s) (Cortes and Vapnik 1995, doi:10.1007/BF00994018); for
several max(0, 1 + max over the others of their scores - s of the true one) (Crammer and Singer 2001, JMLR 2, 265-292).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float32]


def binary(scores: Tensor, wanted: Tensor) -> Tensor:
    """Return the loss of each target; `wanted` is 0 or 1, shape (n, n_targets)."""
    return (1 - (2 * wanted - 1) * scores).clamp_(min=0)


def multiclass(scores: Tensor, label: Tensor) -> Tensor:
    """Return the loss of each example, shape (n_members, n, 1), for class numbers, shape (n, 1)."""
    label = label.expand(len(scores), -1, -1)
    others = scores.scatter(2, label, -torch.inf).amax(2, keepdim=True)
    return (1 + others - scores.gather(2, label)).clamp_(min=0)


def binary_slope(scores: Array, wanted: Array) -> tuple[Array, Array]:
    """Return loss and slope of each target."""
    sign = 2 * wanted - 1
    each: Array = np.maximum(1 - sign * scores, 0)
    slope: Array = np.where(each > 0, -sign, np.float32(0))
    return each, slope


def multiclass_slope(scores: Array, label: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return loss, shape (n_members, n, 1), and slope by each score, for class numbers, shape (1, n, 1)."""
    label = np.broadcast_to(label, (*scores.shape[:2], 1))
    others = scores.copy()
    np.put_along_axis(others, label, -np.inf, 2)
    rival = others.argmax(2)[:, :, None]
    each: Array = np.maximum(1 + np.take_along_axis(others, rival, 2) - np.take_along_axis(scores, label, 2), 0)
    slope = np.zeros_like(scores)
    np.put_along_axis(slope, rival, 1, 2)
    np.put_along_axis(slope, label, -1, 2)
    slope *= each > 0
    return each, slope

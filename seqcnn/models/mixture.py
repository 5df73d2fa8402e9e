"""Mixtures of two examples' pooled features, for mixup; see :mod:`seqcnn.training.mixup`.

Neighbours in a batch are partners: rows 0 and 1, 2 and 3, ...; the last row of an odd number has none.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = TypeVar("Rows", Tensor, NDArray[Any])


def swapped(x: Rows, axis: int = 0) -> Rows:
    """Return what has each row's partner in its place; a row without one stays."""
    n = x.shape[axis]
    if isinstance(x, Tensor):
        return x.index_select(axis, (torch.arange(n, device=x.device) ^ 1).clamp_(max=n - 1))
    partners: NDArray[Any] = np.take(x, np.minimum(np.arange(n) ^ 1, n - 1), axis)
    return partners


def mixed(x: Rows, mix: Rows, axis: int) -> Rows:
    """Return mixtures: of each row a share `mix`, shape (n,), and of its partner the rest.

    As partners have one share, the gradient by `x` is the mixture of that by the result.
    """
    of_partner = (1 - mix).reshape(-1, *[1] * (x.ndim - 1 - axis))
    result: Rows = x + of_partner * (swapped(x, axis) - x)
    return result

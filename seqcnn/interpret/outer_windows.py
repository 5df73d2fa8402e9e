"""The largest scores among the windows that an edit leaves as they are."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

FEW_PLACES: Final = 4
"""Places of edits up to which each gets a maximum of its own instead of running maxima."""

MANY: Final = 2048
"""Scores at one position, of all sequences and filters, from which a step for each position costs least."""


def outside(scores: Tensor, kernel_size: int, length: int) -> Tensor:
    """Return the largest score, or 0, of the windows that do not cover each base, shape (n, length, width)."""
    array = scores.numpy()
    largest = np.zeros((len(array), length, array.shape[2]), dtype=array.dtype)
    if length > 1:
        largest[:, 1:] = array[:, : length - 1]
        _run_maximum(largest)
        right = np.zeros_like(largest)
        right[:, 1:] = array[:, : kernel_size - 1 : -1]
        _run_maximum(right)
        np.maximum(largest, right[:, ::-1], out=largest)
    return torch.from_numpy(largest)


def _run_maximum(array: NDArray[np.float32]) -> None:
    """Put in place of each entry the largest up to it along the second axis.

    A step over all sequences for each position, or, where they are few, shifts by 1, 2, 4, ...; both are faster than
    the library's accumulation, which works on one filter at a time.
    """
    n, length, width = array.shape
    if n * width >= MANY:
        for i in range(1, length):
            np.maximum(array[:, i - 1], array[:, i], out=array[:, i])
        return
    shift = 1
    while shift < length:
        array[:, shift:] = np.maximum(array[:, shift:], array[:, :-shift])
        shift *= 2


def largest_of_first(scores: Tensor, sequence: Tensor, number: Tensor, *, from_end: bool = False) -> Tensor:
    """Return the largest of the first (or last) `number` scores of each edit's sequence, or 0, shape (m, width)."""
    places = np.unique(number.numpy()).tolist()
    if len(places) > FEW_PLACES:
        running = functional.pad(scores.flip(1) if from_end else scores, (0, 0, 1, 0))
        _run_maximum(running.numpy())
        return running[sequence, number]
    largest = torch.zeros(len(number), scores.shape[2])
    for place in filter(None, places):
        rows = (number == place).nonzero()[:, 0]
        part = scores[:, -place:] if from_end else scores[:, :place]
        largest[rows] = part.amax(1).clamp_(min=0)[sequence[rows]]
    return largest

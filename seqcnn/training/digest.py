"""Short digests of what a fit is made of."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from seqcnn.dataset.examples import Examples


def digest(examples: Examples) -> str:
    """Return a digest of what of examples matters to a fit, 32 hexadecimal digits; names and places do not."""
    state = hashlib.blake2b(digest_size=16)
    numbers = (examples.sequences.data, examples.sequences.lengths, examples.targets, examples.origin, examples.weights)
    bound = () if examples.bound is None else (examples.bound.data,)
    for array in (*numbers, *bound):
        if array is None:
            state.update(b"none")
        else:
            state.update(f"{array.dtype} {array.shape}".encode())
            state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return state.hexdigest()


def sketch(weights: Tensor) -> str:
    """Return two numbers that other weights would not have: the norm, and the share of it along a fixed direction.

    They are rounded: devices divide with other last bits.
    """
    exact = weights.detach().cpu().double()
    norm = float(exact.norm())
    along = float((exact * torch.arange(1, len(exact) + 1).double().cos()).sum()) / norm if norm else 0.0
    return f"{norm:.5g} {along:.4f}"

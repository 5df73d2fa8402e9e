"""The spread of first weights, by their shape.

he          variance 2 / inputs, for ReLU. He et al. 2015, arXiv:1502.01852, equation 10.
glorot      variance 2 / (inputs + outputs). Glorot and Bengio 2010, proceedings.mlr.press/v9, equation 12.
lecun       variance 1 / inputs. LeCun et al. 1998, doi:10.1007/3-540-49430-8_2, section 4.6.
orthogonal  rows, or columns where these are fewer, at right angles; otherwise as he. Saxe et al. 2014, arXiv:1312.6120.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

INITIALISATIONS: Final = ("he", "glorot", "lecun", "orthogonal")


def spread(normal: Tensor, inputs: int, outputs: int, how: str) -> Tensor:
    """Turn standard normal numbers into the first weights of a layer.

    Parameters
    ----------
    normal : Tensor, shape (n_members, ...)
    inputs, outputs : int
        Numbers that go into one output, and outputs that one input goes to.
    how : str
        One of :data:`INITIALISATIONS`.
    """
    if how == "glorot":
        return normal * math.sqrt(2 / (inputs + outputs))
    if how == "lecun":
        return normal / math.sqrt(inputs)
    if how == "he":
        return normal * math.sqrt(2 / inputs)
    flat = normal.reshape(len(normal), -1, inputs)
    tall = flat if flat.shape[1] >= inputs else flat.transpose(1, 2)
    turned, upper = torch.linalg.qr(tall.cpu())
    turned = turned * upper.diagonal(dim1=1, dim2=2).sign()[:, None]  # so that it is uniformly distributed
    turned = turned if flat.shape[1] >= inputs else turned.transpose(1, 2)
    scale = math.sqrt(2 * max(1.0, flat.shape[1] / inputs))
    weights: Tensor = (turned * scale).reshape(normal.shape).to(normal)
    return weights

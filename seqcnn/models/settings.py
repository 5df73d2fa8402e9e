"""Settings of networks: what their fields are, and may be. Needs no library, as the command line reads it for help.

A field is described once, in the docstring of its class: its kind, the values or the range it may have, and a line of
help. :mod:`seqcnn.models.catalogue` reads them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEEP_TRAINING: Final = {"members": 2, "learning_rate": 0.004, "dropout": 0.2}
"""Training options that serve architectures of several layers well; one may say others, as its TRAINING."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all architectures share.

    Parameters
    ----------
    n_members : int, 1 or more
        Networks trained side by side; the prediction is their mean.
    n_targets : int, 1 or more
        Scores per sequence.
    both_strands : bool
        Score the sequence and its reverse complement with the same weights (DNA).
    dropout : float
        Share of pooled features left out while training, 0 to below 1; both strands lose the same ones.
    strands : {"best", "mean", "equivariant"}
        What is made of both strands: the better score, the mean, or layers that share their parameters between strands.
    """

    n_members: int = 1
    n_targets: int = 1
    both_strands: bool = True
    dropout: float = 0.0
    strands: str = "best"


@dataclass(frozen=True, slots=True)
class Deep(Settings):
    """What architectures of several layers share, see :mod:`seqcnn.models.deep`.

    Parameters
    ----------
    n_filters : int, 1 or more
        Number of motif detectors.
    kernel_size : int, 1 to 200
        Length of a detector, bp.
    hidden : int, 0 or more
        Units of the hidden layer; 0 for none.
    activation : {"relu", "exponential", "leaky-relu", "elu", "tanh", "sigmoid", "maxout"}
        What is made of the detectors' scores; maxout: the larger of two detectors. All other layers have ReLU.
    pooling : {"max", "average", "both", "attention"}
        What is kept of a detector's scores along a sequence.
    padding : {"N", "same", "valid"}
        What detectors see beyond the ends of a sequence: N, zeros (as many windows as bases), or no such windows.
    batch_norm : bool
        Normalise the scores of each layer over the batch.
    initialisation : {"he", "glorot", "lecun", "orthogonal"}
        Spread of the first weights.
    """

    n_filters: int = 64
    kernel_size: int = 19
    hidden: int = 64
    activation: str = "relu"
    pooling: str = "max"
    padding: str = "N"
    batch_norm: bool = True
    initialisation: str = "he"

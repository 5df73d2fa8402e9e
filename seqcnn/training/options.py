"""The options of training, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from seqcnn.errors import UsageError
from seqcnn.models.architectures.deepbind import POOLINGS
from seqcnn.models.device import PRECISIONS
from seqcnn.models.tasks import TASKS
from seqcnn.training.optimiser import OPTIMISERS, SCHEDULES

EXAMPLES_SEEN: Final = 500_000
"""Examples that a fit goes through if the number of epochs is not said, within the two bounds below."""
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60

_KNOWN: Final = {
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "strands": ("both", "one"),
    "task": TASKS,
    "pooling": POOLINGS,
    "precision": PRECISIONS,
}
_WITHIN: Final = {
    **dict.fromkeys(("n_filters", "kernel_size", "members", "batch_size", "epochs", "steps"), (1, math.inf)),
    **dict.fromkeys(("hidden", "weight_decay", "filter_decay", "decay_from", "patience"), (0, math.inf)),
    **dict.fromkeys(("dropout", "momentum"), (0, 1)),
}
"""At least the one, below the other."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What is trained, and how.

    Parameters
    ----------
    n_filters, kernel_size, hidden, pooling, dropout
        See :class:`seqcnn.models.architectures.deepbind.Settings`.
    members : int
        Networks trained side by side and averaged.
    batch_size, optimiser, schedule, learning_rate, weight_decay, momentum
        See :class:`seqcnn.training.fit.Plan`.
    nesterov : bool
        Look ahead along the momentum (sgd).
    filter_decay : float or None
        Weight decay of the filters, if another than that of the other weights.
    decay_from : int
        First step with weight decay.
    filter_scale, weight_scale : float or None
        Standard deviation of the filters' and of the other weights' initial values; None: the architecture's usual.
    architecture : str
    strands : {"both", "one"} or None
        None: both for DNA, one for RNA.
    task : {"binary", "regression"} or None
        None: binary if every target is 0 or 1.
    epochs, steps : int or None
        How long; steps decide where both are there. None: so many that about :data:`EXAMPLES_SEEN` examples are seen.
    patience : int
        Epochs without a better validation score after which training stops; 0 for never.
    balance : bool
        Give both classes the same weight.
    resample : bool
        Shuffle dinucleotide negatives afresh every epoch.
    seed : int
    precision : {"float32", "bf16"}
        See :attr:`seqcnn.models.network.Network.precision`.

    Raises
    ------
    UsageError
        If an option has a value that there is not.
    """

    n_filters: int
    kernel_size: int
    hidden: int
    pooling: str
    dropout: float
    members: int
    batch_size: int
    optimiser: str
    schedule: str
    learning_rate: float
    weight_decay: float
    momentum: float
    nesterov: bool = True
    filter_decay: float | None = None
    decay_from: int = 0
    filter_scale: float | None = None
    weight_scale: float | None = None
    architecture: str = "deepbind"
    strands: str | None = None
    task: str | None = None
    epochs: int | None = None
    steps: int | None = None
    patience: int = 0
    balance: bool = True
    resample: bool = True
    seed: int = 0
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise UsageError(f"unknown {name} {value!r}; there are: {', '.join(known)}")
        for name, (low, high) in _WITHIN.items():
            value = getattr(self, name)
            if value is not None and not low <= value < high:
                below = "" if high == math.inf else f" and below {high}"
                raise UsageError(f"{name} must be at least {low}{below}, not {value}")
        for name in ("learning_rate", "filter_scale", "weight_scale"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} must be above 0, not {value}")

    def n_epochs(self, n_examples: int) -> int:
        """Return the number of epochs for a training set of this size."""
        if self.steps is not None:
            return math.ceil(self.steps / math.ceil(n_examples / self.batch_size))
        return self.epochs or int(np.clip(math.ceil(EXAMPLES_SEEN / max(1, n_examples)), FEWEST_EPOCHS, MOST_EPOCHS))

    def reads_both_strands(self, alphabet: str) -> bool:
        """Say whether both strands are read: of DNA, if nothing else is said."""
        return (self.strands or ("both" if alphabet == "dna" else "one")) == "both"

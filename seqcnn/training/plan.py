"""How a network is trained, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcnn.training.augmentation import Augmentation
from seqcnn.training.averaging import Averaging
from seqcnn.training.optimiser import Rates


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is trained.

    Parameters
    ----------
    task : str
        See :data:`seqcnn.models.tasks.TASKS`.
    epochs : int
    batch_size : int
    optimiser : {"adamw", "sgd"}
    schedule : {"one-cycle", "cosine", "step", "constant"}
    rates : sequence of Rates
        One a member.
    patience : int
        Epochs without a better validation score after which a member is done; 0 for never.
    resample : bool
        Shuffle the dinucleotide negatives afresh every epoch.
    seed : int
        Of the order of examples and of the shuffles; weights and dropout have the members' own.
    decay_from : int
        First step with weight decay.
    bears_loss : bool
        A member that leaves the numbers is given up, and the others go on, until all are lost; else it is an error.
    checks : tuple of int, optional
        Epochs after which the validation examples are scored; None for all.
    augmentation : Augmentation, optional
        What training sequences are changed by.
    mixup : float, optional
        Alpha of mixup, see :func:`seqcnn.training.mixup.shares`.
    loss : {"cross-entropy", "hinge"}, optional
        None for the task's own.
    averaging : Averaging, optional
        What is judged and kept is an average of weights.
    """

    task: str
    epochs: int
    batch_size: int
    optimiser: str
    schedule: str
    rates: Sequence[Rates]
    patience: int
    resample: bool
    seed: int
    decay_from: int = 0
    bears_loss: bool = False
    checks: tuple[int, ...] | None = None
    augmentation: Augmentation | None = None
    mixup: float | None = None
    loss: str | None = None
    averaging: Averaging | None = None

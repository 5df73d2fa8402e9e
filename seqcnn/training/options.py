"""The options of training, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np

from seqcnn.errors import UsageError
from seqcnn.models import architectures, catalogue
from seqcnn.models.device import PRECISIONS
from seqcnn.models.tasks import TASKS
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.averaging import KINDS, Averaging
from seqcnn.training.objectives import LOSSES
from seqcnn.training.optimiser import OPTIMISERS, SCHEDULES
from seqcnn.training.presets import PRESETS

EXAMPLES_SEEN: Final = 500_000
"""Examples that a fit goes through if the number of epochs is not said, within the two bounds below."""
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60

_KNOWN: Final = {
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "strands": ("both", "one", "best", "mean", "equivariant"),
    "task": TASKS,
    "precision": PRECISIONS,
    "loss": LOSSES,
    "weight_averaging": ("none", *KINDS),
}
_WITHIN: Final = {
    **dict.fromkeys(("members", "batch_size", "epochs", "steps"), (1, math.inf)),
    **dict.fromkeys(("weight_decay", "filter_decay", "decay_from", "patience"), (0, math.inf)),
    **dict.fromkeys(("shift", "erase", "mixup"), (0, math.inf)),
    **dict.fromkeys(("dropout", "momentum", "mutate_rate", "ema_decay", "swa_start"), (0, 1)),
}
"""At least the one, below the other."""

OFTEN: Final = ("n_filters", "kernel_size", "hidden", "pooling")
"""Settings of architectures that are options by themselves."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What is trained, and how.

    Parameters
    ----------
    dropout : float
        See :class:`seqcnn.models.settings.Settings`.
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
    n_filters, kernel_size, hidden, pooling : optional
        Settings that most architectures have; None for the architecture's usual ones.
    shape : mapping
        Other settings of the architecture, by name.
    strands : {"both", "one", "best", "mean", "equivariant"} or None
        None: both for DNA, one for RNA. What is made of both: see :class:`seqcnn.models.settings.Settings`; "both" is
        the architecture's usual way.
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
    shift, reverse_complement, mutate_rate, erase
        See :class:`seqcnn.training.augmentation.Augmentation`.
    mixup : float
        Alpha of mixup, see :mod:`seqcnn.training.mixup`; 0 for none.
    loss : {"cross-entropy", "hinge"} or None
        For classes; None: cross-entropy there, and for numbers and counts what is usual for these.
    weight_averaging : {"none", "ema", "swa"}
        See :class:`seqcnn.training.averaging.Averaging`.
    ema_decay, swa_start : float
        Of such averages.

    Raises
    ------
    UsageError
        If an option has a value that there is not.
    """

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
    architecture: str = catalogue.DEFAULT
    n_filters: int | None = None
    kernel_size: int | None = None
    hidden: int | None = None
    pooling: str | None = None
    shape: Mapping[str, Any] = field(default_factory=dict)
    strands: str | None = None
    task: str | None = None
    epochs: int | None = None
    steps: int | None = None
    patience: int = 0
    balance: bool = True
    resample: bool = True
    seed: int = 0
    precision: str = "float32"
    shift: int = 0
    reverse_complement: bool = False
    mutate_rate: float = 0.0
    erase: int = 0
    mixup: float = 0.0
    loss: str | None = None
    weight_averaging: str = "none"
    ema_decay: float = 0.99
    swa_start: float = 0.75

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
        catalogue.check(self.architecture, self.said_settings())
        if self.strands in ("best", "mean", "equivariant"):
            catalogue.check_strands(self.architecture, self.strands)
        for name in ("learning_rate", "filter_scale", "weight_scale"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} must be above 0, not {value}")
        if self.reverse_complement and self.strands != "one":
            raise UsageError(
                "--reverse-complement changes nothing where both strands are read, and RNA has one; if it is to be so, "
                "say --strands one"
            )
        if self.mixup and not _mixes(self.architecture):
            raise UsageError(f"--mixup: the architecture {self.architecture} has no pooled features to mix")
        if self.loss is not None and self.task is not None:
            self.check_loss(self.task)

    def check_loss(self, task: str) -> None:
        """Refuse a loss that a task does not have.

        Raises
        ------
        UsageError
        """
        if self.loss is not None and task not in ("binary", "multiclass"):
            raise UsageError(f"--loss {self.loss} is for classes, and the task is {task}; leave it out")

    @property
    def augmentation(self) -> Augmentation | None:
        """What training sequences are changed by, if by anything."""
        return Augmentation(self.shift, self.reverse_complement, self.mutate_rate, self.erase) or None

    @property
    def averaging(self) -> Averaging | None:
        """How weights are averaged, if they are."""
        if self.weight_averaging == "none":
            return None
        return Averaging(self.weight_averaging, self.ema_decay, self.swa_start)

    def n_epochs(self, n_examples: int) -> int:
        """Return the number of epochs for a training set of this size."""
        if self.steps is not None:
            return math.ceil(self.steps / math.ceil(n_examples / self.batch_size))
        return self.epochs or int(np.clip(math.ceil(EXAMPLES_SEEN / max(1, n_examples)), FEWEST_EPOCHS, MOST_EPOCHS))

    def reads_both_strands(self, alphabet: str) -> bool:
        """Say whether both strands are read: of DNA, if nothing else is said."""
        return (self.strands or ("both" if alphabet == "dna" else "one")) != "one"

    def said_settings(self) -> dict[str, Any]:
        """Return the architecture's settings that are not its usual ones."""
        return {name: getattr(self, name) for name in OFTEN if getattr(self, name) is not None} | dict(self.shape)

    def get(self, name: str) -> Any:
        """Return an option or a setting of the architecture; None for one that it does not have."""
        if name not in OFTEN and hasattr(self, name):
            return getattr(self, name)
        known = catalogue.fields(self.architecture).get(name)
        return self.said_settings().get(name, known and known.default)

    def changed(self, values: Mapping[str, Any]) -> TrainOptions:
        """Return these options with other values of some, or of settings of the architecture."""
        own = {each.name for each in fields(self)}
        shape = {name: value for name, value in values.items() if name not in own and value is not None}
        return replace(
            self, **{name: value for name, value in values.items() if name in own}, shape={**self.shape, **shape}
        )

    def network_settings(self, *, both_strands: bool) -> dict[str, Any]:
        """Return what to create a network with, but for the numbers of members and scores."""
        settings = {"both_strands": both_strands, "dropout": self.dropout} | self.said_settings()
        if self.strands not in (None, "both", "one"):
            settings["strands"] = self.strands
        return settings


def _mixes(architecture: str) -> bool:
    return bool(architectures.find(architecture).can_mix)


def combine(preset: str, said: Mapping[str, Any]) -> TrainOptions:
    """Return the options of a preset, what is good for the architecture over them, and over all what was said.

    Parameters
    ----------
    preset : str
        A name in :data:`seqcnn.training.presets.PRESETS`.
    said : mapping
        Fields of :class:`TrainOptions` and settings of architectures; None for what was not said.

    Raises
    ------
    UsageError
        If something has a value that there is not, or the architecture does not have it.
    """
    said = {name: value for name, value in said.items() if value is not None}
    own = {each.name for each in fields(TrainOptions)}
    architecture, chosen = said.get("architecture", catalogue.DEFAULT), dict(PRESETS[preset])
    catalogue.fields(architecture)
    if architecture != catalogue.DEFAULT:
        if preset != "default":
            raise UsageError(f"--preset {preset} is for the architecture {catalogue.DEFAULT}, not for {architecture}")
        chosen = {name: value for name, value in chosen.items() if name not in OFTEN}
        chosen |= catalogue.training(architecture)
    if "epochs" in said and "steps" not in said:
        chosen.pop("steps", None)
    chosen |= {name: value for name, value in said.items() if name in own}
    shape = {name: value for name, value in said.items() if name not in own}
    return TrainOptions(**chosen).changed(shape)

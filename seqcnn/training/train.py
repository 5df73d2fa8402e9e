"""From examples to a trained model: task, split, scaling, fit, metrics on what was held out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.split import Split
from seqcnn.errors import InputError, TrainingError, UsageError
from seqcnn.models import architectures
from seqcnn.models.modelfile import Model
from seqcnn.training.evaluate import evaluate
from seqcnn.training.fit import Plan, Watcher, fit
from seqcnn.training.history import Epoch, History
from seqcnn.training.objectives import TASKS, balance, unbalance
from seqcnn.training.optimiser import OPTIMISERS, SCHEDULES, Rates
from seqcnn.version import __version__

EXAMPLES_SEEN: Final = 500_000
"""Examples that a fit goes through if the number of epochs is not said, within the two bounds below."""
FEWEST_EPOCHS, MOST_EPOCHS = 12, 60


_KNOWN: Final = {"optimiser": OPTIMISERS, "schedule": SCHEDULES, "strands": ("both", "one"), "task": TASKS}


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
    architecture : str
    strands : {"both", "one"} or None
        None: both for DNA, one for RNA.
    task : {"binary", "regression"} or None
        None: binary if every target is 0 or 1.
    epochs : int or None
        None: so many that about :data:`EXAMPLES_SEEN` examples are seen.
    patience : int
        Epochs without a better validation score after which training stops; 0 for never.
    balance : bool
        Give both classes the same weight.
    resample : bool
        Shuffle dinucleotide negatives afresh every epoch.
    seed : int

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
    architecture: str = "deepbind"
    strands: str | None = None
    task: str | None = None
    epochs: int | None = None
    patience: int = 0
    balance: bool = True
    resample: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise UsageError(f"unknown {name} {value!r}; there are: {', '.join(known)}")
        for name in ("n_filters", "kernel_size", "members", "batch_size", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be at least 0 and below 1, not {self.dropout}")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be above 0, not {self.learning_rate}")


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with how it came about.

    Parameters
    ----------
    model : Model
    history : History
    metrics : dict
        For "valid" and "test", where there are such: see :func:`seqcnn.training.evaluate.evaluate`.
    """

    model: Model
    history: History
    metrics: dict[str, Any]


def find_task(targets: NDArray[np.float32]) -> str:
    """Return "binary" if every target that is there is 0 or 1, else "regression"."""
    known = targets[~np.isnan(targets)]
    return "binary" if bool(np.isin(known, (0, 1)).all()) else "regression"


def count_classes(targets: NDArray[np.float32]) -> str:
    """Say how many positives and negatives (first target) there are."""
    first = targets[:, 0]
    return f"{int((first == 1).sum()):,} positive, {int((first == 0).sum()):,} negative"


def choose_epochs(n_examples: int) -> int:
    """Return the number of epochs for a set of this size."""
    return int(np.clip(math.ceil(EXAMPLES_SEEN / max(1, n_examples)), FEWEST_EPOCHS, MOST_EPOCHS))


def check(examples: Examples, split: Split, options: TrainOptions, task: str) -> None:
    """Refuse what cannot be trained on, before anything is.

    Raises
    ------
    InputError, TrainingError
    """
    if examples.targets is None:
        raise InputError("there are no targets to train on")
    lengths = examples.sequences.lengths
    if lengths.max() < options.kernel_size:
        raise InputError(
            f"the longest sequence has {lengths.max()} bp, less than a filter ({options.kernel_size} bp)",
            hint="set --kernel-size, or --length for wider windows",
        )
    train = examples.targets[split.rows("train")]
    if len(train) == 0:
        raise TrainingError(
            "the split leaves no training examples; see --valid-chroms, --test-chroms and the fractions"
        )
    for i, column in enumerate(train.T):
        values = np.unique(column[~np.isnan(column)])
        if len(values) == 0:
            raise TrainingError(f"target {i + 1} has no value in the training examples")
        if task == "binary" and len(values) == 1:
            raise TrainingError(
                f"all training examples of target {i + 1} are {'positive' if values[0] else 'negative'} "
                "(one class only); add the other class, or --negatives dinucleotide"
            )
        if task == "regression" and len(values) == 1:
            raise TrainingError(f"target {i + 1} has one value, {values[0]:g}, in all training examples")
    if task == "binary" and find_task(examples.targets) != "binary":
        raise InputError("targets are not all 0 or 1", hint="use --task regression")


def train(
    examples: Examples,
    split: Split,
    options: TrainOptions,
    *,
    target_names: list[str],
    alphabet: str,
    length: int | None,
    device: torch.device,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train a model.

    Parameters
    ----------
    examples : Examples
        With targets.
    split : Split
        Of these examples; no "valid" part means the last epoch's weights are kept.
    options : TrainOptions
    target_names : list of str
    alphabet : {"dna", "rna"}
    length : int or None
        Kept in the model, so that regions are cut the same way later.
    device : torch.device
    on_batch, on_epoch : callable, optional
        See :func:`seqcnn.training.fit.fit`.

    Raises
    ------
    InputError, TrainingError
        See :func:`check`; or the loss is not finite.
    """
    assert examples.targets is not None
    task = options.task or find_task(examples.targets)
    check(examples, split, options, task)
    parts = {name: examples.take(rows) for name in ("train", "valid", "test") if len(rows := split.rows(name))}
    training = parts["train"]
    assert training.targets is not None
    network = architectures.create(
        options.architecture,
        {
            "n_members": options.members,
            "n_targets": training.targets.shape[1],
            "both_strands": (options.strands or ("both" if alphabet == "dna" else "one")) == "both",
            "dropout": options.dropout,
            "n_filters": options.n_filters,
            "kernel_size": options.kernel_size,
            "hidden": options.hidden,
            "pooling": options.pooling,
        },
    ).to(device)
    network.seed([options.seed * 1_000_003 + member for member in range(options.members)])
    mean, scale = _standard(training.targets) if task == "regression" else (np.float64(0), np.float64(1))
    weight = balance(torch.from_numpy(training.targets)).to(device) if task == "binary" and options.balance else None
    plan = Plan(
        task=task,
        epochs=options.epochs or choose_epochs(len(training)),
        batch_size=options.batch_size,
        optimiser=options.optimiser,
        schedule=options.schedule,
        rates=[Rates(options.learning_rate, options.weight_decay, options.momentum)] * options.members,
        patience=options.patience,
        resample=options.resample,
        seed=options.seed,
    )
    history = fit(
        network,
        _scaled(training, mean, scale),
        _scaled(parts["valid"], mean, scale) if "valid" in parts else None,
        plan,
        positive_weight=weight,
        on_batch=on_batch,
        on_epoch=on_epoch,
    )
    if weight is not None:
        unbalance(network.output_bias, weight)
    if task == "regression":
        network.rescale(torch.as_tensor(scale), torch.as_tensor(mean))
    about = {
        "seqcnn": __version__,
        "options": asdict(options) | {"epochs": plan.epochs, "task": task},
        "split": split.counts,
        "best_epoch": history.best_epoch,
        "prevalence": np.nanmean(training.targets, axis=0).tolist() if task == "binary" else None,
    }
    model = Model(network, options.architecture, alphabet, task, tuple(target_names), length, about)
    metrics = {name: evaluate(model, part, seed=options.seed) for name, part in parts.items() if name != "train"}
    about["metrics"] = metrics
    return Trained(model, history, metrics)


Values = NDArray[np.float64] | np.float64


def _standard(targets: NDArray[np.float32]) -> tuple[Values, Values]:
    """Return mean and standard deviation of each target; in float32 the squares of tiny or huge ones are 0 or inf."""
    exact = targets.astype(np.float64)
    return np.nanmean(exact, axis=0), np.nanstd(exact, axis=0)


def _scaled(examples: Examples, mean: Values, scale: Values) -> Examples:
    assert examples.targets is not None
    return examples.with_targets(((examples.targets - mean) / scale).astype(np.float32))

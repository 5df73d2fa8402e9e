"""From examples to a trained model: task, split, scaling, fit, metrics on what was held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.split import Split
from seqcnn.errors import InputError, TrainingError
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.training.evaluate import evaluate
from seqcnn.training.fit import Watcher
from seqcnn.training.history import Epoch, History
from seqcnn.training.members import fit_members, usual_members
from seqcnn.training.options import TrainOptions
from seqcnn.training.start import Start
from seqcnn.version import __version__


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
    start: Start | None = None,
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
    start : Start, optional
        What the first weights are, if not drawn.
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
    epochs = options.n_epochs(len(training))
    network, history = fit_members(
        options,
        usual_members(options),
        training,
        parts.get("valid"),
        task=task,
        both_strands=options.reads_both_strands(alphabet),
        epochs=epochs,
        device=device,
        start=start,
        on_batch=on_batch,
        on_epoch=on_epoch,
    )
    said = replace(options, epochs=epochs, task=task)
    model = make_model(network, said, training, split.counts, target_names, alphabet, length)
    model.training["best_epoch"] = history.best_epoch
    metrics = {name: evaluate(model, part, seed=options.seed) for name, part in parts.items() if name != "train"}
    model.training["metrics"] = metrics
    return Trained(model, history, metrics)


def make_model(
    network: Network,
    options: TrainOptions,
    training: Examples,
    counts: Mapping[str, int],
    target_names: Sequence[str],
    alphabet: str,
    length: int | None,
) -> Model:
    """Put a trained network together with what has to be known of it.

    Parameters
    ----------
    network : Network
    options : TrainOptions
        With the task and the number of epochs.
    training : Examples
        That it was trained on.
    counts : mapping
        Examples in each part.
    target_names, alphabet, length
        As for :func:`train`.
    """
    assert training.targets is not None
    assert options.task is not None
    about = {
        "seqcnn": __version__,
        "options": asdict(options),
        "split": dict(counts),
        "prevalence": np.nanmean(training.targets, axis=0).tolist() if options.task == "binary" else None,
    }
    return Model(network, options.architecture, alphabet, options.task, tuple(target_names), length, about)

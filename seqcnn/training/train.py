"""From examples to a trained model: task, split, scaling, fit, metrics on what was held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.split import Split
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import InputError, TrainingError
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.training import bases, parallel
from seqcnn.training.evaluate import evaluate_part
from seqcnn.training.fit import Watcher
from seqcnn.training.held_out import HeldOut
from seqcnn.training.history import Epoch, History
from seqcnn.training.keeping import Keeper
from seqcnn.training.members import fit_members, usual_members
from seqcnn.training.options import TrainOptions
from seqcnn.training.start import Start
from seqcnn.training.targets import check_targets, find_task
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
    held_out : list of HeldOut
        The scores of these parts.
    """

    model: Model
    history: History
    metrics: dict[str, Any]
    held_out: list[HeldOut] = field(default_factory=list)


def check(examples: Examples, split: Split, options: TrainOptions, task: str, class_names: Sequence[str] = ()) -> None:
    """Refuse what cannot be trained on, before anything is.

    Parameters
    ----------
    examples : Examples
    split : Split
    options : TrainOptions
    task : str
    class_names : sequence of str
        For several classes.

    Raises
    ------
    InputError, TrainingError
    """
    if examples.targets is None:
        raise InputError("there are no targets to train on")
    options.check_loss(task)
    rows = split.rows("train")
    _check_sizes(int(examples.sequences.lengths.max()), len(rows), options)
    check_targets(task, examples.targets, rows, examples.weights, class_names)


def check_streamed(examples: Streamed, options: TrainOptions, task: str, class_names: Sequence[str] = ()) -> None:
    """Do what :func:`check` does for examples that are not in memory."""
    options.check_loss(task)
    _check_sizes(examples.longest, examples.counts["train"], options)
    training = examples.training.sketch()
    known = join([training, examples.everything.sketch()])
    assert known.targets is not None
    check_targets(task, known.targets, np.arange(len(training)), known.weights, class_names)


def _check_sizes(longest: int, n_training: int, options: TrainOptions) -> None:
    kernel_size = options.get("kernel_size")
    if kernel_size is not None and longest < kernel_size:
        raise InputError(
            f"the longest sequence has {longest} bp, less than a filter ({kernel_size} bp)",
            hint="set --kernel-size, or --length for wider windows",
        )
    if n_training == 0:
        raise TrainingError(
            "the split leaves no training examples; see --valid-chroms, --test-chroms and the fractions"
        )


def train(
    examples: Examples | Streamed,
    split: Split,
    options: TrainOptions,
    *,
    target_names: list[str],
    alphabet: str,
    length: int | None,
    device: torch.device,
    class_column: str = "class",
    start: Start | None = None,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    keeper: Keeper | None = None,
) -> Trained:
    """Train a model.

    Parameters
    ----------
    examples : Examples or Streamed
        With targets.
    split : Split
        Of these examples; no "valid" part means the last epoch's weights are kept.
    options : TrainOptions
    target_names : list of str
        Of the targets, or of the classes.
    alphabet : {"dna", "rna"}
    length : int or None
        Kept in the model, so that regions are cut the same way later.
    device : torch.device
    class_column : str
        What the column of classes is called; kept in a model of such.
    start : Start, optional
        What the first weights are, if not drawn.
    on_batch, on_epoch : callable, optional
        See :func:`seqcnn.training.fit.fit`.
    keeper : Keeper, optional
        Saves the fit while it runs, and has it go on from there.

    Raises
    ------
    InputError, TrainingError
        See :func:`check`; or the loss is not finite.
    """
    task = options.task or _find_task(examples)
    several = task == "multiclass"
    classes = target_names if several else ()
    training, parts = _divide(examples, split, options, task, classes)
    epochs = options.n_epochs(training.counts["train"] if isinstance(training, Streamed) else len(training))
    network, history = fit_members(
        options,
        usual_members(options),
        training,
        parts.get("valid"),
        task=task,
        both_strands=options.reads_both_strands(alphabet),
        epochs=epochs,
        device=device,
        n_scores=len(target_names) if several else None,
        start=start.for_classes(target_names) if several and start is not None else start,
        on_batch=on_batch,
        on_epoch=on_epoch,
        keeper=keeper,
    )
    said = replace(options, epochs=epochs, task=task)
    model = make_model(network, said, training, split.counts, target_names, alphabet, length, class_column)
    model.training["best_epoch"] = history.best_epoch
    if parallel.current().rank:  # the first process judges it
        parts = {}
    judged = {name: evaluate_part(model, part, name, seed=options.seed) for name, part in parts.items()}
    metrics = {name: found for name, (found, _) in judged.items()}
    model.training["metrics"] = metrics
    return Trained(model, history, metrics, [held_out for _, held_out in judged.values()])


def _find_task(examples: Examples | Streamed) -> str:
    targets = examples.everything.sketch().targets if isinstance(examples, Streamed) else examples.targets
    assert targets is not None
    return find_task(targets)


def _divide(
    examples: Examples | Streamed, split: Split, options: TrainOptions, task: str, class_names: Sequence[str]
) -> tuple[Examples | Streamed, dict[str, Examples]]:
    """Check the examples; return what is trained on, and the parts that are held out."""
    if isinstance(examples, Streamed):
        check_streamed(examples, options, task, class_names)
        held_out = {name: examples.held_out(name) for name in ("valid", "test")}
        return examples, {name: part for name, part in held_out.items() if part is not None}
    check(examples, split, options, task, class_names)
    parts = {name: examples.take(rows) for name in ("train", "valid", "test") if len(rows := split.rows(name))}
    return parts.pop("train"), parts


def make_model(
    network: Network,
    options: TrainOptions,
    training: Examples | Streamed,
    counts: Mapping[str, int],
    target_names: Sequence[str],
    alphabet: str,
    length: int | None,
    class_column: str = "class",
) -> Model:
    """Put a trained network together with what has to be known of it.

    Parameters
    ----------
    network : Network
    options : TrainOptions
        With the task and the number of epochs.
    training : Examples or Streamed
        That it was trained on.
    counts : mapping
        Examples in each part.
    target_names, alphabet, length, class_column
        As for :func:`train`.
    """
    assert options.task is not None
    about: dict[str, Any] = {"seqcnn": __version__, "options": asdict(options), "split": dict(counts)}
    if options.task == "multiclass":
        about["class_column"] = class_column
    if network.per_base:
        known = bases.counts(training)
        about["bases"] = {"bound": int(known[1]), "not bound": int(known[0])}
    about["prevalence"] = _prevalence(training, options.task, len(target_names))
    return Model(network, options.architecture, alphabet, options.task, tuple(target_names), length, about)


def _prevalence(training: Examples | Streamed, task: str, n_scores: int) -> list[float] | None:
    """Return the share of positives of each target, or that of each class; None for numbers."""
    if task not in ("binary", "multiclass"):
        return None
    if isinstance(training, Streamed):
        counts = training.training.count
        if task == "multiclass":
            of_each = [counts(0, number) for number in range(n_scores)]
            return [count / sum(of_each) for count in of_each]
        return [counts(i, 1) / max(1, counts(i, 0) + counts(i, 1)) for i in range(n_scores)]
    assert training.targets is not None
    shares: NDArray[np.floating[Any]] = np.nanmean(training.targets, axis=0)
    if task == "multiclass":
        known = training.targets[~np.isnan(training.targets)].astype(np.intp)
        shares = np.bincount(known, minlength=n_scores) / len(known)
    return [float(share) for share in shares]

"""What targets are, and whether they can be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError, TrainingError

Targets = NDArray[np.float32]


def find_task(targets: Targets) -> str:
    """Return "binary" if every target that is there is 0 or 1, else "regression"."""
    known = targets[~np.isnan(targets)]
    return "binary" if bool(np.isin(known, (0, 1)).all()) else "regression"


def count_classes(targets: Targets, class_names: Sequence[str] = ()) -> str:
    """Say how many examples of each class (of the first target) there are.

    Parameters
    ----------
    targets : ndarray, shape (n, n_targets)
    class_names : sequence of str
        Empty for negatives and positives.
    """
    first = targets[:, 0]
    if not class_names:
        return f"{int((first == 1).sum()):,} positive, {int((first == 0).sum()):,} negative"
    counts = [int((first == number).sum()) for number in range(len(class_names))]
    return ", ".join(f"{count:,} {name}" for count, name in zip(counts, class_names, strict=True))


def check_targets(
    task: str,
    targets: Targets,
    training: NDArray[Any],
    weights: NDArray[np.float32] | None = None,
    class_names: Sequence[str] = (),
) -> None:
    """Refuse targets that a task does not have, or that teach nothing.

    Parameters
    ----------
    task : str
    targets : ndarray, shape (n, n_targets)
    training : ndarray of int, shape (n_training,)
        Rows that are trained on.
    weights : ndarray, shape (n,), optional
    class_names : sequence of str
        For several classes.

    Raises
    ------
    InputError, TrainingError
    """
    known = targets[~np.isnan(targets)]
    if task == "binary" and find_task(targets) != "binary":
        raise InputError("targets are not all 0 or 1", hint="use --task regression, or multiclass")
    if task == "poisson" and (known < 0).any():
        raise InputError(f"a target is {known.min():g}, but counts are 0 or more", hint="use --task regression")
    if weights is not None:
        training = training[weights[training] > 0]
        if not len(training):
            raise TrainingError("all training examples have a weight of 0")
    if task == "multiclass":
        _check_classes(targets, targets[training], class_names)
        return
    for i, column in enumerate(targets[training].T):
        values = np.unique(column[~np.isnan(column)])
        if len(values) == 0:
            raise TrainingError(f"target {i + 1} has no value in the training examples")
        if task == "binary" and len(values) == 1:
            raise TrainingError(
                f"all training examples of target {i + 1} are {'positive' if values[0] else 'negative'} "
                "(one class only); add the other class, or --negatives dinucleotide"
            )
        if len(values) == 1:
            raise TrainingError(f"target {i + 1} has one value, {values[0]:g}, in all training examples")


def _check_classes(targets: Targets, training: Targets, class_names: Sequence[str]) -> None:
    if targets.shape[1] != 1 or not np.isin(targets[~np.isnan(targets)], np.arange(len(class_names))).all():
        raise InputError(f"targets are not one column of numbers of {len(class_names)} classes")
    if len(class_names) == 1:
        raise InputError(f"all examples are of class {class_names[0]!r}", hint="there must be another class")
    for number, name in enumerate(class_names):
        if not (training == number).any():
            raise TrainingError(f"no training example is of class {name!r}; leave it out, or join it with another")

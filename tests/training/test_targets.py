"""What targets are, and what of them cannot be trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcnn.errors import InputError, TrainingError
from seqcnn.training.targets import check_targets, count_classes, find_task

NAN = float("nan")


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)[:, None]


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (floats(0, 1, 1), "binary"),
        (floats(0, NAN, 1), "binary"),
        (floats(0, 1, 2), "regression"),
        (floats(-1, 1), "regression"),
        (floats(0.5), "regression"),
        (np.array([[0, 1], [1, 0.5]], dtype=np.float32), "regression"),
        (floats(1, 1), "binary"),
    ],
)
def test_the_task_goes_by_the_targets(targets: NDArray[np.float32], task: str) -> None:
    assert find_task(targets) == task


def test_classes_are_counted() -> None:
    assert count_classes(floats(*[1] * 1200, 0, NAN)) == "1,200 positive, 1 negative"
    assert count_classes(floats(*[1] * 1200, 0, NAN, 0), ("glia", "axon", "none")) == "2 glia, 1,200 axon, 0 none"


@pytest.mark.parametrize(
    ("task", "targets"),
    [
        ("binary", floats(0, 1, NAN)),
        ("regression", floats(-1, 1)),
        ("poisson", floats(0, 2.5, 1e6)),
        ("multiclass", floats(0, 1, 2, NAN)),
        ("multiclass", floats(2, 1, 0)),
    ],
)
def test_what_can_be_trained_on(task: str, targets: NDArray[np.float32]) -> None:
    check_targets(task, targets, np.arange(len(targets)), None, ("a", "b", "c"))
    check_targets(task, targets, np.arange(len(targets)), np.ones(len(targets), dtype=np.float32), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("task", "targets", "kind", "said"),
    [
        ("binary", floats(0, 1, 2), InputError, "targets are not all 0 or 1; use --task regression, or multiclass"),
        ("poisson", floats(3, -2, 1), InputError, "a target is -2, but counts are 0 or more; use --task regression"),
        ("binary", floats(1, 1), TrainingError, r"all training examples of target 1 are positive \(one class only\)"),
        ("binary", floats(0, 0), TrainingError, "of target 1 are negative"),
        ("poisson", floats(0, 0), TrainingError, "target 1 has one value, 0, in all training examples"),
        ("regression", floats(2.5, NAN), TrainingError, "target 1 has one value, 2.5, in all training examples"),
        ("regression", floats(NAN, NAN), TrainingError, "target 1 has no value in the training examples"),
        ("multiclass", floats(0, 1, 3), InputError, "targets are not one column of numbers of 3 classes"),
        ("multiclass", floats(0, 1, 0.5), InputError, "targets are not one column of numbers of 3 classes"),
        ("multiclass", np.zeros((2, 2), np.float32), InputError, "not one column of numbers of 3 classes"),
        ("multiclass", floats(0, 1, 1), TrainingError, "no training example is of class 'c'; leave it out, or join"),
        ("multiclass", floats(NAN, NAN), TrainingError, "no training example is of class 'a'"),
    ],
)
def test_what_cannot_be_trained_on(task: str, targets: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        check_targets(task, targets, np.arange(len(targets)), None, ("a", "b", "c"))


def test_one_class_only() -> None:
    with pytest.raises(InputError, match="all examples are of class 'a'; there must be another class"):
        check_targets("multiclass", floats(0, 0), np.arange(2), None, ("a",))


def test_only_training_examples_that_count() -> None:
    targets = floats(0, 1, 1, 0)
    check_targets("binary", targets, np.array([0, 1]))
    with pytest.raises(TrainingError, match="are positive"):
        check_targets("binary", targets, np.array([1, 2]))
    weights = np.array([0, 1, 1, 1], dtype=np.float32)
    check_targets("binary", targets, np.arange(4), weights)
    with pytest.raises(TrainingError, match="are positive"):
        check_targets("binary", targets, np.arange(3), weights)
    with pytest.raises(TrainingError, match="all training examples have a weight of 0"):
        check_targets("binary", targets, np.array([0]), weights)

"""Metrics of a model on examples with targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import UNKNOWN, Examples
from seqcnn.errors import InputError
from seqcnn.models.bases import base_scores
from seqcnn.models.modelfile import Model
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged
from seqcnn.training.held_out import HeldOut
from seqcnn.training.judging import (
    base_metrics,
    binary_metrics,
    multiclass_metrics,
    poisson_metrics,
    regression_metrics,
)

Array = NDArray[np.float32]


def evaluate(
    model: Model,
    examples: Examples,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    undo: Callable[[Array], Array] | None = None,
) -> dict[str, Any]:
    """Judge a model on examples that it was not trained on.

    Parameters
    ----------
    model : Model
    examples : Examples
        With the columns of targets that the model has; its class numbers for several classes. Their weights, if they
        have such, weigh every metric.
    seed : int
        Of the bootstrap.
    batch_size : int
    undo : callable, optional
        Brings scores, shape (n, n_targets), to the scale that the targets have, where the model was trained on another.

    Returns
    -------
    dict
        For the name of each column of targets the metrics of its task, see :mod:`seqcnn.training.judging`. A target
        with one class only, or without values, has ``n`` and a ``problem`` instead. ``unscored`` counts examples with a
        target that have no score (empty sequences), where there are such; they are left out, and so are those of weight
        0. Of a network that scores bases, where it is known which are bound, also their metrics, ``bases_auroc`` and so
        on, see :func:`seqcnn.training.judging.base_metrics`.

    Raises
    ------
    InputError
        If the targets do not fit the model.
    """
    scores = _score(model, examples, batch_size)
    return _judge(model, examples, scores if undo is None else undo(scores), seed)


def evaluate_part(model: Model, examples: Examples, part: str, *, seed: int = 0) -> tuple[dict[str, Any], HeldOut]:
    """Judge a model as :func:`evaluate` does; return the metrics, and the scores under the name of the part."""
    scores = _score(model, examples)
    assert examples.targets is not None
    held_out = HeldOut(part, examples.names, examples.targets, scores, examples.weights)
    return _judge(model, examples, scores, seed), held_out


def _score(model: Model, examples: Examples, batch_size: int | None = None) -> Array:
    """Return the scores of examples with such targets as the model has, shape (n, n_scores)."""
    wanted = model.target_columns
    if examples.targets is None or examples.targets.shape[1] != len(wanted):
        n = 0 if examples.targets is None else examples.targets.shape[1]
        raise InputError(
            f"the data have {n} target{'s' * (n != 1)}, but the model has {len(wanted)} ({', '.join(wanted)})",
            hint="see --target-column",
        )
    return predict(model.network, examples.sequences, batch_size)


def _judge(model: Model, examples: Examples, scores: Array, seed: int) -> dict[str, Any]:
    assert examples.targets is not None
    of_each = [scores] if model.task == "multiclass" else list(scores.T)
    found = {
        name: judge(model.task, truth, score, seed, examples.weights, model.target_names)
        for name, truth, score in zip(model.target_columns, examples.targets.T, of_each, strict=True)
    }
    wanted = model.target_columns
    if model.network.gives_bases and model.task == "binary" and len(wanted) == 1 and examples.bound is not None:
        found[wanted[0]] |= _judge_bases(model, examples, examples.bound, seed)
    return found


def _judge_bases(model: Model, examples: Examples, bound: Ragged, seed: int) -> dict[str, Any]:
    """Return the metrics of bases that are known to be bound or not."""
    known = bound.data != UNKNOWN
    scores = base_scores(model.network, examples.sequences)[:, 0]
    row = np.repeat(np.arange(len(examples)), examples.sequences.lengths)
    weights = None if examples.weights is None else examples.weights[row][known]
    return base_metrics(bound.data[known], scores[known], row[known], seed, weights)


def judge(
    task: str, truth: Array, scores: Array, seed: int, weights: Array | None = None, classes: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the metrics of one target; examples without a value, a score, or any weight are left out.

    Parameters
    ----------
    task : str
    truth : ndarray, shape (n,)
    scores : ndarray, shape (n,), or (n, n_classes) for several classes
    seed : int
    weights : ndarray, shape (n,), optional
    classes : sequence of str
        Their names.
    """
    known = ~np.isnan(truth) if weights is None else ~np.isnan(truth) & (weights > 0)
    scored = ~np.isnan(scores if scores.ndim == 1 else scores[:, 0])
    _check(task, truth[known], len(classes))
    n_unscored = int(np.count_nonzero(known & ~scored))
    unscored = {"unscored": n_unscored} if n_unscored else {}
    rows = known & scored
    truth, scores, weights = truth[rows], scores[rows], None if weights is None else weights[rows]
    if task in ("binary", "multiclass") and len(np.unique(truth)) < 2:
        return {"n": len(truth), "problem": "one class only"} | unscored
    if len(truth) < 2:
        return {"n": len(truth), "problem": "fewer than two values"} | unscored
    if task == "multiclass":
        return multiclass_metrics(truth, scores, classes, seed, weights) | unscored
    judged = {"binary": binary_metrics, "poisson": poisson_metrics}.get(task, regression_metrics)
    return judged(truth, scores, seed, weights) | unscored


def _check(task: str, truth: Array, n_classes: int) -> None:
    """Refuse targets that are not such as the model predicts."""
    if task == "binary" and not np.isin(truth, (0, 1)).all():
        raise InputError("the model predicts 0 or 1, but the data have other targets")
    if task == "poisson" and (truth < 0).any():
        raise InputError(f"the model predicts counts, but the data have a target of {truth.min():g}")
    if task == "multiclass" and not np.isin(truth, np.arange(n_classes)).all():
        raise InputError(f"the model predicts one of {n_classes} classes, but the data have other targets")

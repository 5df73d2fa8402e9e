"""Metrics of a model on examples with targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.errors import InputError
from seqcnn.models.modelfile import Model
from seqcnn.models.predict import predict
from seqcnn.training.metrics import binary_metrics, regression_metrics


def evaluate(model: Model, examples: Examples, *, seed: int = 0, batch_size: int | None = None) -> dict[str, Any]:
    """Judge a model on examples that it was not trained on.

    Parameters
    ----------
    model : Model
    examples : Examples
        With as many targets as the model has.
    seed : int
        Of the bootstrap.
    batch_size : int

    Returns
    -------
    dict
        For each target's name the metrics of its task, see :mod:`seqcnn.training.metrics`. A target with one class
        only, or without values, has ``n`` and a ``problem`` instead. ``unscored`` counts examples with a target that
        have no score (empty sequences), where there are such; they are left out.

    Raises
    ------
    InputError
        If the targets do not fit the model.
    """
    if examples.targets is None or examples.targets.shape[1] != len(model.target_names):
        n = 0 if examples.targets is None else examples.targets.shape[1]
        wanted = f"{len(model.target_names)} ({', '.join(model.target_names)})"
        raise InputError(
            f"the data have {n} target{'s' * (n != 1)}, but the model has {wanted}", hint="see --target-column"
        )
    scores = predict(model.network, examples.sequences, batch_size)
    columns = zip(model.target_names, examples.targets.T, scores.T, strict=True)
    return {name: judge(model.task, truth, score, seed) for name, truth, score in columns}


def judge(task: str, truth: NDArray[np.float32], scores: NDArray[np.float32], seed: int) -> dict[str, Any]:
    """Return the metrics of one target; examples without a value, and those without a score, are left out."""
    known, scored = ~np.isnan(truth), ~np.isnan(scores)
    if task == "binary" and not np.isin(truth[known], (0, 1)).all():
        raise InputError("the model predicts 0 or 1, but the data have other targets")
    n_unscored = int(np.count_nonzero(known & ~scored))
    unscored = {"unscored": n_unscored} if n_unscored else {}
    truth, scores = truth[known & scored], scores[known & scored]
    if task == "binary":
        if len(np.unique(truth)) < 2:
            return {"n": len(truth), "problem": "one class only"} | unscored
        return binary_metrics(truth, scores, seed) | unscored
    if len(truth) < 2:
        return {"n": len(truth), "problem": "fewer than two values"} | unscored
    return regression_metrics(truth, scores, seed) | unscored

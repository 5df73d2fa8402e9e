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
        only, or without values, has ``n`` and a ``problem`` instead.

    Raises
    ------
    InputError
        If the targets do not fit the model.
    """
    if examples.targets is None or examples.targets.shape[1] != len(model.target_names):
        n = 0 if examples.targets is None else examples.targets.shape[1]
        raise InputError(f"the data have {n} targets, but the model has {len(model.target_names)}")
    scores = predict(model.network, examples.sequences, batch_size)
    columns = zip(model.target_names, examples.targets.T, scores.T, strict=True)
    return {name: judge(model.task, truth, score, seed) for name, truth, score in columns}


def judge(task: str, truth: NDArray[np.float32], scores: NDArray[np.float32], seed: int) -> dict[str, Any]:
    """Return the metrics of one target, examples without a value left out."""
    there = ~np.isnan(truth)
    truth, scores = truth[there], scores[there]
    if task == "binary":
        if not np.isin(truth, (0, 1)).all():
            raise InputError("the model predicts 0 or 1, but the data have other targets")
        if len(np.unique(truth)) < 2:
            return {"n": len(truth), "problem": "one class only"}
        return binary_metrics(truth, scores, seed)
    if len(truth) < 2:
        return {"n": len(truth), "problem": "fewer than two values"}
    return regression_metrics(truth, scores, seed)

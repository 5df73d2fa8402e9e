"""What is done to targets and weights so that they train well, and undone in the trained scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.models.network import Network

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How scores of a task come from those in training: times `scale`, plus `shift`.

    Parameters
    ----------
    task : str
    shift, scale : ndarray of float64, shape (n_targets,)
        Mean and standard deviation of the targets (regression), or the log of their mean and 1 (poisson): counts are
        divided by their mean, which divides the loss by it and changes nothing else. 0 and 1 for classes.
    """

    task: str
    shift: Values
    scale: Values

    def apply(self, examples: Examples) -> Examples:
        """Return the examples with targets as they are in training, and weights whose mean is 1."""
        assert examples.targets is not None
        targets, weights = examples.targets, examples.weights
        if self.task == "regression":
            targets = ((targets - self.shift) / self.scale).astype(np.float32)
        elif self.task == "poisson":
            targets = (targets / np.exp(self.shift)).astype(np.float32)
        if weights is not None and (total := weights.sum(dtype=np.float64)) > 0:
            weights = (weights * (len(weights) / total)).astype(np.float32)
        return replace(examples, targets=targets, weights=weights)

    def undo(self, network: Network) -> None:
        """Have a trained network give scores of the task."""
        if self.task in ("regression", "poisson"):
            network.rescale(torch.as_tensor(self.scale), torch.as_tensor(self.shift))


def find_scaling(task: str, examples: Examples) -> Scaling:
    """Return the scaling for a training set; targets that do not vary, or have no value, are left as they are.

    In float64: in float32 the squares of tiny or huge targets are 0 or infinite.
    """
    assert examples.targets is not None
    exact = examples.targets.astype(np.float64)
    n_targets = exact.shape[1]
    if task not in ("regression", "poisson"):
        return Scaling(task, np.zeros(n_targets), np.ones(n_targets))
    mean = _mean(exact, examples.weights)
    if task == "poisson":
        return Scaling(task, np.log(np.where(mean > 0, mean, 1)), np.ones(n_targets))
    spread = np.sqrt(_mean((exact - mean) ** 2, examples.weights))
    return Scaling(task, mean, np.where(spread > 0, spread, 1))


def _mean(values: Values, weights: NDArray[Any] | None) -> Values:
    """Return the weighted mean of each column over what is there, 0 if nothing is."""
    there = ~np.isnan(values)
    weight = there if weights is None else there * weights[:, None].astype(np.float64)
    total = weight.sum(0)
    mean: Values = (np.where(there, values, 0) * weight).sum(0) / np.where(total > 0, total, 1)
    return mean

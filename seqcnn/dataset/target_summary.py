"""What training has to know of all targets together, gathered chunk by chunk."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.sequence.ragged import Ragged

MOST_VALUES: Final = 1000
"""Different values that are counted; in a target with more no single one matters."""

Exact = NDArray[np.float64]


@dataclass(slots=True)
class Column:
    """One target.

    Parameters
    ----------
    total : float
        Weight of the examples that have it.
    mean, squares : float
        Its weighted mean, and the weighted sum of its squared distances from that.
    low : float
        Its smallest value.
    counts : dict
        For each of its values how many examples have it, and their weight; None if there are too many.
    """

    total: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    counts: dict[float, tuple[int, float]] | None = field(default_factory=dict)

    def add(self, values: Exact, weights: Exact) -> None:
        """Take values and the weights of their examples.

        Means and squares of parts are brought together as by Chan, Golub and LeVeque 1983,
        doi:10.1080/00031305.1983.10483115.
        """
        known = ~np.isnan(values)
        values, weights = values[known], weights[known]
        if not len(values):
            return
        if (weight := float(weights.sum())) > 0:
            mean = float(values @ weights) / weight
            apart, total = mean - self.mean, self.total + weight
            self.squares += float(np.square(values - mean) @ weights) + apart * apart * self.total * weight / total
            self.mean += apart * weight / total
            self.total = total
            self.low = min(self.low, float(values[weights > 0].min()))
        if self.counts is None:
            return
        found, at = np.unique(values, return_inverse=True)
        numbers = np.bincount(at).tolist(), np.bincount(at, weights).tolist()
        for value, count, weight in zip(found.tolist(), *numbers, strict=True):
            before = self.counts.get(value, (0, 0.0))
            self.counts[value] = before[0] + count, before[1] + weight
        if len(self.counts) > MOST_VALUES:
            self.counts = None

    def sketch(self) -> list[tuple[float, float]]:
        """Return all values with their weights if they were counted; else the smallest and another one.

        The weights of these two are such that mean and deviation are those of all.
        """
        if self.counts is not None:
            return [(value, weight) for value, (_, weight) in sorted(self.counts.items())]
        above, variance = self.mean - self.low, self.squares / max(self.total, 1e-300)
        if not above > 0:
            return [(self.mean, self.total)]
        share = variance / (variance + above * above)
        return [(self.low, self.total * share), (self.mean + variance / above, self.total * (1 - share))]


class TargetSummary:
    """The targets of a set of examples.

    Parameters
    ----------
    n_targets : int

    Attributes
    ----------
    columns : list of Column
    complete : bool
        No target is missing.
    n : int
        Examples.
    weight : float
        Theirs together.
    """

    def __init__(self, n_targets: int) -> None:
        self.columns = [Column() for _ in range(n_targets)]
        self.complete, self.n, self.weight = True, 0, 0.0

    def add(self, examples: Examples) -> None:
        """Take examples with targets."""
        assert examples.targets is not None
        targets = examples.targets.astype(np.float64)
        weights = np.ones(len(examples)) if examples.weights is None else examples.weights.astype(np.float64)
        self.complete &= not bool(np.isnan(targets).any())
        self.n += len(examples)
        self.weight += float(weights.sum())
        for column, values in zip(self.columns, targets.T, strict=True):
            column.add(values, weights)

    def sketch(self) -> Examples:
        """Return few examples, without a letter, whose weighted targets have the same counts, means and deviations.

        Each has a value of one target; the others are missing.
        """
        rows = [(i, *both) for i, column in enumerate(self.columns) for both in column.sketch()]
        targets = np.full((len(rows), len(self.columns)), np.nan, dtype=np.float32)
        for row, (i, value, _) in zip(targets, rows, strict=True):
            row[i] = value
        nothing = Ragged(np.zeros(0, dtype=np.uint8), np.zeros(len(rows) + 1, dtype=np.int64))
        origin = np.full(len(rows), Origin.GIVEN, dtype=np.uint8)
        weights = np.array([weight for *_, weight in rows], dtype=np.float32)
        return Examples(nothing, nothing, targets, origin, weights=weights)

    def count(self, target: int, value: float) -> int:
        """Return how many examples have this value of a target; 0 if its values are too many to count."""
        counts = self.columns[target].counts or {}
        return counts.get(value, (0, 0.0))[0]

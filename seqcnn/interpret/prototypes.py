"""Classes from a handful of sequences: a new one belongs to the class whose mean features are nearest to its own.

Snell, Swersky and Zemel 2017, arXiv:1703.05175 (prototypical networks), equations 1 and 2, on features that a network
has learnt for something else. They are centred on the mean of the reference and scaled to length 1 first, after Wang,
Chao, Weinberger and van der Maaten 2019, arXiv:1911.04623 (SimpleShot, "CL2N"): else what all sites have in common
rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import SeqcnnError, UsageError

METRICS: Final = ("cosine", "euclidean")

MOST_LEFT_OUT: Final = 1000
"""Sequences of the reference that are judged by the others; more tell nothing new."""

_TEMPERATURES: Final = (0.01, 100.0)

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near sequences are to classes.

    Parameters
    ----------
    values : ndarray of float64, shape (n, n_classes)
        Cosine similarities, from -1 to 1, or Euclidean distances; NaN for a sequence without features.
    probability : ndarray of float64, shape (n, n_classes)
        They sum to 1.
    nearest : ndarray of int, shape (n,)
        Number of the class; -1 for a sequence without features.
    """

    values: Exact
    probability: Exact
    nearest: Numbers


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """What the classes of sequences of the reference are taken for by the prototypes of the others.

    Parameters
    ----------
    truth, called : ndarray of int, shape (n,)
        Classes of the sequences that were judged: at most :data:`MOST_LEFT_OUT`, none that is alone in its class.
    temperature : float
        What similarities are divided by before the softmax: that under which the log loss is least.
    """

    truth: Numbers
    called: Numbers
    temperature: float

    @property
    def accuracy(self) -> float:
        """Share of sequences that fall to their own class; NaN if none could be judged."""
        return float((self.truth == self.called).mean()) if len(self.truth) else float("nan")


class Prototypes:
    """The mean normalised features of each class.

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
        Of the reference.
    classes : ndarray of int, shape (n,)
        Numbers of `names`.
    names : sequence of str
    metric : str
        One of :data:`METRICS`.
    temperature : float, optional
        Of the softmax; found by leaving out one sequence at a time if not said.

    Attributes
    ----------
    left_out : LeaveOneOut

    Raises
    ------
    UsageError, SeqcnnError
        If there is no such metric, a class has no sequence, or there are fewer than two classes.
    """

    def __init__(
        self,
        features: Floats,
        classes: Numbers,
        names: Sequence[str],
        *,
        metric: str = "cosine",
        temperature: float | None = None,
    ) -> None:
        if metric not in METRICS:
            raise UsageError(f"unknown metric {metric!r}; there are: {', '.join(METRICS)}")
        if len(names) < 2:
            raise SeqcnnError(f"the reference has only one class, {names[0]!r}: there is nothing to tell apart")
        self.names, self.metric = tuple(names), metric
        self.counts = np.bincount(classes, minlength=len(names))
        if not self.counts.all():
            raise SeqcnnError(f"the class {names[int(self.counts.argmin())]!r} of the reference has no sequence")
        exact = features.astype(np.float64)
        self.centre = exact.mean(0)
        self.prototypes = _class_means(_normalised(exact, self.centre), classes, self.counts)
        self.left_out = self._leave_one_out(exact, classes, temperature)

    def classify(self, features: Floats) -> Nearness:
        """Hold features, shape (n, n_features), against the prototypes."""
        own = _normalised(features.astype(np.float64), self.centre)
        agreement = _agreement(own, self.prototypes, self.metric)
        missing = np.isnan(agreement[:, 0])
        values = agreement if self.metric == "cosine" else np.sqrt(-agreement)
        nearest = np.where(missing, -1, agreement.argmax(1))
        return Nearness(values, _softmax(agreement / self.left_out.temperature), nearest)

    def _leave_one_out(self, exact: Exact, classes: Numbers, temperature: float | None) -> LeaveOneOut:
        """Judge each sequence by the centre and the prototypes of the others."""
        judged = np.flatnonzero(self.counts[classes] > 1)
        if len(judged) > MOST_LEFT_OUT:
            judged = judged[np.linspace(0, len(judged) - 1, MOST_LEFT_OUT).round().astype(np.intp)]
        agreement = np.empty((len(judged), len(self.names)))
        for i, row in enumerate(judged):
            others = np.delete(exact, row, axis=0)
            kinds = np.delete(classes, row)
            centre = others.mean(0)
            means = _class_means(_normalised(others, centre), kinds, np.bincount(kinds, minlength=len(self.names)))
            agreement[i] = _agreement(_normalised(exact[row : row + 1], centre), means, self.metric)[0]
        truth = classes[judged]
        if temperature is None:
            temperature = _best_temperature(agreement, truth, self.counts) if len(judged) else 1.0
        called = agreement.argmax(1) if len(judged) else np.zeros(0, dtype=np.intp)
        return LeaveOneOut(truth, called, temperature)


def _normalised(features: Exact, centre: Exact) -> Exact:
    """Return features less the centre, of length 1; 0 where nothing is left."""
    apart = features - centre
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    normalised: Exact = apart / np.where(length == 0, 1, length)
    return normalised


def _class_means(features: Exact, classes: Numbers, counts: NDArray[Any]) -> Exact:
    sums = np.zeros((len(counts), features.shape[1]))
    np.add.at(sums, classes, features)
    means: Exact = sums / counts[:, None]
    return means


def _agreement(features: Exact, prototypes: Exact, metric: str) -> Exact:
    """Return cosine similarities, or squared distances below 0: what the softmax is taken of (Snell 2017, eq. 2)."""
    products = features @ prototypes.T
    sizes = np.linalg.norm(prototypes, axis=1)
    if metric == "cosine":
        cosine: Exact = np.clip(products / np.where(sizes == 0, 1, sizes), -1, 1)
        return cosine
    squared = (features**2).sum(1, keepdims=True) + sizes**2 - 2 * products
    below: Exact = -np.maximum(squared, 0)
    return below


def _softmax(logits: Exact) -> Exact:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    shares: Exact = raised / raised.sum(1, keepdims=True)
    return shares


def _best_temperature(agreement: Exact, truth: Numbers, counts: NDArray[Any]) -> float:
    """Return the temperature of the least log loss.

    The truth counts as (n + 1) / (n + n_classes) of a class of n, as in Platt scaling (Platt 1999, "Probabilistic
    outputs for support vector machines"): else classes that are told apart without error would have probability 1.
    """
    from scipy.optimize import minimize_scalar

    n_classes = agreement.shape[1]
    wanted = np.repeat(1 / (counts[truth, None] + n_classes), n_classes, axis=1)
    wanted[np.arange(len(truth)), truth] = (counts[truth] + 1) / (counts[truth] + n_classes)

    def loss(log_temperature: float) -> float:
        shares = _softmax(agreement / np.exp(log_temperature))
        return -float((wanted * np.log(np.maximum(shares, 1e-300))).sum(1).mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(_TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))

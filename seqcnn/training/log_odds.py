"""Scores as log-odds: margins, as the hinge loss leaves them, are scaled and shifted so that they say probabilities.

For two classes this is Platt scaling (Platt 1999, "Probabilistic outputs for support vector machines", section 2): the
probability is a logistic function of the margin, its two parameters found by maximum likelihood, with targets that are
off 0 and 1 by what a prior of one more example of each class makes of them. For several classes one factor and a shift
for each class, before the softmax (Alexandari, Kundaje and Shrikumar 2020, arXiv:1901.06852, section 3.2). The factor
is above 0, so that no order changes; each member, and each target, has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.part_rule import TRAIN
from seqcnn.dataset.streamed import Streamed
from seqcnn.models.network import Network
from seqcnn.training.parallel import member_scores

Values = NDArray[np.float64]

SMALLEST: Final = 1e-6
"""The least factor: where margins say nothing, or the opposite, probabilities are all but those of the classes."""

ENOUGH: Final = 20_000
"""Training examples that are scored where none validate, at most."""


def give_log_odds(network: Network, task: str, training: Examples | Streamed, valid: Examples | None) -> None:
    """Have a network that was trained by the hinge loss score in log-odds.

    Parameters
    ----------
    network : Network
        Finished; its last layer is changed.
    task : {"binary", "multiclass"}
    training : Examples or Streamed
        What is scored where no examples validate, or those lack a class.
    valid : Examples or None
    """
    n_scores = network.settings.n_targets
    sources = [each for each in (valid, training) if each is not None]
    scored: dict[int, tuple[NDArray[np.float32], Examples]] = {}
    columns = [(0, list(range(n_scores)))] if task == "multiclass" else [(i, [i]) for i in range(n_scores)]
    scale, shift = np.ones((2, network.settings.n_members, n_scores))
    shift[:] = 0
    for target, of_target in columns:
        for number, source in enumerate(sources):
            if number not in scored:
                examples = _sample(source) if isinstance(source, Streamed) else source
                scored[number] = member_scores(network, examples.sequences), examples
            scores, examples = scored[number]
            assert examples.targets is not None
            there = ~np.isnan(examples.targets[:, target])
            truth = examples.targets[there, target]
            if len(np.unique(truth)) == max(2, len(of_target)) or number + 1 == len(sources):
                break
        weights = None if examples.weights is None else examples.weights[there]
        for member, margins in enumerate(scores[:, there][:, :, of_target].astype(np.float64)):
            scale[member, of_target], shift[member, of_target] = (
                fit_classes(margins, truth.astype(np.intp), weights)
                if task == "multiclass"
                else fit_two(margins[:, 0], truth, weights)
            )
    network.rescale(torch.from_numpy(scale), torch.from_numpy(shift))


def _sample(streamed: Streamed) -> Examples:
    """Return training examples of blocks from all over a dataset."""
    filled = np.flatnonzero(streamed.n_in_block[TRAIN])
    blocks = np.random.default_rng([streamed.seed, 13]).permutation(filled)
    enough = int(np.searchsorted(np.cumsum(streamed.n_in_block[TRAIN][blocks]), ENOUGH)) + 1
    return streamed.read(sorted(blocks[:enough].tolist()))[0]


def fit_two(margins: Values, truth: NDArray[Any], weights: NDArray[Any] | None = None) -> tuple[float, float]:
    """Return factor and shift by which margins are log-odds.

    Parameters
    ----------
    margins : ndarray, shape (n,)
    truth : ndarray of 0 and 1, shape (n,)
    weights : ndarray, shape (n,), optional
    """
    weight = np.ones(len(truth)) if weights is None else weights.astype(np.float64)
    positive, negative = float(weight @ truth), float(weight @ (1 - truth))
    wanted = np.where(truth == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(at: Values) -> tuple[float, Sequence[float]]:
        score = at[0] * margins + at[1]
        off = weight * (1 / (1 + np.exp(-np.clip(score, -700, 700))) - wanted)
        return float(weight @ (np.logaddexp(0, score) - wanted * score)), [float(off @ margins), float(off.sum())]

    factor, shift = _least(loss, np.array([1.0, 0.0]))
    return float(factor), float(shift)


def fit_classes(margins: Values, truth: NDArray[np.intp], weights: NDArray[Any] | None = None) -> tuple[float, Values]:
    """Return a factor, and the shift of each class, by which the softmax of margins is the classes' probabilities.

    Parameters
    ----------
    margins : ndarray, shape (n, n_classes)
    truth : ndarray of class numbers, shape (n,)
    weights : ndarray, shape (n,), optional
    """
    weight = np.ones(len(truth)) if weights is None else weights.astype(np.float64)
    n_classes = margins.shape[1]
    wanted = np.eye(n_classes)[truth]
    # One more example, spread over the classes, keeps the shift of a class that is not there within the numbers.
    prior = 1 / n_classes

    def loss(at: Values) -> tuple[float, Sequence[float]]:
        score = at[0] * margins + at[1:]
        log_p = score - np.logaddexp.reduce(score, axis=1, keepdims=True)
        off = weight[:, None] * (np.exp(log_p) - wanted)
        log_q = at[1:] - np.logaddexp.reduce(at[1:])
        of_shift = off.sum(0) + np.exp(log_q) - prior
        return -float(weight @ (wanted * log_p).sum(1)) - prior * float(log_q.sum()), [
            float((off * margins).sum()),
            *of_shift.tolist(),
        ]

    factor, *shift = _least(loss, np.concatenate([[1.0], np.zeros(n_classes)]))
    return float(factor), np.array(shift) - np.mean(shift)


def _least(loss: Any, start: Values) -> Values:
    """Return where a convex loss is least, the first number being above 0."""
    from scipy.optimize import minimize

    bounds = [(SMALLEST, None)] + [(None, None)] * (len(start) - 1)
    found: Values = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13}).x
    return found

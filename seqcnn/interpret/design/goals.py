"""What scores are wanted of which models, as one number to be raised, and the scores of all single substitutions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcnn.errors import UsageError
from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models.network import Network
from seqcnn.models.one_hot_form import OneHotForm
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged

GOALS: Final = ("raise", "lower", "target=X", "above=X", "below=X")

LETTERS_AT_ONCE: Final = 1 << 16
"""Bases whose substitutions are scored at a time."""

_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

Array = TypeVar("Array", NDArray[np.float64], Tensor)
Codes = NDArray[np.uint8]
Exact = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted of a score.

    Parameters
    ----------
    kind : {"raise", "lower", "target", "above", "below"}
        The higher, or the lower, the better; the nearer to a value; or at least, or at most, a value, and no better
        beyond it.
    value : float
    weight : float
        What the goal counts beside others.
    """

    kind: str
    value: float = 0.0
    weight: float = 1.0

    def utility(self, score: Array) -> Array:
        """Return how good scores are, of any shape: the higher, the better."""
        if self.kind == "raise":
            good = score
        elif self.kind == "lower":
            good = -score
        elif self.kind == "target":
            good = -abs(score - self.value)
        elif self.kind == "above":
            good = -(self.value - score).clip(min=0)
        else:
            good = -(score - self.value).clip(min=0)
        return good * self.weight


def parse_goal(text: str, weight: float = 1.0) -> Goal:
    """Read a goal as it stands in :data:`GOALS`.

    Raises
    ------
    UsageError
    """
    if text in ("raise", "lower"):
        return Goal(text, weight=weight)
    found = re.fullmatch(rf"(target|above|below)=({_NUMBER})", text)
    if found is None:
        raise UsageError(f"unknown goal {text!r}; there are: {', '.join(GOALS)}")
    return Goal(found[1], float(found[2]), weight)


@dataclass(frozen=True, slots=True)
class Term:
    """One score that something is wanted of.

    Parameters
    ----------
    name : str
    network : Network
        In evaluation mode.
    target : int
        Which of its scores.
    task : str
        One of :data:`seqcnn.models.tasks.TASKS`. Of several classes (multiclass) it is the log-odds of one of them
        against all others, as their scores are known up to a constant only.
    goal : Goal
    """

    name: str
    network: Network
    target: int
    task: str
    goal: Goal

    def of(self, scores: NDArray[Any]) -> Exact:
        """Return the score that counts, shape (...), of those of all targets, shape (..., n_targets)."""
        exact: Exact = scores.astype(np.float64)
        if self.task != "multiclass":
            return exact[..., self.target]
        others = np.delete(exact, self.target, axis=-1)
        top = others.max(-1)
        odds: Exact = exact[..., self.target] - top - np.log(np.exp(others - top[..., None]).sum(-1))
        return odds

    def of_tensor(self, scores: Tensor) -> Tensor:
        """Do as :meth:`of` with tensors."""
        if self.task != "multiclass":
            return scores[..., self.target]
        others = [i for i in range(scores.shape[-1]) if i != self.target]
        return scores[..., self.target] - scores[..., others].logsumexp(-1)


class Objective:
    """All that is wanted: the sum of the terms' utilities is to be raised.

    Parameters
    ----------
    terms : sequence of Term
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = tuple(terms)
        self.networks = list({id(term.network): term.network for term in terms}.values())
        self._number = {id(network): i for i, network in enumerate(self.networks)}
        self._forms: dict[int, nn.Module] = {}

    def utility(self, scores: Exact) -> Exact:
        """Return how good scores, shape (..., n_terms), are together, shape (...)."""
        parts = [term.goal.utility(scores[..., i]) for i, term in enumerate(self.terms)]
        total: Exact = np.sum(parts, axis=0)
        return total

    def scores(self, codes: Codes) -> Exact:
        """Score sequences of one length, shape (n, length); return (n, n_terms)."""
        found = [predict(network, _ragged(codes)) for network in self.networks]
        return np.stack([term.of(found[self._number[id(term.network)]]) for term in self.terms], axis=-1)

    def substitutions(self, codes: Codes) -> tuple[Exact, Exact]:
        """Score sequences, and all with one base replaced, exactly.

        Parameters
        ----------
        codes : ndarray of uint8, shape (n, length)
            No N.

        Returns
        -------
        scores : ndarray of float64, shape (n, n_terms)
        mutants : ndarray of float64, shape (n, length, 4, n_terms)
        """
        n, length = codes.shape
        mutants = np.empty((n, length, 4, len(self.terms)))
        scores = np.empty((n, len(self.terms)))
        size = max(1, LETTERS_AT_ONCE // length)
        for rows in (slice(first, first + size) for first in range(0, n, size)):
            found = [substitutions(network, _ragged(codes[rows])) for network in self.networks]
            for i, term in enumerate(self.terms):
                of = found[self._number[id(term.network)]]
                scores[rows, i] = term.of(of.reference)
                change = of.change.reshape(-1, length, 4, of.change.shape[-1])
                mutants[rows, :, :, i] = term.of(of.reference[:, None, None] + change)
        return scores, mutants

    def relaxed(self, x: Tensor) -> Tensor:
        """Return the utility, shape (n,), of rows of probabilities, shape (n, 4, length), differentiable by them."""
        found = [self._form(i)(x.to(network.output_bias)) for i, network in enumerate(self.networks)]
        parts = [term.goal.utility(term.of_tensor(found[self._number[id(term.network)]]).to(x)) for term in self.terms]
        return torch.stack(parts).sum(0)

    def _form(self, number: int) -> nn.Module:
        """Return a network as a function of one-hot sequences."""
        if number not in self._forms:
            self._forms[number] = OneHotForm(self.networks[number]).eval().requires_grad_(False)
        return self._forms[number]


def _ragged(codes: Codes) -> Ragged:
    n, length = codes.shape
    return Ragged(np.ascontiguousarray(codes).reshape(-1), np.arange(n + 1, dtype=np.int64) * length)

"""Design: from starts of any lengths to sequences and the way to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.interpret.design.goals import Objective
from seqcnn.interpret.design.gradient import dream
from seqcnn.interpret.design.greedy import Path, climb, walk
from seqcnn.interpret.design.rules import Rules, gc_bounds
from seqcnn.interpret.design.starts import Start

METHODS: Final = ("greedy", "gradient")

AT_ONCE: Final = 1 << 14
"""Bases of sequences that are worked on side by side."""


@dataclass(frozen=True, slots=True)
class DesignOptions:
    """How sequences are designed.

    Parameters
    ----------
    method : str
        "greedy": the best substitution, one after another. "gradient": that, and a sequence found by the gradient, from
        there greedy; the better of both.
    edits : int or None
        Most places that may differ from the start; None for all.
    gc : (float, float)
        Least and greatest share of G and C.
    min_gain : float
        Steps that raise the objective by no more than this are not made.
    n_steps : int
        Of the gradient.
    seed : int
    """

    method: str = "greedy"
    edits: int | None = None
    gc: tuple[float, float] = (0.0, 1.0)
    min_gain: float = 0.0
    n_steps: int = 200
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Designed:
    """A designed sequence.

    Parameters
    ----------
    name : str
    start, codes : ndarray of uint8, shape (length,)
    path : Path
        From one to the other.
    """

    name: str
    start: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    path: Path

    @property
    def n_edits(self) -> int:
        """Places that differ."""
        return int((self.start != self.codes).sum())


def design(
    objective: Objective,
    starts: Sequence[Start],
    options: DesignOptions,
    done: Callable[[int], None] = lambda n: None,
) -> list[Designed]:
    """Design a sequence from each start, in their order.

    Parameters
    ----------
    objective : Objective
    starts : sequence of Start
    options : DesignOptions
    done : callable
        Is told, now and then, how many more sequences are finished.

    Raises
    ------
    UsageError
        If there is no such method, or the rules cannot be kept.
    """
    if options.method not in METHODS:
        raise UsageError(f"unknown method {options.method!r}; there are: {', '.join(METHODS)}")
    lengths = np.array([len(start.codes) for start in starts])
    groups = []
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        size = max(1, AT_ONCE // length)
        groups += [rows[first : first + size] for first in range(0, len(rows), size)]
    every = [_rules([starts[row] for row in rows], options) for rows in groups]  # all are checked before any work
    found: dict[int, Designed] = {}
    for rows, rules in zip(groups, every, strict=True):
        codes, paths = _designed(objective, rules, rows, options)
        for row, end, path in zip(rows.tolist(), codes, paths, strict=True):
            found[row] = Designed(starts[row].name, starts[row].codes, end, path)
        done(len(rows))
    return [found[row] for row in range(len(starts))]


def _rules(starts: Sequence[Start], options: DesignOptions) -> Rules:
    codes = np.stack([start.codes for start in starts])
    length = codes.shape[1]
    edits = length if options.edits is None else min(options.edits, length)
    rules = Rules(codes, np.stack([start.allowed for start in starts]), edits, gc_bounds(*options.gc, length))
    rules.check([start.name for start in starts])
    return rules


def _designed(
    objective: Objective, rules: Rules, rows: NDArray[np.intp], options: DesignOptions
) -> tuple[NDArray[np.uint8], list[Path]]:
    """Design sequences of one length; `rows` are their numbers among all."""
    greedy, paths = climb(objective, rules.start, rules, min_gain=options.min_gain)
    if options.method == "greedy":
        return greedy, paths
    codes = rules.start
    if rules.excess(codes).any():
        codes, _ = climb(objective, codes, rules, only_mend=True)
    seeds = np.stack([np.full(len(rows), options.seed), rows], axis=1).astype(np.int64)
    codes = dream(objective, codes, rules, n_steps=options.n_steps, seeds=seeds)
    codes, _ = climb(objective, codes, rules, min_gain=options.min_gain)
    better = np.flatnonzero(objective.utility(objective.scores(codes)) > objective.utility(objective.scores(greedy)))
    if len(better):
        for row, path in zip(better.tolist(), walk(objective, rules.start[better], codes[better]), strict=True):
            greedy[row], paths[row] = codes[row], path
    return greedy, paths

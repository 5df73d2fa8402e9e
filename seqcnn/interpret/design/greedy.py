"""One substitution after another, each the best there is by the exact scores of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.interpret.design.goals import Objective
from seqcnn.interpret.design.rules import Rules

ROUNDING: Final = 1e-5
"""Gains up to this share of the utility may be rounding, and are none."""

Codes = NDArray[np.uint8]
Exact = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Step:
    """One substitution.

    Parameters
    ----------
    position : int
        0-based.
    reference, alternate : int
        Codes.
    scores : ndarray of float64, shape (n_terms,)
        Of the sequence after it.
    """

    position: int
    reference: int
    alternate: int
    scores: Exact


@dataclass(slots=True)
class Path:
    """How a sequence became another.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_terms,)
        Of the first.
    steps : list of Step
    """

    scores: Exact
    steps: list[Step] = field(default_factory=list)

    @property
    def last_scores(self) -> Exact:
        """Scores of the last sequence."""
        return self.steps[-1].scores if self.steps else self.scores


def climb(
    objective: Objective, codes: Codes, rules: Rules, *, min_gain: float = 0.0, only_mend: bool = False
) -> tuple[Codes, list[Path]]:
    """Make the best substitution that the rules permit, of each sequence, until none is a gain.

    A sequence whose GC content is out of its bounds is brought within them first, by the substitutions that gain most,
    or lose least. Every step is scored anew; one that turns out to be no gain is taken back.

    Parameters
    ----------
    objective : Objective
    codes : ndarray of uint8, shape (n, length)
        Where to begin, which need not be the rules' start.
    rules : Rules
    min_gain : float
        Steps that raise the utility by no more than this are not made.
    only_mend : bool
        Stop when the GC content is within its bounds.

    Returns
    -------
    codes : ndarray of uint8, shape (n, length)
    paths : list of Path
    """
    codes = codes.copy()
    paths: list[Path] = []
    active = np.arange(len(codes))
    before = np.full(len(codes), -np.inf)
    while len(active):
        scores, mutants = objective.substitutions(codes[active])
        utility = objective.utility(scores)
        if not paths:
            paths = [Path(first) for first in scores]
        better = utility > before[active]
        for row, now, good in zip(active, scores, better, strict=True):
            _settle(paths[row], now, codes[row], keep=bool(good))
        before[active] = utility
        broken = rules.take(active).excess(codes[active]) != 0
        possible = rules.take(active).possible(codes[active])
        after = np.where(possible, objective.utility(mutants), -np.inf).reshape(len(active), -1)
        best = after.argmax(1)
        gain = after.max(1) - utility
        wanted = (gain > np.maximum(min_gain, ROUNDING * (1 + abs(utility)))) & (not only_mend)
        going = better & np.where(broken, gain > -np.inf, wanted)
        for row, flat in zip(active[going], best[going], strict=True):
            place, letter = divmod(int(flat), 4)
            paths[row].steps.append(Step(place, int(codes[row, place]), letter, scores[0]))
            codes[row, place] = letter
        before[active[going & broken]] = -np.inf  # what mends the GC content may cost
        active = active[going]
    return codes, paths


def _settle(path: Path, scores: Exact, codes: Codes, *, keep: bool) -> None:
    """Put the scores of a sequence to its last step, or take the step back."""
    if not path.steps:
        return
    last = path.steps.pop()
    if keep:
        path.steps.append(Step(last.position, last.reference, last.alternate, scores))
    else:
        codes[last.position] = last.reference


def walk(objective: Objective, start: Codes, end: Codes) -> list[Path]:
    """Order the substitutions that lead from each sequence to another, at each step the best of those left.

    Parameters
    ----------
    objective : Objective
    start, end : ndarray of uint8, shape (n, length)
    """
    codes = start.copy()
    paths: list[Path] = []
    active = np.arange(len(codes))
    while len(active):
        scores, mutants = objective.substitutions(codes[active])
        if not paths:
            paths = [Path(first) for first in scores]
        for row, now in zip(active, scores, strict=True):
            _settle(paths[row], now, codes[row], keep=True)
        left = (codes[active] != end[active])[:, :, None] & (end[active][:, :, None] == np.arange(4))
        going = left.any((1, 2))
        after = np.where(left, objective.utility(mutants), -np.inf).reshape(len(active), -1)
        for row, flat in zip(active[going], after.argmax(1)[going], strict=True):
            place, letter = divmod(int(flat), 4)
            paths[row].steps.append(Step(place, int(codes[row, place]), letter, scores[0]))
            codes[row, place] = letter
        active = active[going]
    return paths

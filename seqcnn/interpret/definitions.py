"""How a change of the score is expressed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.models import tasks

DEFINITIONS: Final = ("difference", "deepbind", "log-odds", "response")
"""See :func:`express`."""

Floats = NDArray[np.floating[Any]]


def check_definition(definition: str, task: str) -> None:
    """Raise UsageError if there is no such definition, or it means nothing for models of this task."""
    if definition not in DEFINITIONS:
        raise UsageError(f"unknown definition {definition!r} of a change; there are: {', '.join(DEFINITIONS)}")
    if definition == "log-odds" and tasks.RESPONSES.get(task) != "probability":
        raise UsageError(f"a {task} model predicts no probabilities, so that there are no log-odds; say difference")
    if definition == "response" and task not in tasks.RESPONSES:
        raise UsageError(f"what a {task} model predicts is the score itself; say difference")


def express(definition: str, task: str, reference: Floats, change: Floats) -> NDArray[np.floating[Any]]:
    """Express changes of the score.

    ==========  =====================================================================================================
    difference  S_mut - S_wt, of the model's score.
    deepbind    (S_mut - S_wt) max(0, sign(max(S_wt, S_mut))): 0 unless one of the two scores is positive. DeepBind's
                mutation maps (Alipanahi et al. 2015, doi:10.1038/nbt.3300, Online Methods).
    log-odds    logit(p_mut) - logit(p_wt), natural logarithm, as in DeepSEA (Zhou and Troyanskaya 2015,
                doi:10.1038/nmeth.3547). For a binary target the score is the log-odds, and this is the difference.
    response    p_mut - p_wt, of what the score stands for: a probability, or a rate (task poisson).
    ==========  =====================================================================================================

    Parameters
    ----------
    definition : str
        One of :data:`DEFINITIONS`.
    task : str
        One of :data:`seqcnn.models.tasks.TASKS`.
    reference, change : ndarray, shape (..., n_targets)
        S_wt and S_mut - S_wt; they must broadcast.

    Raises
    ------
    UsageError
        See :func:`check_definition`.
    """
    check_definition(definition, task)
    if definition == "difference" or (definition == "log-odds" and task == "binary"):
        return change
    mutant = reference + change
    if definition == "deepbind":
        shown: Floats = np.where(np.maximum(reference, mutant) <= 0, change.dtype.type(0), change)
        return shown
    if definition == "response":
        return tasks.respond(task, mutant) - tasks.respond(task, reference)
    return _log_odds(mutant) - _log_odds(reference)


def _log_odds(scores: Floats) -> NDArray[np.float64]:
    """Return the log-odds of each class against the others, of scores whose softmax is the probability."""
    from scipy.special import logsumexp

    exact = scores.astype(np.float64)
    others = [logsumexp(np.delete(exact, i, axis=-1), axis=-1) for i in range(exact.shape[-1])]
    odds: NDArray[np.float64] = exact - np.stack(others, axis=-1)
    return odds

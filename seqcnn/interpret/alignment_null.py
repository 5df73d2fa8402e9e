"""How good the best alignment of a query with a random target is: the exact distribution, by convolution."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


def log_chances_below(
    chances: NDArray[np.float64], low: int, widths: Collection[int]
) -> dict[int, NDArray[np.float64]]:
    """Return the log-probability that no alignment of the query with a random target reaches a score.

    A random target is columns drawn one by one from all target columns. The score of an alignment is the sum over the
    columns of the query that lie on the target, and 0 for the others. Alignments count as independent of each other, as
    in Tomtom (Gupta et al. 2007, doi:10.1186/gb-2007-8-2-r24; for the columns beside the target Tanaka et al. 2011,
    doi:10.1093/bioinformatics/btr257).

    Parameters
    ----------
    chances : ndarray, shape (width, n_values)
        Probability that a column of the query scores ``low + j`` against a random column.
    low : int
        At most 0, and ``low + n_values`` is above 0.
    widths : collection of int
        Widths of targets, in bp.

    Returns
    -------
    dict of int to ndarray, shape (width * (n_values - 1) + 1,)
        By target width; entry s is the log-probability that all alignments score below ``width * low + s``, minus
        infinity where one must reach it. Alignments are all that overlap by a column or more.
    """
    width, n_values = chances.shape
    n_scores = width * (n_values - 1) + 1
    wanted = set(widths)
    spans = [np.ones(1)] * (width + 1)  # spans[i]: scores of the columns i ... i + overlap - 1 of the query
    at_ends = np.zeros(n_scores)  # alignments in which the target sticks out, of every overlap so far
    found = {}
    for overlap in range(1, width + 1):
        spans = [np.convolve(spans[i], chances[i + overlap - 1]) for i in range(width - overlap + 1)]
        shift = (overlap - width) * low  # the columns without a partner score 0, which is -low above the least
        ends = _log_below(spans[0], shift, n_scores)
        if overlap in wanted and overlap < width:
            inside = (_log_below(span, shift, n_scores) for span in spans)
            found[overlap] = at_ends + sum(inside, start=np.zeros(n_scores))
        if overlap == width:
            found |= {target: at_ends + (1 + target - width) * ends for target in wanted if target >= width}
        at_ends = at_ends + ends + _log_below(spans[-1], shift, n_scores)
    return found


def _log_below(span: NDArray[np.float64], shift: int, n_scores: int) -> NDArray[np.float64]:
    """Return log P(score < s) for every s, for a span whose least score is at index `shift`."""
    logs = np.zeros(n_scores)
    logs[: shift + 1] = -np.inf
    reached = np.minimum(np.cumsum(span[::-1])[::-1], 1.0)  # summed from the rare end, which keeps small ones exact
    with np.errstate(divide="ignore"):
        logs[shift + 1 : shift + len(span)] = np.log1p(-reached[1:])
    return logs

"""How alike windows of contributions are, at the best offset and on the better strand.

The measure is the cosine of the contributions of all four bases, in place of TF-MoDISco's continuous Jaccard index
(Shrikumar et al. 2018, arXiv:1811.00416): it is one matrix product for an offset of all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.models import threads

Floats = NDArray[np.float32]

ROWS_AT_ONCE: Final = 256

_ROUNDING: Final = np.float32(1e-6)
"""Which of two equal alignments is taken must not hang on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignments:
    """The best alignment of each window with each reference.

    Parameters
    ----------
    similarity : ndarray of float32, shape (n, n_references)
        Cosine of the two, what sticks out being counted in their lengths: 1 for the same contributions, 0 for unrelated
        ones.
    shift : ndarray of int64, shape (n, n_references)
        Column of the window that the reference's first one lies on, of the window's reverse complement where `turned`,
        in bp; may be negative.
    turned : ndarray of bool, shape (n, n_references)
        The window's reverse complement is what aligns.
    """

    similarity: Floats
    shift: NDArray[np.int64]
    turned: NDArray[np.bool_]


def align(windows: Floats, references: Floats, least_overlap: int, *, both_strands: bool) -> Alignments:
    """Align windows with references.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, 4, width)
        Contributions by A C G T/U.
    references : ndarray of float32, shape (n_references, 4, reference_width)
    least_overlap : int
        Columns that must lie on each other, bp; at most the smaller width.
    both_strands : bool
        Try the reverse complements too. Of equal alignments the forward one is taken, then the leftmost.
    """
    shape = len(windows), len(references)
    best = Alignments(np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int64), np.zeros(shape, bool))
    scaled, targets = _unit(windows), _unit(references)

    def work(first: int) -> None:
        rows = slice(first, first + ROWS_AT_ONCE)
        similarity, shifts, strands = best.similarity[rows], best.shift[rows], best.turned[rows]
        for shift, turned, found in _products(scaled[rows], targets, least_overlap, both_strands):
            better = found > similarity + _ROUNDING
            similarity[better] = found[better]
            shifts[better] = shift
            strands[better] = turned

    with threads.taken_over():
        threads.run(work, range(0, len(windows), ROWS_AT_ONCE))
    return best


def similarities(windows: Floats, least_overlap: int, *, both_strands: bool) -> Floats:
    """Return the best similarity of each pair of windows, shape (n, n): symmetric, 1 for a window and itself.

    Parameters are those of :func:`align`.
    """
    scaled = _unit(windows)
    result = np.ones((len(windows),) * 2, np.float32)

    def work(first: int) -> None:
        block, others = scaled[first : first + ROWS_AT_ONCE], scaled[first:]
        best = np.full((len(block), len(others)), -np.inf, np.float32)
        for _, _, found in _products(block, others, least_overlap, both_strands):
            np.maximum(best, found, out=best)
        result[first : first + len(block), first:] = best
        result[first:, first : first + len(block)] = best.T

    with threads.taken_over():
        threads.run(work, range(0, len(windows), ROWS_AT_ONCE))
    np.fill_diagonal(result, 1)
    return np.minimum(np.maximum(result, result.T), 1)  # rounding makes the two halves differ


def _products(
    windows: Floats, references: Floats, least_overlap: int, both_strands: bool
) -> Iterator[tuple[int, bool, Floats]]:
    """Yield each shift and strand with the similarities there, shape (n, n_references)."""
    b = np.ascontiguousarray(references.transpose(0, 2, 1))  # columns first: a run of them is one piece of memory
    other, width = b.shape[1], windows.shape[2]
    for turned in (False, True)[: 1 + both_strands]:
        read = windows[:, ::-1, ::-1] if turned else windows
        a = np.ascontiguousarray(read.transpose(0, 2, 1))
        for shift in range(least_overlap - other, width - least_overlap + 1):
            start, stop = max(shift, 0), min(shift + other, width)
            mine, theirs = a[:, start:stop], b[:, start - shift : stop - shift]
            size = 4 * (stop - start)
            yield shift, turned, mine.reshape(len(a), size) @ theirs.reshape(len(b), size).T


def _unit(windows: Floats) -> Floats:
    """Scale each window to length 1; one of zeros stays."""
    norm = np.sqrt(np.einsum("nbw,nbw->n", windows, windows, dtype=np.float64))
    return (windows / np.where(norm > 0, norm, 1)[:, None, None]).astype(np.float32)

"""Rows of numbers in motif files: read with the line of whatever is wrong, written so that they sum to 1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.motif import Motif

TOLERANCE: Final = 0.02
"""How far the sum of four rounded probabilities may be from 1."""

DIGITS: Final = 6
"""Decimals of a probability that is written."""


def parse_numbers(words: Iterable[str], path: str, line: int) -> list[float]:
    """Read numbers of a matrix.

    Raises
    ------
    InputError
        With the line, at what is no number, negative, or not finite.
    """
    values = []
    for word in words:
        try:
            value = float(word)
        except ValueError:
            raise InputError(f"{word[:20]!r} is not a number of a motif matrix", path, line) from None
        if not math.isfinite(value) or value < 0:
            raise InputError(f"{word!r} cannot be a count or probability: it is negative or not finite", path, line)
        values.append(value)
    return values


def normalised(columns: Sequence[Sequence[float]], path: str, lines: Sequence[int]) -> NDArray[np.float64]:
    """Turn positions of four probabilities each, from these lines, into an array of shape (4, width).

    Raises
    ------
    InputError
        With the line of a position whose probabilities do not sum to about 1.
    """
    table = np.array(columns, dtype=np.float64).T
    sums = table.sum(axis=0)
    wrong = np.abs(sums - 1) > TOLERANCE
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(f"the probabilities of a position sum to {sums[at]:.4g}, not 1", path, lines[at])
    ppm: NDArray[np.float64] = table / sums
    return ppm


def from_columns(
    name: str,
    table: NDArray[np.float64],
    path: str,
    lines: Sequence[int],
    *,
    alternate: str = "",
    alphabet: str = "dna",
) -> Motif:
    """Make a motif of counts or, where all columns sum to about 1, of probabilities.

    Parameters
    ----------
    name, alternate, alphabet : str
    table : ndarray, shape (4, width)
        Rows A C G T/U.
    path : str
        For messages.
    lines : sequence of int
        The line of each position.

    Raises
    ------
    InputError
        With the line, if a position has no counts.
    """
    sums = table.sum(axis=0)
    if (sums <= 0).any():
        at = int((sums <= 0).argmax())
        raise InputError(f"position {at + 1} of motif {name!r} has no counts", path, lines[at])
    if np.abs(sums - 1).max() <= TOLERANCE:
        return Motif(name, table / sums, alternate, alphabet)
    nsites = float(sums.max())
    whole = round(nsites)  # weights that were written as decimals
    nsites = whole if abs(nsites - whole) < 1e-6 * whole else nsites
    return Motif.from_counts(name, table, alternate=alternate, alphabet=alphabet, nsites=nsites)


def written_counts(motif: Motif) -> list[list[str]]:
    """Return the positions of a motif as counts, or as probabilities where nothing says of how many sites."""
    if motif.counts is None and motif.nsites is None:
        return rounded(motif.ppm)
    return [[f"{value:.10g}" for value in row] for row in motif.pfm.T.tolist()]


def rounded(ppm: NDArray[np.float64]) -> list[list[str]]:
    """Return the positions of a (4, width) array as decimals that sum to 1 exactly as they are printed.

    What rounding down leaves over goes to the bases with the largest remainders.
    """
    units = ppm.T / ppm.sum(axis=0)[:, None] * 10**DIGITS
    whole = np.floor(units).astype(np.int64)
    left = 10**DIGITS - whole.sum(axis=1)
    order = np.argsort(np.argsort(whole - units, axis=1, kind="stable"), axis=1)
    whole += order < left[:, None]
    return [[f"{value / 10**DIGITS:.{DIGITS}f}" for value in row] for row in whole.tolist()]

"""The bias of microarray probes: what makes a probe bright on every array, whatever the protein.

DeepBind (Alipanahi et al. 2015, doi:10.1038/nbt.3300) divides each probe's intensity by its median over the arrays of
all proteins, trains on the ratios, and multiplies predictions by the bias of the probes of the other array design.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.sequence.ragged import Ragged

FEW: Final = 5
"""Arrays below which a median says as much about what binds the other proteins as about the probe."""

Array = NDArray[np.float64]


def log_levels(array: Array) -> Array:
    """Return the logarithm of intensities over the array's median, shape (n,); NaN where they are not above 0."""
    positive = np.where(array > 0, array, np.nan)
    if np.isnan(positive).all():
        return np.full(len(array), np.nan)
    levels: Array = np.log(positive / np.nanmedian(positive))
    return levels


def log_bias(levels: Array) -> Array:
    """Return the median of log levels over arrays, shape (n,); NaN for a probe that is on none.

    Parameters
    ----------
    levels : ndarray, shape (n, n_arrays)
        See :func:`log_levels`; dividing each array by its median makes arrays of any brightness count alike.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows that are all NaN
        bias: Array = np.nanmedian(levels, axis=1)
    return bias


def bias_slope(values: Array, bias: Array) -> float:
    """Estimate to which power the bias shows in an array: 1 in full, as DeepBind takes it, 0 not at all.

    The least-squares slope of log intensities on log bias, held between 0 and 1. The fewer the arrays, the more of the
    median is their proteins' binding or noise, and the lower the slope: what is divided out is what the arrays share.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Intensities; those that are missing or not above 0 do not count.
    bias : ndarray, shape (n,)
        From :func:`log_bias`.
    """
    there = (values > 0) & ~np.isnan(bias)
    if np.count_nonzero(there) < 2:
        return 0.0
    x, y = bias[there], np.log(values[there])
    x = x - x.mean()
    spread = float(x @ x)
    return float(np.clip(x @ y / spread, 0, 1)) if spread > 0 else 0.0


class ProbeLevels:
    """Log levels of the probes of several arrays, found by their sequences.

    Parameters
    ----------
    arrays : sequence of Examples
        Targets are intensities, each column an array. Probes that are on an array more than once count by their median.
    """

    def __init__(self, arrays: Sequence[Examples]) -> None:
        self._row: dict[bytes, int] = {}
        columns: list[tuple[NDArray[np.intp], Array]] = []
        for examples in arrays:
            assert examples.targets is not None
            rows = self._rows(examples.sequences, add=True)
            for column in examples.targets.T.astype(np.float64):
                columns.append(_by_row(rows, log_levels(column)))
        # One more row, of NaN, for probes that are on no array: row -1.
        self._levels = np.full((len(self._row) + 1, len(columns)), np.nan)
        for i, (rows, levels) in enumerate(columns):
            self._levels[rows, i] = levels

    @property
    def n_arrays(self) -> int:
        """How many arrays there are."""
        return self._levels.shape[1]

    def of(self, sequences: Ragged) -> Array:
        """Return the log levels of probes, shape (n, n_arrays); NaN where a probe is not on an array."""
        levels: Array = self._levels[self._rows(sequences)]
        return levels

    def _rows(self, sequences: Ragged, *, add: bool = False) -> NDArray[np.intp]:
        data, bounds = sequences.data.tobytes(), sequences.offsets.tolist()
        keys = [data[a:b] for a, b in pairwise(bounds)]
        row = self._row
        found = [row.setdefault(key, len(row)) for key in keys] if add else [row.get(key, -1) for key in keys]
        return np.array(found, dtype=np.intp)


def _by_row(rows: NDArray[np.intp], levels: Array) -> tuple[NDArray[np.intp], Array]:
    """Return each row once, with the median of its levels that are known."""
    known = ~np.isnan(levels)
    rows, levels = rows[known], levels[known]
    order = np.lexsort((levels, rows))
    rows, levels = rows[order], levels[order]
    unique, start, count = np.unique(rows, return_index=True, return_counts=True)
    middle = levels[start + (count - 1) // 2] + levels[start + count // 2]
    return unique, middle / 2

"""Probe intensities to targets of mean 0 and variance 1, and back.

RNAcompete: intensities are clamped at their 99.95th percentile (Alipanahi et al. 2015, doi:10.1038/nbt.3300,
supplementary notes). PBM: the square root is taken, after the bias of the probe has been divided out where it is known.
Fluorescence is heavy-tailed, and its noise grows with its level; on the square-root scale, which makes the variance of
a count independent of its mean (Anscombe 1948, doi:10.1093/biomet/35.3-4.246), a squared error is not ruled by the few
brightest probes, and squares of predictions are intensities again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PERCENTILE: Final = 99.95
"""At which RNAcompete intensities are clamped."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of one target were changed.

    Parameters
    ----------
    mean, deviation : float
        Of the values after all else was done; they are subtracted, and divided by.
    ceiling : float or None
        Larger values were set to it.
    root : bool
        The square root was taken, of 0 where values are negative.
    slope : float or None
        The values were divided by the probe's bias to this power.
    """

    mean: float
    deviation: float
    ceiling: float | None = None
    root: bool = False
    slope: float | None = None

    def apply(self, values: Array, log_bias: Array | None = None) -> Array:
        """Return targets for intensities, both of shape (n,); NaN stays.

        Parameters
        ----------
        values : ndarray
        log_bias : ndarray, optional
            Natural logarithm of each probe's bias; NaN and None count as no bias.
        """
        return (_change(values, self.ceiling, self.root, self.slope, log_bias) - self.mean) / self.deviation

    def undo(self, targets: Array, log_bias: Array | None = None) -> Array:
        """Return the intensities that targets, or predictions, stand for, shape (n,).

        Bias is multiplied back where it is known. A clamped value stays clamped.
        """
        values = targets * self.deviation + self.mean
        if self.root:
            values = np.square(np.maximum(values, 0))
        if self.slope is not None and log_bias is not None:
            values = values * np.exp(self.slope * np.nan_to_num(log_bias))
        return values

    def as_json(self) -> dict[str, Any]:
        """Return what is stored; ``Scale(**stored)`` is the scale again."""
        return asdict(self)


def fit_rnacompete(values: Array) -> Scale:
    """Find the scale of RNAcompete intensities: clamped at the 99.95th percentile, mean 0, variance 1.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN where missing; the percentile is interpolated linearly.

    Raises
    ------
    ValueError
        If all values are the same, or missing.
    """
    return _fit(values, float(np.percentile(_known(values), PERCENTILE)), False, None, None)


def fit_pbm(values: Array, log_bias: Array | None = None, slope: float | None = None) -> Scale:
    """Find the scale of microarray intensities: bias divided out, square root, mean 0, variance 1.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN where missing.
    log_bias : ndarray, shape (n,), optional
        See :meth:`Scale.apply`.
    slope : float, optional
        Power of the bias.

    Raises
    ------
    ValueError
        If all values are the same, or missing.
    """
    return _fit(values, None, True, slope, log_bias)


def _fit(values: Array, ceiling: float | None, root: bool, slope: float | None, log_bias: Array | None) -> Scale:
    changed = _known(_change(values, ceiling, root, slope, log_bias))
    deviation = float(changed.std())
    if not deviation > 1e-12 * float(np.abs(changed).max()):
        raise ValueError(f"all {len(changed):,} values are {values[~np.isnan(values)][0]:g}")
    return Scale(float(changed.mean()), deviation, ceiling, root, slope)


def _known(values: Array) -> Array:
    known = values[~np.isnan(values)]
    if not len(known):
        raise ValueError("there are no values")
    return known


def _change(values: Array, ceiling: float | None, root: bool, slope: float | None, log_bias: Array | None) -> Array:
    if slope is not None and log_bias is not None:
        values = values / np.exp(slope * np.nan_to_num(log_bias))
    if ceiling is not None:
        values = np.minimum(values, ceiling)
    return np.sqrt(np.maximum(values, 0)) if root else values

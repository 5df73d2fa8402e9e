"""Probe intensities to targets of mean 0 and variance 1, and back.

RNAcompete: intensities are clamped at their 99.95th percentile (Alipanahi et al. 2015, doi:10.1038/nbt.3300,
supplementary notes). PBM: the bias of the probe is divided out where it is known, and the square root taken.
Fluorescence is heavy-tailed, and its noise grows with its level. On a scale of a power below 1 a squared error is not
ruled by the few brightest probes; the square root is the one that makes the variance of a count independent of its mean
(Anscombe 1948, doi:10.1093/biomet/35.3-4.246). A predicted target raised back is an intensity again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PERCENTILE: Final = 99.95
"""At which RNAcompete intensities are clamped."""

POWERS: Final = {"rnacompete": 1.0, "pbm": 0.5}
"""What intensities are raised to if nothing else is said."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of one target were changed.

    Parameters
    ----------
    mean, deviation : float
        Of the values after all else was done; they are subtracted, and divided by.
    power : float
        Values were raised to it, keeping their sign.
    ceiling : float or None
        Larger values were set to it.
    slope : float or None
        The values were divided by the probe's bias to this power.
    """

    mean: float
    deviation: float
    power: float = 1.0
    ceiling: float | None = None
    slope: float | None = None

    def apply(self, values: Array, log_bias: Array | None = None) -> Array:
        """Return targets for intensities, both of shape (n,); NaN stays.

        Parameters
        ----------
        values : ndarray
        log_bias : ndarray, optional
            Natural logarithm of each probe's bias; NaN and None count as no bias.
        """
        return (self._change(values, log_bias) - self.mean) / self.deviation

    def undo(self, targets: Array, log_bias: Array | None = None) -> Array:
        """Return the intensities that targets, or predictions, stand for, shape (n,).

        Bias is multiplied back where it is known. A clamped value stays clamped.
        """
        values = _raise(targets * self.deviation + self.mean, 1 / self.power)
        if self.slope is not None and log_bias is not None:
            values = values * np.exp(self.slope * np.nan_to_num(log_bias))
        return values

    def as_json(self) -> dict[str, Any]:
        """Return what is stored; ``Scale(**stored)`` is the scale again."""
        return asdict(self)

    def _change(self, values: Array, log_bias: Array | None) -> Array:
        if self.slope is not None and log_bias is not None:
            values = values / np.exp(self.slope * np.nan_to_num(log_bias))
        if self.ceiling is not None:
            values = np.minimum(values, self.ceiling)
        return _raise(values, self.power)


def fit_scale(
    values: Array,
    *,
    percentile: float | None = None,
    power: float = 1.0,
    log_bias: Array | None = None,
    slope: float | None = None,
) -> Scale:
    """Find the scale on which intensities have mean 0 and variance 1.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN where missing.
    percentile : float, optional
        At which they are clamped, interpolated linearly.
    power : float
        What they are raised to.
    log_bias : ndarray, shape (n,), optional
        See :meth:`Scale.apply`.
    slope : float, optional
        Power of the bias that is divided out.

    Raises
    ------
    ValueError
        If all values are the same, or missing.
    """
    known = ~np.isnan(values)
    if not known.any():
        raise ValueError("there are no values")
    ceiling = None if percentile is None else float(np.percentile(values[known], percentile))
    plain = Scale(0.0, 1.0, power, ceiling, slope)
    changed = plain.apply(values, log_bias)[known]
    deviation = float(changed.std())
    if not deviation > 1e-12 * float(np.abs(changed).max()):
        raise ValueError(f"all {len(changed):,} values are {values[known][0]:g}")
    return replace(plain, mean=float(changed.mean()), deviation=deviation)


def _raise(values: Array, power: float) -> Array:
    """Raise values to a power, keeping their sign."""
    return values if power == 1 else np.sign(values) * np.abs(values) ** power

"""How the targets of an in-vitro assay are prepared, as the user says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ASSAYS: Final = ("rnacompete", "pbm", "selex")
ROUNDS: Final = ("each", "order")

COLUMNS: Final = "columns"
"""A bias source: the other target columns of the data."""


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How targets are prepared before a model is trained on them.

    Parameters
    ----------
    assay : {"rnacompete", "pbm", "selex"}
        Intensities of an RNAcompete pool or of a protein binding microarray, or the reads of HT-SELEX rounds.
    bias : tuple of str
        Files with arrays of other proteins on the same probes, and :data:`COLUMNS`, that the bias of each probe is
        estimated from (pbm); empty for none.
    slope : float or None
        Exponent of the bias, see :func:`seqcnn.dataset.probe_bias.bias_slope`; None: estimated.
    power : float or None
        What intensities are raised to; None: as :data:`seqcnn.dataset.intensities.POWERS` says.
    rounds : {"each", "order"}
        What the targets of SELEX reads are, see :mod:`seqcnn.dataset.selex`.
    """

    assay: str
    bias: tuple[str, ...] = ()
    slope: float | None = None
    power: float | None = None
    rounds: str = "each"

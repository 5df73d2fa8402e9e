"""What was done to the targets of an in-vitro assay, and the way back to the scale of the assay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.intensities import Scale


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was done to targets; kept in datasets, run records and models.

    Parameters
    ----------
    assay : str
        See :class:`seqcnn.dataset.prepare_options.PrepareOptions`.
    scales : mapping of str to Scale
        For each target of a microarray; empty for SELEX.
    bias : tuple of str
        What the bias of probes was estimated from.
    rounds : mapping of str to int
        Reads of each SELEX round.
    targets : str
        What SELEX targets are: "each" or "order"; else "intensity".
    """

    assay: str
    scales: Mapping[str, Scale]
    bias: tuple[str, ...] = ()
    rounds: Mapping[str, int] | None = None
    targets: str = "intensity"

    def as_json(self) -> dict[str, Any]:
        """Return what is stored."""
        about: dict[str, Any] = {"assay": self.assay, "targets": self.targets}
        if self.rounds is not None:
            return about | {"reads": dict(self.rounds)}
        scales = {name: scale.as_json() for name, scale in self.scales.items()}
        return about | {"scales": scales, "bias": list(self.bias)}

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Preparation:
        """Return what was stored.

        Raises
        ------
        KeyError, TypeError, AttributeError
            If it is something else.
        """
        scales = {name: Scale(**scale) for name, scale in about.get("scales", {}).items()}
        return cls(about["assay"], scales, tuple(about.get("bias", ())), about.get("reads"), about["targets"])

    def undo(self, scores: NDArray[np.float32], log_biases: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Return the intensities that predictions stand for.

        Parameters
        ----------
        scores : ndarray, shape (n, n_targets)
        log_biases : ndarray, shape (n, n_targets), optional
            From :meth:`seqcnn.dataset.prepare.BiasSource.of`.
        """
        columns = []
        for i, scale in enumerate(self.scales.values()):
            bias = None if log_biases is None else log_biases[:, i]
            columns.append(scale.undo(scores[:, i].astype(np.float64), bias))
        return np.stack(columns, axis=1).astype(np.float32)

"""Dilated: residual convolutions whose kernels are spread ever wider, without pooling between.

Avsec et al. 2021, doi:10.1038/s41588-021-00782-6 (BPNet); van den Oord et al. 2016, arXiv:1609.03499 (WaveNet). Every
layer doubles what a position sees and keeps the single base.

At the defaults 67,329 weights a member; a position before the last pooling sees 145 bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqcnn.models import deep, settings
from seqcnn.models.layers import Layer

LINEAGE: Final = "WaveNet -> BPNet"


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """The shape of dilated networks.

    Parameters
    ----------
    n_layers : int, 1 to 12
        Dilated layers: the gaps in their kernels are 2, 4, 8 ... bp wide.
    """

    kernel_size: int = 21
    hidden: int = 0
    pooling: str = "both"
    batch_norm: bool = False
    n_layers: int = 5


class Model(deep.Model):
    """Dilated residual convolutions with a leading member axis."""

    settings: Settings

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return the dilated layers, the first with one base between its three."""
        n = self.settings.n_filters
        return [make.residual(make.unit(n, n, 3, 2 ** (i + 1))) for i in range(self.settings.n_layers)]

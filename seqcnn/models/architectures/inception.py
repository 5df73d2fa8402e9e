"""Inception: kernels of several widths beside each other, with convolutions of width 1 that mix channels before them.

Szegedy et al. 2015, arXiv:1409.4842 (GoogLeNet). Motifs are of many lengths; wide and narrow kernels see them at once.

At the defaults 90,049 weights a member; a position before the last pooling sees 195 bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqcnn.models import deep, settings
from seqcnn.models.layers import Layer

LINEAGE: Final = "GoogLeNet"

WIDTHS: Final = (3, 7, 15)
"""Of the kernels beside each other; a convolution of width 1 is the fourth branch."""


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """Inception's shape.

    Parameters
    ----------
    n_blocks : int, 1 to 8
        Blocks of layers, each with pooling.
    """

    n_blocks: int = 2


class Model(deep.Model):
    """Inception with a leading member axis."""

    settings: Settings

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return the blocks, each after pooling; each branch has half as many channels as there are detectors."""
        n = self.settings.n_filters
        part, layers = max(1, n // 2), list[Layer]()
        for _ in range(self.settings.n_blocks):
            wide = [[make.unit(n, part, 1), make.unit(part, part, width)] for width in WIDTHS]
            layers += [make.pool(n), make.parallel([make.unit(n, part, 1)], *wide)]
            n = layers[-1].outputs
        return layers

"""VGG: blocks of two small convolutions; each block ends with pooling, and the next has twice the channels.

Simonyan and Zisserman 2015, arXiv:1409.1556. Small kernels on top of each other see as far as one large kernel, with
fewer weights and more steps between; here the detectors are small too.

At the defaults 105,665 weights a member; a position before the last pooling sees 85 bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqcnn.models import deep, settings
from seqcnn.models.layers import Layer

LINEAGE: Final = "VGG"


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """VGG's shape.

    Parameters
    ----------
    n_blocks : int, 1 to 8
        Blocks of layers, each with pooling.
    """

    n_filters: int = 32
    kernel_size: int = 9
    n_blocks: int = 3


class Model(deep.Model):
    """VGG with a leading member axis."""

    settings: Settings

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return the blocks; the detectors are the first layer of the first one."""
        n = self.settings.n_filters
        layers: list[Layer] = [make.unit(n, n, 3), make.pool(n)]
        for _ in range(1, self.settings.n_blocks):
            layers += [make.unit(n, 2 * n, 3), make.unit(2 * n, 2 * n, 3), make.pool(2 * n)]
            n *= 2
        return layers

"""ResNet: pairs of convolutions to whose result their input is added, wider by a factor if wished.

He et al. 2016, arXiv:1512.03385; wide: Zagoruyko and Komodakis 2016, arXiv:1605.07146. What is added lets the gradient
reach the detectors past any number of layers.

At the defaults 76,705 weights a member; a position before the last pooling sees 357 bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqcnn.models import deep, settings
from seqcnn.models.layers import Layer

LINEAGE: Final = "ResNet, wide ResNet"


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """ResNet's shape.

    Parameters
    ----------
    n_blocks : int, 1 to 8
        Blocks of layers, each with pooling.
    width : float, above 0
        Channels of the residual blocks, times the number of detectors.
    """

    n_filters: int = 48
    n_blocks: int = 3
    width: float = 1.0


class Model(deep.Model):
    """ResNet with a leading member axis."""

    settings: Settings

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return the blocks, each after pooling."""
        n, layers = self.settings.n_filters, list[Layer]()
        wide = max(1, round(n * self.settings.width))
        for _ in range(self.settings.n_blocks):
            pair = make.unit(n, wide, 5), make.unit(wide, wide, 5)
            shortcut = None if n == wide else make.unit(n, wide, 1, activation="none")
            layers += [make.pool(n), make.residual(*pair, shortcut=shortcut)]
            n = wide
        return layers

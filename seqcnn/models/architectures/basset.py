"""Basset: three times convolution and pooling, then two dense layers.

Kelley, Snoek and Rinn 2016, doi:10.1101/gr.200535.115; LeCun et al. 1998, doi:10.1109/5.726791; Krizhevsky, Sutskever
and Hinton 2012 (AlexNet). Later layers see combinations of motifs and their distances. Smaller than as published (300,
200 and 200 channels, 1,000 units), and the pooling over the sequence, which Basset does not have, takes any length.

At the defaults 87,489 weights a member; a position before the last pooling sees 129 bp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqcnn.models import deep, settings
from seqcnn.models.layers import Layer

LINEAGE: Final = "LeNet, AlexNet -> Basset"


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """Basset's shape: that of all, see :class:`seqcnn.models.settings.Deep`; `hidden` is of both dense layers."""


class Model(deep.Model):
    """Basset with a leading member axis."""

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return pooling, and two more convolutions that are pooled."""
        n = self.settings.n_filters
        return [make.pool(n), make.unit(n, n, 11), make.pool(n), make.unit(n, n, 7), make.pool(n)]

    def dense(self) -> tuple[int, ...]:
        """Return two layers."""
        return super().dense() * 2

"""DanQ: detectors, pooling, and recurrent cells that read their activations in both directions.

Quang and Xie 2016, doi:10.1093/nar/gkw226; with other cells as in deepRAM, Trabelsi, Chaabane and Ben-Hur 2019,
doi:10.1093/bioinformatics/btz339. Cells count and order motifs over any distance. Smaller than as published (320
detectors, 320 units each way), and what the cells give is pooled over the sequence, so that it may have any length.

At the defaults 35,649 weights a member; a position before the last pooling sees the whole sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqcnn.models import deep, settings
from seqcnn.models.layers import Layer

LINEAGE: Final = "recurrent encoders -> DanQ, deepRAM"


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """DanQ's shape.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
        Kind of recurrent cell.
    n_units : int, 1 or more
        Cells that read in each direction.
    """

    kernel_size: int = 25
    cell: str = "lstm"
    n_units: int = 32


class Model(deep.Model):
    """DanQ with a leading member axis."""

    settings: Settings

    def layers(self, make: deep.Maker) -> list[Layer]:
        """Return pooling of seven neighbours, and the cells."""
        n = self.settings.n_filters
        return [make.pool(n, 7), make.recurrent(n, self.settings.n_units, self.settings.cell)]

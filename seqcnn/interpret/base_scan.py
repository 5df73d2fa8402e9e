"""Every base of a genome by itself, from networks that score bases: stretches that overlap, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.formats.genome import Genome
from seqcnn.interpret.genome_scan import Piece, Range, Scores, Track
from seqcnn.models import forked
from seqcnn.models.bases import base_scores, check
from seqcnn.models.modelfile import Model
from seqcnn.models.tasks import respond
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged

STRETCH: Final = 1 << 15
"""Bases scored from one stretch, about, with their surroundings on both sides."""


class BaseScanner:
    """Models made ready to score every base of a genome, each base with all that its network can see around it.

    A stretch begins and ends where a multiple of the longest surroundings does, whatever range is scanned: so a base
    has one score.

    Parameters
    ----------
    models : mapping of str to Model
        By the names that tell them apart.
    targets : sequence of str, optional
        The targets that are wanted; all by default.

    Attributes
    ----------
    tracks : list of Track
        Of windows of one base. Their values are on the scale of the targets: probabilities where these are 0 and 1.

    Raises
    ------
    UsageError
        If a model does not score bases, or a target is not there.
    """

    step = 1
    longest = shortest = 1

    def __init__(self, models: Mapping[str, Model], *, targets: Sequence[str] | None = None) -> None:
        known = [name for model in models.values() for name in model.target_names]
        missing = [name for name in targets or () if name not in known]
        if missing:
            raise UsageError(f"no model here has a target {missing[0]!r}; there are: {', '.join(sorted(set(known)))}")
        self._models = []
        self.tracks: list[Track] = []
        for label, model in models.items():
            check(model, label)
            columns = [i for i, name in enumerate(model.target_names) if targets is None or name in targets]
            self._models.append((model, columns))
            alone = len(model.target_names) == 1
            for i in columns:
                name = model.target_names[i]
                shown = name if len(models) == 1 else label if alone else f"{label}.{name}"
                self.tracks.append(Track(shown, 1, label))
        around = max(_around(model) for model in models.values())
        self._around = around
        self._body = -(-STRETCH // around) * around
        self.on_cpu = all(model.network.output_bias.device.type == "cpu" for model in models.values())

    def scan(self, genome: Genome, ranges: Sequence[Range]) -> Iterator[Scores]:
        """Score all bases in ranges, in order; on the CPU by several processes at a time."""
        pieces = self.pieces(genome, ranges)
        yield from forked.stream(self.score, pieces) if self.on_cpu else map(self.score, pieces)

    def pieces(self, genome: Genome, ranges: Sequence[Range]) -> Iterator[Piece]:
        """Read the stretches, from :attr:`Piece.start` on with what is around them; `n` bases of each are wanted."""
        for chrom, begin, stop in ranges:
            size, name = genome.chroms[chrom], np.array([chrom], dtype=object)
            for first in range(begin // self._body * self._body, stop, self._body):
                low, high = max(0, first - self._around), min(size, first + self._body + self._around)
                codes = genome.extract(name, np.array([low]), np.array([high])).data
                start = max(begin, first)
                yield Piece(chrom, start, min(stop, first + self._body) - start, codes)

    def score(self, piece: Piece) -> Scores:
        """Score the bases of a piece; N has no score."""
        first = piece.start // self._body * self._body
        low = max(0, first - self._around)
        wanted = slice(piece.start - low, piece.start - low + piece.n)
        codes = piece.codes
        sequence = Ragged(codes, np.array([0, len(codes)], dtype=np.int64))
        silent = codes[wanted] == N_CODE
        rows: list[NDArray[np.float32]] = []
        for model, columns in self._models:
            if silent.all():
                rows += [np.full(piece.n, np.nan, dtype=np.float32)] * len(columns)
                continue
            found = respond(model.task, base_scores(model.network, sequence))[wanted]
            rows += [np.where(silent, np.nan, found[:, i]).astype(np.float32) for i in columns]
        return Scores(piece.chrom, piece.start, np.stack(rows), int(np.count_nonzero(silent)) * len(rows))


def _around(model: Model) -> int:
    """Return how many bases on either side count, and more: a multiple of what is pooled, so that stretches agree."""
    network = model.network
    stride = int(getattr(network, "stride", 1))
    return -(-(network.receptive_field or STRETCH) // stride) * stride

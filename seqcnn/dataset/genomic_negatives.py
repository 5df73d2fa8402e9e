"""Negatives from the genome: windows with the GC content of the positives, or windows beside them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.window_search import Negatives, Phase, Proposal, Search
from seqcnn.formats.genome import Genome
from seqcnn.sequence.windows import Intervals, Windows

__all__ = ["Negatives", "flanking", "gc_matched"]

_GC_PHASES: Final = (
    Phase(0.02, True, True, 8, None),
    Phase(0.04, True, True, 4, "GC within 0.04"),
    Phase(0.08, True, True, 4, "GC within 0.08"),
    Phase(0.04, False, True, 4, "any chromosome"),
    Phase(0.04, True, False, 4, "may overlap a negative"),
    Phase(0.08, False, False, 4, "any chromosome, may overlap a negative"),
)
_FLANK_PHASES: Final = (
    Phase(4, True, True, 8, None),
    Phase(16, True, True, 8, "farther away"),
    Phase(16, True, False, 4, "may overlap a negative"),
)


def gc_matched(
    genome: Genome,
    positives: Windows,
    avoid: Intervals | None,
    ratio: float,
    rng: np.random.Generator,
    max_n: float = 0.0,
) -> Negatives:
    """Draw random windows with the length, the chromosome and the GC fraction of each positive.

    Windows do not overlap a positive or what is to be avoided, nor each other, and hold at most `max_n` N. Positive
    and negative fall into the same bin of GC fraction, 0.02 wide. Where none is found the bin is widened to 0.04 and
    0.08, then all chromosomes that have positives are searched, then negatives may overlap each other; what still
    finds none is left out. The sequence is read for candidates only, some megabytes at a time.

    Parameters
    ----------
    genome : Genome
    positives : Intervals
        Inside the genome's chromosomes.
    avoid : Intervals, optional
        Such as the peaks, which may be wider than the windows.
    ratio : float
        Negatives per positive; of a fraction, random positives get one more.
    rng : numpy Generator
        The same state gives the same windows.
    max_n : float
        Greatest share of N in a negative.

    Returns
    -------
    Negatives
    """
    search = Search(genome, positives, avoid, ratio, rng, max_n)
    gc, _ = search.composition(search.positive_rows, positives.start, positives.end)
    target = gc[search.positive]
    unique, kinds = np.unique(search.length, return_inverse=True)
    n_kinds = len(unique)
    peaked = np.unique(search.positive_rows)

    def propose(slots: NDArray[np.int64], phase: Phase) -> Proposal:
        lengths, rows = search.length[slots], search.row[slots]
        if not phase.own:
            weights = search.line.sizes[peaked] / search.line.sizes[peaked].sum()
            rows = rng.choice(peaked, size=len(slots), p=weights)
        room = search.line.sizes[rows] - lengths + 1
        start = np.floor(rng.random(len(slots)) * room).astype(np.int64)

        def key(of: NDArray[np.int64], at: NDArray[np.int64], fraction: NDArray[np.float64]) -> NDArray[np.int64]:
            # Bins are centred on multiples of their width, so that an edge of one width is inside a bin of the next.
            place = at if phase.own else np.zeros_like(at)
            binned = np.floor(fraction / phase.width + 0.5).astype(np.int64)
            return np.asarray(binned + 64 * (kinds[of] + n_kinds * place), dtype=np.int64)

        return Proposal(rows, start, key)

    return search.run(_GC_PHASES, propose, target, "no GC match")


def flanking(
    genome: Genome,
    positives: Windows,
    avoid: Intervals | None,
    ratio: float,
    rng: np.random.Generator,
    max_n: float = 0.0,
) -> Negatives:
    """Draw windows beside each positive, on a random side, 1 to 4 window lengths away from centre to centre.

    They have the length of the positive, do not overlap a positive or what is to be avoided, nor each other, and hold
    at most `max_n` N. Where none is found the distance grows to 16 lengths, then negatives may overlap each other;
    what still finds none is left out. Parameters and result are those of :func:`gc_matched`.
    """
    search = Search(genome, positives, avoid, ratio, rng, max_n)

    def propose(slots: NDArray[np.int64], phase: Phase) -> Proposal:
        lengths = search.length[slots]
        away = lengths + np.floor(rng.random(len(slots)) * ((phase.width - 1) * lengths + 1)).astype(np.int64)
        side = rng.integers(0, 2, len(slots)) * 2 - 1
        start = positives.start[search.positive[slots]] + side * away
        return Proposal(search.row[slots], start, lambda of, at, fraction: of)

    return search.run(_FLANK_PHASES, propose, np.zeros(len(search.positive)), "no place beside the peak")

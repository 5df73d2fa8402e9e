"""Whether sites gather about the centres of their sequences, as those of what a peak was called for do."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Central(NamedTuple):
    """The centred region that holds most more sites than chance would put there.

    Parameters
    ----------
    p : float
        Adjusted for the number of regions that were tried.
    width : int
        Of the region that the middles of sites lie in, bp.
    """

    p: float
    width: int


class CentralBias:
    """Counts of how far sites lie from the centres of their sequences; one site a sequence, wholly inside of it.

    Twice the distance between the middles of site and sequence is a whole number, even or odd by the lengths. Memory
    grows with the longest sequence and the number of different lengths, not with the number of sites.
    """

    def __init__(self) -> None:
        self._distances = np.zeros(1, dtype=np.int64)
        self._rooms: Counter[int] = Counter()

    def add(self, start: NDArray[np.integer], width: int, lengths: NDArray[np.integer]) -> None:
        """Take sites by first base, and the lengths of their sequences, both shape (n,)."""
        inside = (start >= 0) & (start + width <= lengths)
        room = (lengths - width)[inside]
        counts = np.bincount(np.abs(2 * start[inside] - room), minlength=len(self._distances))
        counts[: len(self._distances)] += self._distances
        self._distances = counts
        values, n = np.unique(room, return_counts=True)
        self._rooms.update(dict(zip(values.tolist(), n.tolist(), strict=True)))

    def test(self) -> Central | None:
        """Return the best region; None without sites, or without room to lie elsewhere.

        The chance of a site in a region is that of a place drawn evenly from those in its sequence, the mean over
        sites; p is the upper tail of the binomial distribution, adjusted as 1 - (1 - p)^regions (Bailey and Machanick
        2012, doi:10.1093/nar/gks433).
        """
        from scipy.stats import binom

        n, farthest = int(self._distances.sum()), max(self._rooms, default=0)
        if not n or not farthest:
            return None
        reach = np.arange(farthest)  # twice the distance; that of `farthest` holds every site
        share = np.zeros(len(reach))
        for room, count in self._rooms.items():
            # Of room + 1 places, those with |2 start - room| <= reach: of the parity of room.
            near = np.where(reach < room % 2, 0, (reach - room % 2) // 2 * 2 + 1 + room % 2)
            share += np.minimum(near, room + 1) / (room + 1) * (count / n)
        held = np.cumsum(self._distances)[: len(reach)]
        held = np.append(held, np.full(len(reach) - len(held), n))
        tried = np.flatnonzero(np.diff(share, prepend=0.0) > 0)
        logs = binom.logsf(held[tried] - 1, n, np.minimum(share[tried], 1.0))
        best = int(logs.argmin())
        alone = float(np.exp(logs[best]))
        p = 1.0 if alone >= 1 else float(-np.expm1(len(tried) * np.log1p(-alone)))
        return Central(p, int(reach[tried[best]]) + 1)

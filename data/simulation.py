"""What the example is drawn from: published matrices, and random numbers that no library version can change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.counter import random_unit

SEED = 20150727
Codes = NDArray[np.uint8]

# JASPAR 2024 (doi:10.1093/nar/gkad1059, CC BY 4.0): counts, rows A C G T.
CTCF = """MA0139.2
281  56   8 744  40 107 851   5 333  54  12  56 104 372  82
 49 800 903  13 528 433  11   0   3  12   0   8 733  13 482
449  21   0  65 334  48  32 903 566 504 890 775   5 507 307
134  36   2  91  11 324  18   3   9 341   8  71  67  17  37"""
GABPA = """MA0062.4
 7639 52260   929  3885   862  1398   993  1722  2219  5344
41398  3988 55664  1443  1230 61373 63107  1542  6328 12006
 6989  4873  2169   965  1633  1150   520  4561 51920  7720
 9453  4358  6717 59186 61754  1558   859 57654  5012 40409"""
# RNAcompete RNCMPT00168 (Ray et al. 2013, doi:10.1038/nature12311): probabilities x 1000, rows A C G U.
RBFOX1 = """RNCMPT00168
312   4   4 987   4   4 314
 52   4 987   4   4   4 481
 52 987   4   4   4 987 102
584   4   4   4 987   4 102"""


class Draws:
    """Random numbers of one stream, told from others by the first 8 letters of its name."""

    def __init__(self, name: str) -> None:
        self.stream = int.from_bytes(name.encode()[:8], "big")
        self.used = 0

    def uniform(self, n: int) -> NDArray[np.float64]:
        self.used += n
        return random_unit(SEED, self.stream, np.arange(self.used - n, self.used))

    def normal(self, n: int) -> NDArray[np.float64]:
        return np.sqrt(-2 * np.log1p(-self.uniform(n))) * np.cos(2 * np.pi * self.uniform(n))

    def below(self, top: int, n: int) -> NDArray[np.int64]:
        return (self.uniform(n) * top).astype(np.int64)

    def order(self, n: int) -> NDArray[np.int64]:
        return np.argsort(self.uniform(n), kind="stable")

    def letters(self, gc: NDArray[np.float64]) -> Codes:
        """One letter for each GC content."""
        u = self.uniform(len(gc))
        strong = u < gc
        half = np.where(strong, u < gc / 2, u < gc + (1 - gc) / 2)
        return np.where(strong, np.where(half, 1, 2), np.where(half, 0, 3)).astype(np.uint8)


class Motif:
    """A matrix to draw sites from and to score with."""

    def __init__(self, text: str) -> None:
        counts = np.array([line.split() for line in text.splitlines()[1:]], dtype=np.float64)
        self.ppm = (counts + 0.25) / (counts + 0.25).sum(axis=0)
        bits = np.log2(self.ppm / 0.25)
        self.table = np.vstack([bits, bits.min(axis=0)])  # N scores as the worst letter
        self.width = counts.shape[1]

    def sample(self, draws: Draws, n: int) -> Codes:
        """Draw n sites, shape (n, width)."""
        u = draws.uniform(n * self.width).reshape(n, self.width, 1)
        return (u >= np.cumsum(self.ppm, axis=0).T[None, :, :3]).sum(axis=2).astype(np.uint8)

    def score(self, codes: Codes) -> NDArray[np.float64]:
        """Log-odds in bits against 0.25 of each window, shape (..., length - width + 1)."""
        n = codes.shape[-1] - self.width + 1
        scores = np.zeros((*codes.shape[:-1], n))
        for j in range(self.width):
            scores += self.table[codes[..., j : j + n], j]
        return scores

    def score_both(self, codes: Codes) -> NDArray[np.float64]:
        """The better strand's log-odds of each window."""
        return np.maximum(self.score(codes), self.score(reverse_complement(codes))[..., ::-1])

"""Thresholds for the hits of a genome scan: a score, a share of null windows, or a number of hits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.interpret.genome_scan import Piece, Range, Scanner, Scores
from seqcnn.models import forked
from seqcnn.sequence.shuffle import dinucleotide_shuffle

NULLS: Final = ("dinucleotide", "genome")

STRETCH: Final = 2000
"""Windows on each stretch of the genome that is shuffled."""

TAIL: Final = 200
"""Null windows above the threshold, by which it is known to a twentieth or so."""

FEWEST: Final = 200_000
MOST: Final = 20_000_000
"""Null windows."""

MOST_STRETCHES: Final = 20_000
"""Of which short ones are slower to score than their windows are many."""

_BLOCKS_PER_HIT: Final = 5
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Threshold:
    """What makes a hit.

    Parameters
    ----------
    kind : {"score", "p", "top"}
    value : float
        The least score; the share of null windows that score as high; or the number of hits.
    """

    kind: str
    value: float


def parse(text: str) -> Threshold:
    """Read ``SCORE``, ``p=P`` or ``top=N``.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    kind, equals, number = text.strip().partition("=")
    kind, number = (kind.lower(), number) if equals else ("score", kind)
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    right = {"score": math.isfinite(value), "p": 0 < value < 1, "top": value >= 1 and value % 1 == 0}
    if not right.get(kind, False):
        raise UsageError(f"--threshold {text}: say a score, p=P with P between 0 and 1, or top=N")
    return Threshold(kind, value)


class Largest:
    """The largest of the values that came by, and how many came by.

    Parameters
    ----------
    m : int
        How many are kept.
    """

    def __init__(self, m: int) -> None:
        self.m, self.n = m, 0
        self._kept: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._least = -np.inf

    def add(self, values: NDArray[np.float32]) -> None:
        """Take values; NaN is none."""
        self.n += int(np.count_nonzero(~np.isnan(values)))
        self._kept = np.concatenate([self._kept, values[values >= self._least]])
        if len(self._kept) > 4 * self.m:
            self._kept = np.partition(self._kept, len(self._kept) - self.m)[-self.m :]
            self._least = float(self._kept.min())

    def largest(self, i: int) -> float:
        """Return the i-th largest value, i from 1 to m; minus infinity if fewer came by."""
        return float(np.sort(self._kept)[-i]) if i <= len(self._kept) else -np.inf


def for_top(scanner: Scanner, genome: Genome, ranges: Sequence[Range], n: int) -> list[float]:
    """Scan once to find, for each track, a score that its n best hits surely reach; more may reach it."""
    kept = [Largest(n * _BLOCKS_PER_HIT) for _ in scanner.tracks]
    for scores in scanner.scan(genome, ranges):
        for track, best, values in zip(scanner.tracks, kept, scores.values, strict=True):
            # In each block of windows that overlap one another the best; a hit overlaps windows of few blocks.
            size = max(1, track.length // scanner.step)
            filled = np.append(values, np.full(-len(values) % size, np.nan, dtype=np.float32))
            best.add(np.fmax.reduce(filled.reshape(-1, size), axis=1))
    return [best.largest(best.m) for best in kept]


def from_genome(scanner: Scanner, genome: Genome, ranges: Sequence[Range], p: float) -> tuple[list[float], int]:
    """Scan once to find, for each track, the score that the share p of all windows reaches; and count the windows."""
    n_windows = sum(-(-(stop - start) // scanner.step) for _, start, stop in ranges)
    return _share(scanner, scanner.scan(genome, ranges), n_windows, p, genome.path)


def from_shuffles(
    scanner: Scanner, genome: Genome, sizes: Mapping[str, int], p: float, seed: int
) -> tuple[list[float], int]:
    """Find, for each track, the score that the share p of the windows of shuffled stretches of a genome reaches.

    The shuffles keep the stretches' dinucleotides.

    Returns
    -------
    thresholds : list of float
    n : int
        Windows that were scored: fewer than :data:`TAIL` / p where chromosomes are very short.

    Raises
    ------
    InputError
        If no chromosome is long enough, or the genome is N where it was sampled.
    UsageError
        If p is too small to be found so.
    """
    wanted = max(FEWEST, math.ceil(TAIL / p))
    if wanted > MOST:
        raise UsageError(
            f"--threshold p={p:g}: shuffles tell shares down to {TAIL / MOST:g}; say --null genome, or a score"
        )
    chroms = [chrom for chrom, size in sizes.items() if size >= scanner.longest]
    if not chroms:
        raise InputError(f"no chromosome has {scanner.longest} bp, the length of a window", genome.path)
    each = max(1, STRETCH // scanner.step)
    long_enough = {chrom: sizes[chrom] for chrom in chroms}
    n = min(_n_stretches(long_enough, scanner, each, wanted), MOST_STRETCHES)
    stretches = _stretches(genome, long_enough, scanner, n, each, seed)
    scored = forked.stream(scanner.score, stretches) if scanner.on_cpu else map(scanner.score, stretches)
    return _share(scanner, scored, wanted + wanted // 10, p, genome.path)  # by chance there may be more


def _n_stretches(sizes: Mapping[str, int], scanner: Scanner, n_windows: int, wanted: int) -> int:
    """Return how many stretches hold so many windows on average: a short chromosome has room for few."""
    lengths = np.array(list(sizes.values()), dtype=np.int64)
    span = np.minimum(lengths, _full_span(scanner, n_windows))
    windows = (span - scanner.longest) // scanner.step + 1
    return math.ceil(wanted / float((windows * lengths).sum() / lengths.sum()))


def _full_span(scanner: Scanner, n_windows: int) -> int:
    return (n_windows - 1) * scanner.step + scanner.longest


def _stretches(
    genome: Genome, sizes: Mapping[str, int], scanner: Scanner, n: int, n_windows: int, seed: int
) -> Iterator[Piece]:
    """Yield shuffled stretches from random places."""
    rng = np.random.default_rng(seed)
    names = np.array(list(sizes), dtype=object)
    lengths = np.array(list(sizes.values()), dtype=np.int64)
    chrom = rng.choice(len(names), n, p=lengths / lengths.sum())
    span = np.minimum(lengths[chrom], _full_span(scanner, n_windows))
    start = rng.integers(lengths[chrom] - span + 1)
    for first in range(0, n, _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        cut = genome.extract(names[chrom[rows]], start[rows], start[rows] + span[rows])
        for codes in dinucleotide_shuffle(cut, seed, first):
            yield Piece("", 0, (len(codes) - scanner.shortest) // scanner.step + 1, codes)


def _share(scanner: Scanner, scored: Iterable[Scores], n_windows: int, p: float, path: str) -> tuple[list[float], int]:
    """Return, for each track, the least score that no more than the share p of the windows, n at most, reaches."""
    kept = [Largest(math.ceil(p * n_windows) + 1) for _ in scanner.tracks]
    for scores in scored:
        for best, values in zip(kept, scores.values, strict=True):
            best.add(values)
    if not min(best.n for best in kept):
        raise InputError("holds no letters but N in the windows that were scored", path)
    return [best.largest(min(best.m, math.ceil(p * best.n))) for best in kept], min(best.n for best in kept)

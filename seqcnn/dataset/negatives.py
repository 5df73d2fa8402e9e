"""Negatives for a set of positives: dinucleotide shuffles, genomic windows, or a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.genomic_negatives import flanking, gc_matched
from seqcnn.dataset.overlaps import overlapping
from seqcnn.dataset.sources import ReadOptions, Source, Tally, cut_out
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.sequence.counter import random_unit
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.sequence.windows import Windows

METHODS: Final = ("dinucleotide", "gc", "flank", "none")
_ROWS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True)
class NegativeOptions:
    """Which negatives.

    Parameters
    ----------
    method : str or None
        One of :data:`METHODS` or a file; None: none if there are negatives already, else "gc" for regions and
        "dinucleotide" for sequences.
    ratio : float
        Negatives per positive, for those that are made.
    seed : int
    """

    method: str | None = None
    ratio: float = 1.0
    seed: int = 0


Reread = Callable[[], Iterable[Examples]]
"""Gives the positives again, in chunks."""


def make_negatives(
    positives: Reread, method: str, options: NegativeOptions, reading: ReadOptions, tally: Tally, n_targets: int
) -> Iterator[Examples]:
    """Make negatives for positives.

    Parameters
    ----------
    positives : callable
        May be called several times.
    method : str
        "dinucleotide", "gc", "flank" or a file.
    options : NegativeOptions
    reading : ReadOptions
        With the genome, for windows; how to read the file.
    tally : Tally
    n_targets : int
        Every target of a negative is 0.

    Raises
    ------
    UsageError
        If genomic windows are wanted but the positives are not regions of a genome.
    """
    if method == "dinucleotide":
        made = _shuffles(positives, options, tally)
    elif method in ("gc", "flank"):
        made = _windows(positives, method, options, reading, tally)
    else:
        made = _from_file(positives, method, reading, tally)
    for examples in made:
        yield examples.with_targets(np.zeros((len(examples), n_targets), dtype=np.float32))


def _shuffles(positives: Reread, options: NegativeOptions, tally: Tally) -> Iterator[Examples]:
    """Shuffle each positive `ratio` times; of a fraction, random positives get one more."""
    whole, fraction = divmod(options.ratio, 1)
    unchanged = 0
    for copy in range(math.ceil(options.ratio)):
        first = 0
        for chunk in positives():
            index = np.arange(first, first + len(chunk))
            first += len(chunk)
            if copy == whole:
                chosen = random_unit(options.seed, index, np.uint64(copy)) < fraction
                chunk, index = chunk.take(chosen), index[chosen]
            if not len(chunk):
                continue
            shuffled = dinucleotide_shuffle(chunk.sequences, options.seed, first_index=index, round=copy << 32)
            unchanged += _n_equal(shuffled.data, chunk.sequences.data, shuffled.offsets)
            names = from_rows(row.tobytes() + b"_shuffled" for row in chunk.names)
            origin = np.full(len(chunk), Origin.DINUCLEOTIDE, dtype=np.uint8)
            yield Examples(shuffled, names, None, origin, chunk.windows, chunk.split)
    if unchanged:
        tally.counts["shuffles equal to their positive (no other sequence has its dinucleotides)"] += unchanged


def _n_equal(a: NDArray[np.uint8], b: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int:
    differs = np.add.reduceat(a != b, offsets[:-1]) if len(a) else np.zeros(0)
    return int(np.count_nonzero(differs == 0))


def _windows(
    positives: Reread, method: str, options: NegativeOptions, reading: ReadOptions, tally: Tally
) -> Iterator[Examples]:
    """Cut out genomic windows away from all positives."""
    parts = [chunk.windows for chunk in positives()]
    if reading.genome is None or any(part is None for part in parts):
        raise UsageError(
            f"--negatives {method} needs regions (BED, narrowPeak) and --genome; for sequences use dinucleotide"
        )
    known = [part for part in parts if part is not None]
    columns = [np.concatenate([getattr(part, name) for part in known]) for name in ("chrom", "start", "end")]
    with Genome(reading.genome) as genome:
        size = np.array([genome.chroms[name] for name in columns[0].tolist()], dtype=np.int64)
        inner = Windows(columns[0], np.clip(columns[1], 0, size - 1), np.clip(columns[2], 1, size))
        rng = np.random.default_rng([options.seed, 2])
        find = gc_matched if method == "gc" else flanking
        found = find(genome, inner, None, options.ratio, rng)
        tally.note(f"--negatives {method}: {found.describe()}")
        for name, count in found.counts.items():
            tally.counts[f"negatives ({method}): {name}"] += count
        if not len(found):
            raise InputError(f"no negatives found by --negatives {method}: {found.describe()}", reading.genome)
        for start in range(0, len(found), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            windows = Windows(found.chrom[rows], found.start[rows], found.end[rows], found.strand[rows])
            sequences, _ = cut_out(genome, windows)
            places = zip(windows.chrom.tolist(), windows.start.tolist(), windows.end.tolist(), strict=True)
            names = from_text(f"{chrom}:{a}-{b}" for chrom, a, b in places)
            kind = Origin.GC if method == "gc" else Origin.FLANK
            yield Examples(sequences, names, None, np.full(len(windows), kind, dtype=np.uint8), windows)


def _from_file(positives: Reread, path: str, reading: ReadOptions, tally: Tally) -> Iterator[Examples]:
    """Read negatives; those that overlap a positive, or are the same sequence, are left out and counted."""
    same, parts = set[int](), []
    for chunk in positives():
        same.update(hash(row.tobytes()) for row in chunk.sequences)
        if chunk.windows is not None:
            parts.append(chunk.windows)
    reading = replace(reading, target_columns=(), label_pattern=None)
    for chunk in Source(path, reading, tally):
        keep = np.array([hash(row.tobytes()) not in same for row in chunk.sequences], dtype=np.bool_)
        tally.counts["negatives left out: same sequence as a positive"] += int(np.count_nonzero(~keep))
        if chunk.windows is not None and parts:
            touching = np.zeros(len(chunk), dtype=np.bool_)
            for part in parts:
                touching |= overlapping(chunk.windows, part)
            tally.counts["negatives left out: overlap a positive"] += int(np.count_nonzero(touching & keep))
            keep &= ~touching
        if keep.any():
            yield chunk.take(keep)

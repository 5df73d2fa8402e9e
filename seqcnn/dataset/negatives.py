"""Negatives for a set of positives: dinucleotide shuffles, genomic windows, or a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.cutting import cut_out
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.genomic_negatives import flanking, gc_matched
from seqcnn.dataset.overlaps import Cover, Line
from seqcnn.dataset.sources import ReadOptions, Source, Tally
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.contexts import bases_of
from seqcnn.sequence.counter import random_unit
from seqcnn.sequence.ragged import from_rows, from_text, offsets_of
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.sequence.windows import Windows, concatenate

METHODS: Final = ("dinucleotide", "gc", "flank", "none")
_ROWS_AT_ONCE: Final = 20_000
_OF_A_FILE_TOO: Final = (
    *("alphabet", "genome", "length", "usual_length", "structure", "folding"),
    *("sequence_column", "name_column", "header"),
)
"""How the positives are read that goes for negatives from a file too."""


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
    positives: Reread,
    method: str,
    options: NegativeOptions,
    reading: ReadOptions,
    tally: Tally,
    n_targets: int,
    peaks: Sequence[Windows] = (),
) -> Iterator[Examples]:
    """Make negatives for positives.

    Where positives have weights, each negative that is made has that of its positive, and each from a file, if the file
    says none, their mean.

    Parameters
    ----------
    positives : callable
        May be called several times.
    method : str
        "dinucleotide", "gc", "flank" or a file.
    options : NegativeOptions
    reading : ReadOptions
        With the genome, for windows; how to read the file, which must have the alphabet that is said here.
    tally : Tally
    n_targets : int
        Every target of a negative is 0.
    peaks : sequence of Windows
        What genomic windows must not overlap besides the positives, under the genome's chromosome names.

    Raises
    ------
    UsageError
        If genomic windows are wanted but the positives are not regions of a genome; if the ratio is not above 0.
    InputError
        If the genome is not that of the positives, the alphabets differ, or no negatives are found or left.
    """
    if not 0 < options.ratio < math.inf:
        raise UsageError(f"the ratio of negatives to positives must be above 0, not {options.ratio:g}")
    if method not in METHODS and options.ratio != 1:
        raise UsageError(f"--negatives-ratio is for negatives that are made, but {method} is a file")
    if method == "dinucleotide":
        made = _shuffles(positives, options, tally)
    elif method in ("gc", "flank"):
        made = _windows(positives, method, options, reading, tally, peaks)
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
            sequences = bases_of(chunk.sequences)
            shuffled = dinucleotide_shuffle(sequences, options.seed, first_index=index, round=copy << 32)
            unchanged += _n_equal(shuffled.data, sequences.data, shuffled.offsets)
            names = from_rows(row.tobytes() + b"_shuffled" for row in chunk.names)
            origin = np.full(len(chunk), Origin.DINUCLEOTIDE, dtype=np.uint8)
            yield Examples(shuffled, names, None, origin, chunk.windows, chunk.split, chunk.weights)
    if unchanged:
        tally.counts["shuffles equal to their positive (few others or none have its dinucleotides)"] += unchanged


def _n_equal(a: NDArray[np.uint8], b: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int:
    differ = offsets_of(a != b)
    return int(np.count_nonzero(differ[offsets[1:]] == differ[offsets[:-1]]))


def _windows(
    positives: Reread,
    method: str,
    options: NegativeOptions,
    reading: ReadOptions,
    tally: Tally,
    peaks: Sequence[Windows],
) -> Iterator[Examples]:
    """Cut out genomic windows away from all positives and peaks."""
    parts: list[Windows | None] = []
    weighted: list[NDArray[np.float32] | None] = []
    for chunk in positives():
        parts.append(chunk.windows)
        weighted.append(chunk.weights)
    known = [part for part in parts if part is not None]
    if reading.genome is None or len(known) < len(parts) or any((part.chrom == "").any() for part in known):
        raise UsageError(
            f"--negatives {method} needs regions (BED, narrowPeak) and --genome; for sequences use dinucleotide"
        )
    with Genome(reading.genome) as genome:
        inner = _inside(concatenate(known), genome)
        rng = np.random.default_rng([options.seed, 2])
        find = gc_matched if method == "gc" else flanking
        found = find(genome, inner, concatenate(peaks) if peaks else None, options.ratio, rng)
        tally.note(f"--negatives {method}: {found.describe()}")
        for name, count in found.counts.items():
            tally.counts[f"negatives ({method}): {name}"] += count
        if not len(found):
            raise InputError(f"no negatives found by --negatives {method}: {found.describe()}", reading.genome)
        weights = _weights(weighted, known)
        for start in range(0, len(found), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            windows = Windows(found.chrom[rows], found.start[rows], found.end[rows], found.strand[rows])
            sequences, _ = cut_out(genome, windows)
            places = zip(windows.chrom.tolist(), windows.start.tolist(), windows.end.tolist(), strict=True)
            names = from_text(f"{chrom}:{a}-{b}" for chrom, a, b in places)
            kind = Origin.GC if method == "gc" else Origin.FLANK
            weight = None if weights is None else weights[found.positive[rows]]
            yield Examples(sequences, names, None, np.full(len(windows), kind, dtype=np.uint8), windows, weights=weight)


def _weights(parts: Sequence[NDArray[np.float32] | None], of: Sequence[Windows]) -> NDArray[np.float32] | None:
    """Put the weights of chunks together, 1 where there are none; None if none has such."""
    if all(part is None for part in parts):
        return None
    pairs = zip(parts, of, strict=True)
    return np.concatenate([np.ones(len(w), dtype=np.float32) if part is None else part for part, w in pairs])


def _inside(windows: Windows, genome: Genome) -> Windows:
    """Push windows that reach beyond a chromosome's end back inside, so that they keep their length if they can."""
    unknown = [name for name in dict.fromkeys(windows.chrom.tolist()) if name not in genome.chroms]
    if unknown:
        raise InputError(f"has no chromosome {unknown[0]!r}, but examples are on it", genome.path)
    size = np.array([genome.chroms[name] for name in windows.chrom.tolist()], dtype=np.int64)
    length = np.minimum(windows.end - windows.start, size)
    start = np.clip(windows.start, 0, size - length)
    return replace(windows, start=start, end=start + length)


def _from_file(positives: Reread, path: str, reading: ReadOptions, tally: Tally) -> Iterator[Examples]:
    """Read negatives; those that overlap a positive, or are the same sequence, are left out and counted.

    Of DNA, a sequence and its reverse complement are the same.
    """
    both = (reading.alphabet or "dna") == "dna"
    same, parts, n_kept = set[int](), [], 0
    n_positives, weight, weighted = 0, 0.0, False
    for chunk in positives():
        same.update(_hash(row, both) for row in bases_of(chunk.sequences))
        n_positives += len(chunk)
        weighted |= chunk.weights is not None
        weight += len(chunk) if chunk.weights is None else float(chunk.weights.sum(dtype=np.float64))
        if chunk.windows is not None:
            parts.append(chunk.windows)
    covered = _Covered(concatenate(parts)) if parts else None
    source = Source(path, ReadOptions(**{name: getattr(reading, name) for name in _OF_A_FILE_TOO}), tally)
    if (source.alphabet or "dna") != (reading.alphabet or "dna"):
        raise InputError(f"holds {source.alphabet}, but the positives are {reading.alphabet or 'dna'}", source.path)
    for chunk in source:
        keep = np.array([_hash(row, both) not in same for row in bases_of(chunk.sequences)], dtype=np.bool_)
        tally.counts["negatives left out: same sequence as a positive"] += int(np.count_nonzero(~keep))
        if chunk.windows is not None and covered is not None:
            touching = covered.touches(chunk.windows)
            tally.counts["negatives left out: overlap a positive"] += int(np.count_nonzero(touching & keep))
            keep &= ~touching
        n_kept += int(np.count_nonzero(keep))
        if weighted and chunk.weights is None:
            chunk = replace(chunk, weights=np.full(len(chunk), weight / n_positives, dtype=np.float32))
        if keep.any():
            yield chunk.take(keep)
    if not n_kept:
        raise InputError("holds no negatives but such as overlap a positive or are the same sequence", source.path)


def _hash(codes: NDArray[np.uint8], both_strands: bool) -> int:
    forward = codes.tobytes()
    return hash(min(forward, reverse_complement(codes).tobytes()) if both_strands else forward)


class _Covered:
    """What a set of windows covers."""

    def __init__(self, windows: Windows) -> None:
        ends: dict[str, int] = {}
        for name, end in zip(windows.chrom.tolist(), windows.end.tolist(), strict=True):
            ends[name] = max(ends.get(name, 0), end)
        self._line = Line(ends)
        self._cover = Cover(*self._line.place(windows))
        self._chroms = frozenset(ends)

    def touches(self, windows: Windows) -> NDArray[np.bool_]:
        """Say which windows share a base with it."""
        touching = np.array([name in self._chroms for name in windows.chrom.tolist()], dtype=np.bool_)
        touching[touching] = self._cover.touches(*self._line.place(windows.take(touching)))
        return touching

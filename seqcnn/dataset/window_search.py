"""The search for windows of a genome that pass filters and match: rounds of random candidates for slots to fill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.overlaps import Cover, Line
from seqcnn.formats.genome import Genome
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.windows import Intervals, Windows

_BASES_AT_ONCE: Final = 1 << 23
_FEWEST_TRIES, _MOST_TRIES, _TRIES_AT_ONCE = 4, 64, 160_000


@dataclass(frozen=True, slots=True)
class Negatives:
    """Windows to be used as negatives, in the order of the positives.

    Parameters
    ----------
    chrom, start, end, strand
        As in :class:`seqcnn.sequence.windows.Windows`; on the strand of their positives, else on "+".
    positive : ndarray of int64, shape (n,)
        Row of the positive that each stands for.
    counts : dict of str to int
        ``asked`` and ``found`` windows and why the others were not; how many found ones needed a compromise (``GC
        within 0.04``, ``any chromosome``, ``farther away``, ``may overlap a negative``); and how many candidates each
        filter took away (``removed: overlaps a peak`` and so on).
    """

    chrom: NDArray[np.object_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.str_]
    positive: NDArray[np.int64]
    counts: dict[str, int]

    def __len__(self) -> int:
        return len(self.start)

    def describe(self) -> str:
        """Say in one line what was found and, where that is less than was asked, what stood in the way."""
        short = self.counts["found"] < self.counts["asked"]
        rest = [
            f"{name}: {count:,}"
            for name, count in self.counts.items()
            if count and name not in ("asked", "found") and (short or not name.startswith("removed"))
        ]
        text = f"{self.counts['found']:,} of {self.counts['asked']:,} negatives found"
        return f"{text} ({', '.join(rest)})" if rest else text


class Phase(NamedTuple):
    """How far the search goes: GC bin (or reach in lengths), own chromosome or others, free of other negatives."""

    width: float
    own: bool
    apart: bool
    rounds: int
    compromise: str | None


class Proposal(NamedTuple):
    """A candidate for each slot asked for, and the key that slot and candidate must share, from slot, row and GC."""

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    key: Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], NDArray[np.int64]]


class Search:
    """Slots, one for each negative asked for, that are filled round by round with candidates that pass the filters."""

    def __init__(
        self,
        genome: Genome,
        positives: Windows,
        avoid: Intervals | None,
        ratio: float,
        rng: np.random.Generator,
        max_n: float,
    ) -> None:
        self.genome = genome
        self.max_n = max_n
        self.line = Line(genome.chroms)
        self.positive_rows = self.line.rows(positives.chrom.tolist())
        n = len(self.positive_rows)
        each = np.full(n, int(ratio), dtype=np.int64)
        each[rng.permutation(n)[: round((ratio - int(ratio)) * n)]] += 1
        self.positive = np.repeat(np.arange(n), each)
        self.row = self.positive_rows[self.positive]
        self.length = (positives.end - positives.start)[self.positive]
        # What reads one strand would tell sense from antisense if these were all on one.
        self.strand = np.where(positives.strand == "-", "-", "+") if positives.strand is not None else np.full(n, "+")
        self.found_row = np.full(len(self.positive), -1, dtype=np.int64)
        self.found_start = np.zeros(len(self.positive), dtype=np.int64)
        self.forbidden = Cover(*self.line.place(positives))
        if avoid is not None:
            self.forbidden = self.forbidden.with_more(*self.line.place(avoid))
        self.taken = Cover(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        self.compromises: dict[str, int] = {}
        self.removed: dict[str, int] = {}

    def run(
        self,
        phases: tuple[Phase, ...],
        propose: Callable[[NDArray[np.int64], Phase], Proposal],
        target: NDArray[np.float64],
        failure: str,
    ) -> Negatives:
        """Fill the slots, phase by phase."""
        for phase in phases:
            for _ in range(phase.rounds):
                for slots in self._open_slots():
                    tries = min(_TRIES_AT_ONCE // len(slots), _BASES_AT_ONCE // int(self.length[slots].sum()))
                    candidates = np.repeat(slots, min(max(tries, _FEWEST_TRIES), _MOST_TRIES))
                    self._fill(slots, candidates, propose(candidates, phase), target, phase)
        found = np.flatnonzero(self.found_row >= 0)
        counts = {"asked": len(self.positive), "found": len(found), failure: len(self.positive) - len(found)}
        counts |= self.compromises | {f"removed: {reason}": count for reason, count in self.removed.items()}
        start = self.found_start[found]
        chrom = self.line.names[self.found_row[found]]
        strand = self.strand[self.positive[found]]
        return Negatives(chrom, start, start + self.length[found], strand, self.positive[found], counts)

    def _open_slots(self) -> Iterator[NDArray[np.int64]]:
        """Yield the empty slots, so many at a time that their candidates have a bounded number of bases."""
        slots = np.flatnonzero(self.found_row < 0)
        bases = np.cumsum(self.length[slots] * _FEWEST_TRIES) // _BASES_AT_ONCE
        if len(slots):
            yield from np.split(slots, np.flatnonzero(np.diff(bases)) + 1)

    def composition(
        self, rows: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the GC fraction (of A C G T) and the share of N of windows, both of shape (n,)."""
        gc, share = np.zeros(len(rows)), np.zeros(len(rows))
        counted = self.genome.n_ambiguous
        step = max(1, _BASES_AT_ONCE // int((end - start).max(initial=1)))
        for i in range(0, len(rows), step):
            part = slice(i, i + step)
            codes = self.genome.extract(self.line.names[rows[part]], start[part], end[part])
            first = codes.offsets[:-1]
            n_gc = np.add.reduceat((codes.data == 1) | (codes.data == 2), first, dtype=np.int64)
            n_n = np.add.reduceat(codes.data == N_CODE, first, dtype=np.int64)
            gc[part] = n_gc / np.maximum(codes.lengths - n_n, 1)
            share[part] = n_n / codes.lengths
        self.genome.n_ambiguous = counted
        return gc, share

    def _fill(
        self,
        slots: NDArray[np.int64],
        candidates: NDArray[np.int64],
        proposal: Proposal,
        target: NDArray[np.float64],
        phase: Phase,
    ) -> None:
        """Filter the candidates, match them to slots by key, and keep those that do not overlap one another."""
        rows, start, key = proposal
        within = (start >= 0) & (start + self.length[candidates] <= self.line.sizes[rows])
        candidates, rows, start = self._drop(~within, "past a chromosome end", candidates, rows, start)
        for cover, reason in ((self.forbidden, "overlaps a peak"), (self.taken, "overlaps a negative")):
            if phase.apart or cover is self.forbidden:
                at = self.line.begins[rows] + start
                touching = cover.touches(at, at + self.length[candidates])
                candidates, rows, start = self._drop(touching, reason, candidates, rows, start)
        gc, share = self.composition(rows, start, start + self.length[candidates])
        keep = share <= self.max_n
        candidates, rows, start = self._drop(~keep, "contains N", candidates, rows, start)
        wanted = key(slots, self.row[slots], target[slots])
        which, chosen = _match(wanted, key(candidates, rows, gc[keep]))
        self._take(slots[which], rows[chosen], start[chosen], phase)

    def _drop(self, wrong: NDArray[np.bool_], reason: str, *arrays: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        count = int(np.count_nonzero(wrong))
        if count:
            self.removed[reason] = self.removed.get(reason, 0) + count
        return tuple(array[~wrong] for array in arrays)

    def _take(self, slots: NDArray[np.int64], rows: NDArray[np.int64], start: NDArray[np.int64], phase: Phase) -> None:
        order = np.argsort(self.line.begins[rows] + start, kind="stable")
        slots, rows, start = slots[order], rows[order], start[order]
        at = self.line.begins[rows] + start
        end = at + self.length[slots]
        if phase.apart:
            free = at >= np.append(0, np.maximum.accumulate(end)[:-1])[: len(at)]
        else:
            filled = self.found_row >= 0
            used = self.line.begins[self.found_row[filled]] + self.found_start[filled]
            free = ~np.isin(at, used) & (np.append(-1, at[:-1])[: len(at)] != at)
        self.found_row[slots[free]] = rows[free]
        self.found_start[slots[free]] = start[free]
        self.taken = self.taken.with_more(at[free], end[free])
        if phase.compromise and free.any():
            count = int(np.count_nonzero(free))
            self.compromises[phase.compromise] = self.compromises.get(phase.compromise, 0) + count


def _match(wanted: NDArray[np.int64], offered: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair the k-th row that wants a key with the k-th that offers it; return the rows of the pairs."""
    a, b = np.argsort(wanted, kind="stable"), np.argsort(offered, kind="stable")
    keys, stock = wanted[a], offered[b]
    rank = np.arange(len(keys)) - np.searchsorted(keys, keys, side="left")
    at = np.searchsorted(stock, keys, side="left") + rank
    there = at < np.searchsorted(stock, keys, side="right")
    return a[there], b[at[there]]

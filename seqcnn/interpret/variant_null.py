"""How large a change by chance is: random variants of the same kind in shuffled stretches of the genome.

For a substitution, those that replace the same letter by the same letter; where a model reads both strands, A>C and T>G
are one kind. For all else, as many letters that go and that come, beyond 8 in steps of the square root of 2. A letter
that is replaced stands where the shuffle put it, so that its neighbours are those that it has in the genome.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.genome import Genome
from seqcnn.interpret.variant_windows import Sites
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged, concatenate, offsets_of
from seqcnn.sequence.shuffle import dinucleotide_shuffle

Floats = NDArray[np.float64]
Score = Callable[[Sites], Floats]
"""Returns the changes of the score, shape (n_targets, n)."""

Kind = tuple[int, int]
Run = Callable[[Callable[[Any], Floats], Sequence[Any]], list[Floats]]
"""Does a thing with each of several, as :func:`seqcnn.models.threads.run`."""

SPARE: Final = 64
"""Places that a base to be replaced is looked for in, in each stretch."""

EXACT: Final = 8
"""Numbers of letters up to which they must be the same."""

LETTERS: Final = 1 << 21
"""Most letters in the stretches for one kind, where alleles are long."""

FEWEST: Final = 100
"""Random variants without which there are no p and z."""

_TRIES: Final = 8
_AT_ONCE: Final = 4096


class Table(NamedTuple):
    """Changes by random variants of one kind.

    Parameters
    ----------
    sorted : ndarray, shape (n_targets, n)
        Ascending.
    mean, sd : ndarray, shape (n_targets,)
    """

    sorted: Floats
    mean: Floats
    sd: Floats

    def judge(self, target: int, change: Floats) -> tuple[Floats, Floats]:
        """Return p and z of changes of a target's score; see :meth:`Null.judge`."""
        values = self.sorted[target]
        below = np.searchsorted(values, change, side="right")
        above = len(values) - np.searchsorted(values, change, side="left")
        p = np.minimum(1.0, 2.0 * (1 + np.minimum(below, above)) / (1 + len(values)))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (change - self.mean[target]) / self.sd[target]
        return p, np.where(np.isfinite(z), z, np.nan)


class Null:
    """Tables of random variants, each made when it is first asked for; what is in them depends on the seed alone.

    Parameters
    ----------
    genome : Genome
    sizes : mapping of str to int
        Chromosomes that stretches are taken from.
    score : callable
        See :data:`Score`.
    around : tuple of int
        Most bases before and after the letters that change.
    n : int
        Random variants of each kind.
    both_strands : bool
        A kind of substitution and its complement are one.
    seed : int
    """

    def __init__(
        self,
        genome: Genome,
        sizes: Mapping[str, int],
        score: Score,
        around: tuple[int, int],
        n: int,
        *,
        both_strands: bool,
        seed: int,
    ) -> None:
        self._genome, self._score, self._around = genome, score, around
        self._sizes, self._n, self._both, self._seed = sizes, n, both_strands, seed
        self._tables: dict[tuple[int, int], Table | None] = {}
        self._substitutions: dict[tuple[int, int], Table] | None = None
        self._lock = threading.Lock()

    def judge(self, sites: Sites, change: Floats) -> tuple[Floats, Floats]:
        """Return p and z of changes of the score.

        p = min(1, 2 (1 + min(#{null <= change}, #{null >= change})) / (1 + n)), of both tails; z is the change less the
        mean of the null, in its standard deviations.

        Parameters
        ----------
        sites : Sites
        change : ndarray, shape (n_targets, n)

        Returns
        -------
        p, z : ndarray, shape (n_targets, n)
            NaN where there is no null: the letter replaced is N, the allele is very long (about 20,000 letters), or the
            genome has no stretch to shuffle; z also where the null does not vary.

        References
        ----------
        Phipson and Smyth 2010, doi:10.2202/1544-6115.1585 (one is added, so that p is never 0).
        """
        p, z = np.full_like(change, np.nan), np.full_like(change, np.nan)
        come = sites.alt.lengths
        single = (sites.removed == 1) & (come == 1)
        rows = np.flatnonzero(single)
        if len(rows):
            old = sites.windows.data[sites.windows.offsets[:-1][rows] + sites.left[rows]].astype(np.int64)
            new = sites.alt.data[sites.alt.offsets[:-1][rows]].astype(np.int64)
            for (a, b), table in self.substitutions().items():
                of_kind = rows[(old == a) & (new == b)]
                _put(table, of_kind, change, p, z)
        others = np.flatnonzero(~single)
        if len(others):
            kinds = np.stack([_rounded(sites.removed[others]), _rounded(come[others])], axis=1)
            for kind in np.unique(kinds, axis=0):
                table_of_kind = self._table(int(kind[0]), int(kind[1]))
                if table_of_kind is not None:
                    _put(table_of_kind, others[(kinds == kind).all(1)], change, p, z)
        return p, z

    def substitutions(self, run: Run | None = None) -> dict[Kind, Table]:
        """Return the table of each kind of substitution, by the codes of both letters; `run` does several things."""
        with self._lock:
            if self._substitutions is None:
                self._substitutions = self._make_substitutions(run or _one_by_one)
            return self._substitutions

    def _table(self, removed: int, come: int) -> Table | None:
        with self._lock:
            if (removed, come) not in self._tables:
                self._tables[removed, come] = self._make_table(removed, come)
            return self._tables[removed, come]

    def _make_substitutions(self, run: Run) -> dict[Kind, Table]:
        left, right = self._around
        stretches = self._stretches(left + right + SPARE, self._n, (1, 1))
        if not len(stretches):
            return {}
        square = stretches.data.reshape(len(stretches), -1)
        middle = square[:, left : left + SPARE]
        rng = np.random.default_rng([self._seed, 1])
        draw = rng.random((4, len(square)))
        chosen: list[tuple[Kind, NDArray[np.uint8]]] = []
        for old in range(4):
            there = middle == old
            count = there.sum(1)
            rows = np.flatnonzero(count)
            if self._both:  # a letter and its complement share the stretches
                rows = rows[rows % 2 == old // 2]
            nth = (draw[old, rows] * count[rows]).astype(np.int64)
            at = (np.cumsum(there[rows], axis=1) > nth[:, None]).argmax(1)
            windows = square[rows[:, None], at[:, None] + np.arange(left + right + 1)]
            chosen += [((old, new), windows) for new in range(4) if new != old]

        def score(part: tuple[Kind, NDArray[np.uint8]]) -> Floats:
            (_, new), windows = part
            return self._change(windows, left, 1, np.full((len(windows), 1), new, dtype=np.uint8))

        values = dict(zip([kind for kind, _ in chosen], run(score, chosen), strict=True))
        if self._both:
            values = {
                (old, new): np.concatenate([each, values[3 - old, 3 - new]], axis=1)
                for (old, new), each in values.items()
            }
        return {kind: _tabulated(each) for kind, each in values.items() if each.shape[1]}

    def _make_table(self, removed: int, come: int) -> Table | None:
        left, right = self._around
        length = left + removed + right + come
        n = min(self._n, LETTERS // max(1, length))
        if n < min(FEWEST, self._n):
            return None
        stretches = self._stretches(length, n, (removed, come))
        if not len(stretches) or not left + removed + right:
            return None
        square = stretches.data.reshape(len(stretches), -1)
        return _tabulated(self._change(square[:, come:], left, removed, square[:, :come]))

    def _change(self, windows: NDArray[np.uint8], left: int, removed: int, come: NDArray[np.uint8]) -> Floats:
        """Score variants at one place of windows; shape (n_targets, n)."""
        n = len(windows)

        def ragged(square: NDArray[np.uint8]) -> Ragged:
            return Ragged(np.ascontiguousarray(square).reshape(-1), offsets_of(np.full(n, square.shape[1])))

        sites = Sites(ragged(windows), np.full(n, left), np.full(n, removed), ragged(come))
        parts = [self._score(sites.take(np.arange(start, min(start + _AT_ONCE, n)))) for start in range(0, n, _AT_ONCE)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0))

    def _stretches(self, length: int, n: int, kind: Sequence[int]) -> Ragged:
        """Return n shuffled stretches of the genome without N, or as many as a few tries give."""
        names = np.array([name for name, size in self._sizes.items() if size >= length], dtype=object)
        if not len(names):
            return concatenate([])
        size = np.array([self._sizes[name] for name in names], dtype=np.int64)
        rng = np.random.default_rng([self._seed, *kind])
        found: list[Ragged] = []
        for _ in range(_TRIES):
            chrom = rng.choice(len(names), n, p=size / size.sum())
            start = rng.integers(size[chrom] - length + 1)
            cut = self._genome.extract(names[chrom], start, start + length)
            found.append(cut.take(~(cut.data.reshape(n, length) == N_CODE).any(1)))
            if sum(map(len, found)) >= n:
                break
        return dinucleotide_shuffle(concatenate(found).slice(0, n), self._seed)


def _one_by_one(work: Callable[[Any], Floats], parts: Sequence[Any]) -> list[Floats]:
    return [work(part) for part in parts]


def _put(table: Table, rows: NDArray[np.intp], change: Floats, p: Floats, z: Floats) -> None:
    """Judge some columns."""
    for target in range(len(change) if len(rows) else 0):
        p[target, rows], z[target, rows] = table.judge(target, change[target, rows])


def _tabulated(values: Floats) -> Table:
    return Table(np.sort(values, axis=1), values.mean(1), values.std(1))


def _rounded(n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Round numbers above :data:`EXACT` to powers of the square root of 2."""
    steps = np.rint(2 * np.log2(np.maximum(n, 1)))
    return np.where(n <= EXACT, n, np.rint(2 ** (steps / 2)).astype(np.int64))

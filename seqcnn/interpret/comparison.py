"""Comparing motifs with a database: Tomtom with exact p-values.

Gupta et al. 2007 (doi:10.1186/gb-2007-8-2-r24), with the complete scores of Tanaka et al. 2011
(doi:10.1093/bioinformatics/btr257) that are the default of the MEME suite: a column of the query beside the target gets
the median score of that column against all target columns. Details, such as the binning, are those of the MEME suite's
tomtom; its newer versions add a pseudocount of 0.1 to every motif, which is not done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.interpret.alignment_null import log_chances_below

COLUMN_SCORES: Final = ("euclidean", "pearson")
"""How two columns are compared."""

N_BINS: Final = 100
"""Scores are binned so that the range of a query's scores, widened to whole numbers, takes at most so many steps."""

FEW_TARGETS: Final = 50
"""With fewer targets the distribution of column scores, and with it every p-value, is rough."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The best alignment of a query with each target.

    Parameters
    ----------
    p : ndarray of float64, shape (n_targets,)
        Probability that a random target of this width aligns as well, on either strand where both are tried.
    e : ndarray of float64, shape (n_targets,)
        Expected number of such targets in the database: p times their number.
    q : ndarray of float64, shape (n_targets,)
        Least false discovery rate at which the match counts as one, among the matches of this query (Benjamini and
        Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x).
    offset : ndarray of int64, shape (n_targets,)
        Column of the target, 0-based, that the first column of the query lies on; negative where the query begins
        before the target. It counts along the reverse complement of the target where strand is "-".
    overlap : ndarray of int64, shape (n_targets,)
        Columns that lie on each other, in bp.
    strand : ndarray of str, shape (n_targets,)
        "+" or "-": the strand of the target that the query aligns with.
    """

    p: NDArray[np.float64]
    e: NDArray[np.float64]
    q: NDArray[np.float64]
    offset: NDArray[np.int64]
    overlap: NDArray[np.int64]
    strand: NDArray[np.str_]

    def order(self) -> NDArray[np.int64]:
        """Return the targets from the best to the worst: by p, then the larger overlap, then as in the database."""
        return np.lexsort((-self.overlap, self.p))


@dataclass(frozen=True, slots=True)
class Match:
    """A target and how it matches: a row of :class:`Matches`."""

    target: Motif
    p: float
    e: float
    q: float
    offset: int
    overlap: int
    strand: str

    def oriented(self) -> Motif:
        """Return the target as the query aligns with it: its reverse complement where the strand is "-"."""
        return self.target.reverse_complement() if self.strand == "-" else self.target


class Database:
    """Target motifs, laid out for comparison.

    Parameters
    ----------
    targets : sequence of Motif
        At least one, of one alphabet.
    score : {"euclidean", "pearson"}
        Minus the Euclidean distance of two columns, or their Pearson correlation (0 for a uniform column).
    both_strands : bool, optional
        Compare with the reverse complements too; by default for DNA and not for RNA.

    Raises
    ------
    ValueError
        If there is no target, alphabets differ, or the score has another name.
    """

    def __init__(self, targets: Sequence[Motif], *, score: str = "euclidean", both_strands: bool | None = None) -> None:
        if not targets or len({target.alphabet for target in targets}) > 1:
            raise ValueError("a database needs motifs, of one alphabet")
        if score not in COLUMN_SCORES:
            raise ValueError(f"score is {score!r}, not one of {', '.join(COLUMN_SCORES)}")
        self.alphabet = targets[0].alphabet
        self.targets = list(targets)
        self.score = score
        self.n_strands = 1 + int(self.alphabet == "dna" if both_strands is None else both_strands)
        forward = [target.ppm for target in targets]
        strands = (forward, [ppm[::-1, ::-1] for ppm in forward])[: self.n_strands]
        self._columns = np.concatenate([ppm for strand in strands for ppm in strand], axis=1)
        self._widths = np.array([target.width for target in targets] * self.n_strands)
        self._layouts: dict[int, _Layout] = {}

    def search(self, query: Motif) -> Matches:
        """Align a query with every target.

        Raises
        ------
        ValueError
            If the query has another alphabet.
        """
        if query.alphabet != self.alphabet:
            raise ValueError(f"{query.name} is {query.alphabet.upper()}, but the database is {self.alphabet.upper()}")
        values = binned_scores(query.ppm, self._columns, self.score)
        if query.width not in self._layouts:
            self._layouts[query.width] = _Layout(self._widths, query.width)
        found = self._layouts[query.width].best_alignments(values)
        scores, overlap, offset = (array.reshape(self.n_strands, -1) for array in found)
        ranks = scores * (query.width + 1) + overlap
        strand = ranks.argmax(axis=0)  # the first, which is the forward one, where both are as good
        chosen = strand, np.arange(len(self.targets))
        p = self._chances(values, scores[chosen])
        letters = np.where(strand == 1, "-", "+")
        return Matches(p, p * len(p), benjamini_hochberg(p), offset[chosen], overlap[chosen], letters)

    def best(self, query: Motif, *, q: float = 1.0, limit: int | None = None) -> list[Match]:
        """Return the targets that match a query with at most this q-value, at most `limit`, the best first."""
        matches = self.search(query)
        order = matches.order()
        order = order[matches.q[order] <= q][:limit]
        columns = (matches.p, matches.e, matches.q, matches.offset, matches.overlap, matches.strand)
        rows = zip(*(column[order].tolist() for column in columns), strict=True)
        return [Match(self.targets[i], *row) for i, row in zip(order.tolist(), rows, strict=True)]

    def _chances(self, values: NDArray[np.int64], scores: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability that a random target of the width of each target scores as much."""
        query_width, n_columns = values.shape
        low, n_values = int(values.min()), int(values.max() - values.min()) + 1
        places = values - low + n_values * np.arange(query_width)[:, None]
        counts = np.bincount(places.reshape(-1), minlength=query_width * n_values)
        widths = self._widths[: len(self.targets)]
        below = log_chances_below(counts.reshape(-1, n_values) / n_columns, low, set(widths.tolist()))
        logs = np.empty(len(widths))
        for width, table in below.items():
            alike = widths == width
            logs[alike] = table[scores[alike] - query_width * low]
        return 0.0 - np.expm1(self.n_strands * logs)


class _Layout:
    """All target columns in a row, with room between targets for every alignment with a query of one width."""

    def __init__(self, widths: NDArray[np.int64], query_width: int) -> None:
        room = widths + query_width - 1
        self.starts = np.concatenate([[0], np.cumsum(room)[:-1]])
        self.n_places = int(room.sum())
        self.room = room
        within = np.arange(widths.sum()) - np.repeat(np.cumsum(widths) - widths, widths)
        self.index = np.repeat(self.starts, widths) + query_width - 1 + within
        place = np.arange(self.n_places) - np.repeat(self.starts, room)
        first = np.minimum(place + 1, query_width)
        last = np.minimum(np.repeat(room, room) - place, np.repeat(widths, room))
        self.overlap = np.minimum(first, last)

    def best_alignments(
        self, values: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return score, overlap and offset of each target's best alignment.

        Of several with the best score it is the one with the largest overlap, of these the first from the left.
        """
        width = len(values)
        spread = np.zeros((width, self.n_places + width), dtype=np.int64)
        spread[:, self.index] = values
        ranks = self.overlap.copy()
        total = np.zeros(self.n_places, dtype=np.int64)
        for i, row in enumerate(spread):
            total += row[i : i + self.n_places]
        ranks += total * (width + 1)
        best = np.maximum.reduceat(ranks, self.starts)
        hits = np.flatnonzero(ranks == np.repeat(best, self.room))
        places = hits[np.searchsorted(hits, self.starts)]
        return total[places], self.overlap[places], places - self.starts - (width - 1)


def column_scores(
    query: NDArray[np.float64], targets: NDArray[np.float64], score: str = "euclidean"
) -> NDArray[np.float64]:
    """Compare every column of a query, shape (4, width), with every column of targets, shape (4, n): (width, n)."""
    if score == "pearson":
        query, targets = query - 0.25, targets - 0.25
        norms = np.sqrt((query**2).sum(axis=0))[:, None] * np.sqrt((targets**2).sum(axis=0))
        products = query.T @ targets
        return np.asarray(np.divide(products, norms, out=np.zeros_like(products), where=norms > 0))
    squares = np.zeros((query.shape[1], targets.shape[1]))
    for base in range(4):
        difference = query[base][:, None] - targets[base]
        difference *= difference
        squares += difference
    return -np.sqrt(squares)


def binned_scores(
    query: NDArray[np.float64], targets: NDArray[np.float64], score: str, n_bins: int = N_BINS
) -> NDArray[np.int64]:
    """Return column scores as whole numbers, shape (width, n); the (lower) median of each row is 0."""
    scores = column_scores(query, targets, score)
    middle = (scores.shape[1] - 1) // 2
    scores -= np.partition(scores, middle, axis=1)[:, middle, None]
    least, most = scores.min(), scores.max()
    least = np.floor(most - 1 if least == most else least)
    scale = np.floor(n_bins / (most - least))
    steps: NDArray[np.int64] = np.floor((scores - least) * scale + 0.5).astype(np.int64)
    return steps + int(least * scale)


def benjamini_hochberg(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q-values, each at most 1: the least of p * n / rank over all p that are at least as large."""
    order = np.argsort(p)
    steps = p[order] * (len(p) / np.arange(1, len(p) + 1))
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return np.minimum(q, 1.0)

"""Seqlets: windows whose bases together contribute more to the score than any do in shuffled sequences.

Shrikumar et al. 2018, arXiv:1811.00416 (TF-MoDISco), with two differences. Contributions are exact, from every
substitution, and the threshold comes from dinucleotide shuffles of the same sequences, at a false discovery rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models.network import Network
from seqcnn.sequence.alphabet import N_CODE, reverse_complement
from seqcnn.sequence.ragged import Ragged

LETTERS_AT_ONCE: Final = 1 << 18
"""Letters whose substitutions are scored, or whose windows are summed, at a time."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """What each base would contribute at each position of some sequences.

    Parameters
    ----------
    sequences : Ragged
        Codes.
    by_base : ndarray of float32, shape (total, 4)
        Bases of all sequences end to end, by A C G T/U: score with that base, less the mean score over the other three.
    """

    sequences: Ragged
    by_base: Floats

    def own(self) -> Floats:
        """Return the contribution of the bases that are there, shape (total,); 0 for an N."""
        codes = self.sequences.data
        values = np.take_along_axis(self.by_base, np.minimum(codes, N_CODE - 1)[:, None].astype(np.intp), axis=1)[:, 0]
        return np.where(codes == N_CODE, np.float32(0), values)

    def windows(self, seqlets: Seqlets, width: int) -> tuple[Floats, NDArray[np.uint8]]:
        """Cut windows, as read on their strand.

        Parameters
        ----------
        seqlets : Seqlets
            Their starts may lie before a sequence's first base, and their ends beyond its last.
        width : int
            In bp.

        Returns
        -------
        by_base : ndarray of float32, shape (n, 4, width)
            0 beyond the ends.
        codes : ndarray of uint8, shape (n, width)
            N beyond the ends.
        """
        position = seqlets.start[:, None] + np.arange(width)
        inside = (position >= 0) & (position < self.sequences.lengths[seqlets.sequence, None])
        index = np.where(inside, position + self.sequences.offsets[seqlets.sequence, None], 0)
        values = np.where(inside[..., None], self.by_base[index], np.float32(0)).transpose(0, 2, 1)
        codes = np.where(inside, self.sequences.data[index], np.uint8(N_CODE))
        back = seqlets.minus
        values[back] = values[back, ::-1, ::-1]
        codes[back] = reverse_complement(codes[back])
        return values, codes


@dataclass(frozen=True, slots=True, eq=False)
class Seqlets:
    """Windows of one width.

    Parameters
    ----------
    sequence, start : ndarray of int64, shape (n,)
        Row, and position of the window's first base in it, in bp.
    minus : ndarray of bool, shape (n,)
        Read as the reverse complement.
    score : ndarray of float64, shape (n,)
        Sum of the contributions of the bases that made it one.
    """

    sequence: NDArray[np.int64]
    start: NDArray[np.int64]
    minus: NDArray[np.bool_]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sequence)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Seqlets:
        """Return those at these indices, or where the mask is true."""
        return Seqlets(self.sequence[rows], self.start[rows], self.minus[rows], self.score[rows])

    def moved(self, shift: NDArray[np.integer] | int, turned: NDArray[np.bool_], width: int, new: int) -> Seqlets:
        """Return windows of another place, strand and width.

        Parameters
        ----------
        shift : int or ndarray of int, shape (n,)
            Where the new window begins, counted from the old one's first base as the new window is read: of the reverse
            complement of the old window where `turned`.
        turned : ndarray of bool, shape (n,)
            The new window is read on the other strand than the old one.
        width, new : int
            Of the old windows and the new ones, in bp.
        """
        minus = self.minus ^ turned
        start = np.where(minus, self.start + width - new - shift, self.start + shift)
        return Seqlets(self.sequence, start, minus, self.score)


def profile(network: Network, sequences: Ragged, target: int = 0, batch_size: int | None = None) -> Profiles:
    """Score every substitution and express it as contributions; for an ensemble the mean over members.

    With ``d[b]`` the change of the score by base b (0 for the one that is there), base b contributes
    ``d[b] - sum(d[c] for c != b) / 3``; for the base that is there this is the score less the mean of its mutants'.
    """
    by_base = np.empty((len(sequences.data), 4), dtype=np.float32)
    for first, last in _runs(sequences.lengths):
        part = sequences.slice(first, last)
        change = substitutions(network, part, batch_size).change[..., target]
        by_base[sequences.offsets[first] : sequences.offsets[last]] = (change - change.mean(1, keepdims=True)) * (4 / 3)
    return Profiles(sequences, by_base)


def _runs(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut rows into runs of about `LETTERS_AT_ONCE` letters."""
    total = np.cumsum(lengths)
    first = 0
    while first < len(lengths):
        before = total[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(total, before + LETTERS_AT_ONCE, side="right")))
        yield first, last
        first = last


def find(profiles: Profiles, core: int, sign: int) -> Seqlets:
    """Find windows that do not overlap, the one with the largest sum of contributions first, in each sequence.

    Parameters
    ----------
    profiles : Profiles
    core : int
        Width of the windows, in bp; a shorter sequence is one window.
    sign : {1, -1}
        Look for windows whose bases raise the score, or lower it.

    Returns
    -------
    Seqlets
        All with a sum of that sign, in the order of the sequences; on the forward strand.
    """
    values = profiles.own().astype(np.float64) * sign
    lengths = profiles.sequences.lengths
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    found = []
    for first, last in _runs(lengths[order]):
        rows = order[first:last]
        longest = int(lengths[rows].max())
        inside = np.arange(longest) < lengths[rows, None]
        sums = np.zeros((len(rows), max(longest, core) + 1))
        filled = np.zeros((len(rows), longest))
        filled[inside] = values[_places(profiles.sequences, rows)]
        np.cumsum(filled, axis=1, out=sums[:, 1 : longest + 1])
        sums[:, longest + 1 :] = sums[:, longest, None]
        windows = sums[:, core:] - sums[:, :-core]
        windows[np.arange(windows.shape[1]) > np.maximum(lengths[rows, None] - core, 0)] = 0
        found += [(rows[row], start, score) for row, start, score in _peaks(windows, core)]
    row, start, score = (np.concatenate([np.zeros(0), *(peak[i] for peak in found)]) for i in range(3))
    in_order = np.lexsort((start, row))
    at = row.astype(np.int64), start.astype(np.int64)
    return Seqlets(at[0], at[1], np.zeros(len(row), dtype=bool), score * sign).take(in_order)


def _places(sequences: Ragged, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return where the letters of these rows are, end to end."""
    lengths = sequences.lengths[rows]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places: NDArray[np.int64] = np.repeat(sequences.offsets[rows], lengths) + within
    return places


def _peaks(
    windows: NDArray[np.float64], core: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Take each row's largest window above 0, then the largest that does not overlap it, and so on; it uses them up."""
    n_starts = windows.shape[1]
    active = np.arange(len(windows))
    while len(active):
        start = windows[active].argmax(axis=1)
        score = windows[active, start]
        active, start, score = active[score > 0], start[score > 0], score[score > 0]
        if len(active):
            yield active, start, score
        around = start[:, None] + np.arange(1 - core, core)
        windows[active[:, None], np.clip(around, 0, n_starts - 1)] = 0


def above_shuffled(
    profiles: Profiles, shuffled: Profiles, core: int, sign: int, rate: float
) -> tuple[Seqlets, Seqlets]:
    """Find windows that contribute more than windows of shuffled sequences do.

    The threshold is the lowest at which the expected share of those that shuffled sequences give too, which counts one
    more than there are, is at most `rate`. A shuffle may hold the motif by chance, so that this is on the safe side.

    Parameters
    ----------
    profiles, shuffled : Profiles
    core, sign : int
        As in :func:`find`.
    rate : float
        False discovery rate.

    Returns
    -------
    seqlets, in_shuffled : Seqlets
        Of the sequences and of the shuffled ones; both are empty where no threshold does.
    """
    found, others = find(profiles, core, sign), find(shuffled, core, sign)
    scores = np.sort(found.score * sign)[::-1]
    null = np.sort(others.score * sign)
    as_high = len(null) - np.searchsorted(null, scores, side="left")
    share = len(profiles.sequences.data) / max(len(shuffled.sequences.data), 1)
    good = np.flatnonzero((as_high + 1) * share <= rate * np.arange(1, len(scores) + 1))
    level = scores[good[-1]] if len(good) else np.inf
    return found.take(found.score * sign >= level), others.take(others.score * sign >= level)

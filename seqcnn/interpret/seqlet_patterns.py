"""From seqlets to patterns: those that are alike, aligned and averaged.

Some of the seqlets are clustered by average linkage; the clusters' means, with those that are one pattern merged, are
then what all seqlets are assigned to. TF-MoDISco (Shrikumar et al. 2018, arXiv:1811.00416) finds communities in a graph
of nearest neighbours instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.interpret.seqlet_similarity import align, similarities
from seqcnn.interpret.seqlets import Profiles, Seqlets

Floats = NDArray[np.float32]

ROUNDS: Final = 3
"""How often seqlets are assigned to patterns; the patterns hardly change after the second time."""

SEED_SIZE: Final = 5
"""Seqlets that a cluster needs to become a pattern."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """How seqlets become patterns.

    Parameters
    ----------
    core, flank : int
        Width of a seqlet, and of what is looked at on either side of it, in bp.
    similarity : float
        Least mean similarity of the seqlets in a cluster: of related motifs it must be high to keep them apart.
    member : float
        Least similarity of a seqlet to its pattern.
    merge : float
        Similarity from which two patterns are one.
    most : int
        Seqlets that are clustered; of more, so many at random.
    seed : int

    Raises
    ------
    UsageError
        If a number is out of its range.
    """

    core: int = 21
    flank: int = 5
    similarity: float = 0.7
    member: float = 0.5
    merge: float = 0.85
    most: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 4 <= self.core <= 200:
            raise UsageError(f"a seqlet must be 4 to 200 bp wide, not {self.core}")
        if not 0 <= self.flank <= 100:
            raise UsageError(f"the flanks of a seqlet must be 0 to 100 bp wide, not {self.flank}")
        for name, value in (("seqlets", self.similarity), ("members", self.member), ("patterns", self.merge)):
            if not 0 < value <= 1:
                raise UsageError(f"the similarity of {name} must be above 0 and at most 1: {value:g}")
        if self.most < SEED_SIZE:
            raise UsageError(f"the number of seqlets must be at least {SEED_SIZE}: {self.most}")

    @property
    def width(self) -> int:
        """Width of the windows that are compared, in bp."""
        return self.core + 2 * self.flank

    @property
    def least_overlap(self) -> int:
        """Columns of two windows that must lie on each other: motifs lie about the middle, give or take half a core."""
        return self.width - self.core // 2


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """Aligned seqlets.

    Parameters
    ----------
    seqlets : Seqlets
        Windows of one width, on the strand on which the pattern lies; none twice.
    contributions : ndarray of float32, shape (4, width)
        Mean over the windows of what each base contributes, were it there.
    """

    seqlets: Seqlets
    contributions: Floats

    def __len__(self) -> int:
        return len(self.seqlets)


def find_patterns(
    profiles: Profiles, seqlets: Seqlets, options: ClusterOptions, *, both_strands: bool
) -> list[Pattern]:
    """Cluster seqlets.

    Parameters
    ----------
    profiles : Profiles
    seqlets : Seqlets
        Windows of width `options.core`, on the forward strand.
    options : ClusterOptions
    both_strands : bool
        A window's reverse complement is as good as the window.

    Returns
    -------
    list of Pattern
        The one with the most seqlets first. A seqlet is in one at most.
    """
    if len(seqlets) < SEED_SIZE:
        return []
    width = options.width
    centred = about_their_middle(profiles, seqlets, options)
    windows, _ = profiles.windows(centred, width)
    patterns = _seeds(profiles, centred, windows, options, both_strands)
    for _ in range(ROUNDS if patterns else 0):
        kept = distinct(patterns, options, both_strands=both_strands)
        means = np.stack([_centred(profiles, each, width).contributions for each in kept])
        patterns = assign(profiles, centred, windows, means, options, both_strands=both_strands)
        patterns = sorted((each for each in patterns if len(each)), key=len, reverse=True)
        if not patterns:
            break
    return patterns


def about_their_middle(profiles: Profiles, seqlets: Seqlets, options: ClusterOptions) -> Seqlets:
    """Return windows of `options.width` about the middle of what contributes within each seqlet."""
    values, codes = profiles.windows(seqlets, options.core)
    own = own_contributions(values, codes).sum(1)
    weight = np.square(own, dtype=np.float64)
    total = weight.sum(1)
    middle = (weight @ np.arange(options.core)) / np.where(total > 0, total, 1)
    shift = np.where(total > 0, np.rint(middle).astype(np.int64) - options.width // 2, -options.flank)
    return seqlets.moved(shift, np.zeros(len(seqlets), dtype=bool), options.core, options.width)


def own_contributions(values: Floats, codes: NDArray[np.uint8]) -> Floats:
    """Keep the contributions of the bases that are there, shape (n, 4, width), 0 for the others."""
    return np.where(codes[:, None] == np.arange(4)[:, None], values, np.float32(0))


def assign(
    profiles: Profiles,
    seqlets: Seqlets,
    windows: Floats,
    means: Floats,
    options: ClusterOptions,
    *,
    both_strands: bool,
) -> list[Pattern]:
    """Give each seqlet to the pattern that it is most like, if it is like it enough.

    Parameters
    ----------
    profiles : Profiles
    seqlets : Seqlets
        Windows of width `options.width`.
    windows : ndarray of float32, shape (n, 4, width)
        Their contributions.
    means : ndarray of float32, shape (n_patterns, 4, width)
    options : ClusterOptions
    both_strands : bool

    Returns
    -------
    list of Pattern
        In the order of the means; those that got none are empty.
    """
    found = align(windows, means, options.least_overlap, both_strands=both_strands)
    chosen = found.similarity.argmax(1)
    alike = found.similarity[np.arange(len(chosen)), chosen] >= options.member
    patterns = []
    for number in range(len(means)):
        rows = np.flatnonzero(alike & (chosen == number))
        shift, turned = found.shift[rows, number], found.turned[rows, number]
        moved = seqlets.take(rows).moved(shift, turned, options.width, options.width)
        patterns.append(_pattern(profiles, once(moved), options.width))
    return patterns


def once(seqlets: Seqlets) -> Seqlets:
    """Leave out windows at a place that another one has, whatever its strand; the higher score stays."""
    order = np.lexsort((-np.abs(seqlets.score), seqlets.start, seqlets.sequence))
    ordered = seqlets.take(order)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(ordered.sequence) != 0) | (np.diff(ordered.start) != 0)
    return ordered.take(new)


def distinct(patterns: list[Pattern], options: ClusterOptions, *, both_strands: bool) -> list[Pattern]:
    """Leave out patterns that are alike one before them."""
    means = np.stack([each.contributions for each in patterns])
    alike = similarities(means, options.least_overlap, both_strands=both_strands) >= options.merge
    kept: list[int] = []
    for number in range(len(patterns)):
        if not alike[number, kept].any():
            kept.append(number)
    return [patterns[number] for number in kept]


def _seeds(
    profiles: Profiles, seqlets: Seqlets, windows: Floats, options: ClusterOptions, both_strands: bool
) -> list[Pattern]:
    """Cluster the seqlets, or some of them; the largest cluster first."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    some = np.arange(len(seqlets))
    if len(some) > options.most:
        some = np.sort(np.random.default_rng(options.seed).choice(some, options.most, replace=False))
    similar = similarities(windows[some], options.least_overlap, both_strands=both_strands)
    tree = linkage(squareform(1 - similar, checks=False), "average")
    label = fcluster(tree, 1 - options.similarity, "distance")
    patterns = []
    for number in np.unique(label):
        members = np.flatnonzero(label == number)
        if len(members) < SEED_SIZE:
            continue
        typical = members[similar[np.ix_(members, members)].sum(1).argmax()]
        rows = some[members]
        found = align(windows[rows], windows[some[[typical]]], options.least_overlap, both_strands=both_strands)
        moved = seqlets.take(rows).moved(found.shift[:, 0], found.turned[:, 0], options.width, options.width)
        patterns.append(_pattern(profiles, moved, options.width))
    return sorted(patterns, key=len, reverse=True)


def _pattern(profiles: Profiles, seqlets: Seqlets, width: int) -> Pattern:
    if not len(seqlets):
        return Pattern(seqlets, np.zeros((4, width), np.float32))
    values, _ = profiles.windows(seqlets, width)
    return Pattern(seqlets, values.mean(0, dtype=np.float64).astype(np.float32))


def _centred(profiles: Profiles, pattern: Pattern, width: int) -> Pattern:
    """Move a pattern so that what contributes lies about the middle of its windows."""
    weight = np.square(pattern.contributions, dtype=np.float64).sum(0)
    shift = int(np.rint((weight @ np.arange(width)) / weight.sum())) - width // 2 if weight.any() else 0
    still = np.zeros(len(pattern), dtype=bool)
    return _pattern(profiles, pattern.seqlets.moved(shift, still, width, width), width) if shift else pattern

"""The same motif found several times, shifted or on the other strand, made one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.interpret.filter_motifs import MotifOptions, Placed, cut, trimmed
from seqcnn.interpret.found_motifs import KEPT, FoundMotif, Measures

SIMILAR: Final = 0.8
"""Likeness from which two motifs are one."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """How a motif lies on another.

    Parameters
    ----------
    offset : int
        Position of the other that its first one lies on, bp.
    reverse : bool
        It lies so with its reverse complement.
    """

    offset: int
    reverse: bool


def likeness(a: Motif, b: Motif, *, both_strands: bool) -> tuple[float, Aligned]:
    """Return how alike two motifs are, and how b lies on a then.

    The cosine of their probabilities, less the background, over all positions of either: where one has nothing, the
    other's positions count as unlike, the more the clearer they are. 1 for the same motif, about 0 for unrelated ones.
    """
    ours = a.ppm - a.background[:, None]
    best, aligned = -np.inf, Aligned(0, False)
    for reverse in (False, True)[: 1 + both_strands]:
        theirs = b.ppm - b.background[:, None]
        theirs = theirs[::-1, ::-1] if reverse else theirs
        size = float(np.sqrt((ours**2).sum() * (theirs**2).sum()))
        if size == 0:
            continue
        place = np.arange(a.width)[:, None] - np.arange(b.width) + (b.width - 1)
        sums = np.bincount(place.reshape(-1), (ours.T @ theirs).reshape(-1)) / size
        at = int(sums.argmax())
        if sums[at] > best:
            best, aligned = float(sums[at]), Aligned(at - (b.width - 1), reverse)
    return best, aligned


def cluster(found: Sequence[FoundMotif], *, both_strands: bool, apart: bool = False) -> list[list[tuple[int, Aligned]]]:
    """Put motifs that are alike together.

    Motifs come in the order in which they lead: each joins the first leader that it is like by :data:`SIMILAR`, or
    leads itself. Motifs that do not count are left out.

    Parameters
    ----------
    found : sequence of FoundMotif
    both_strands : bool
    apart : bool
        Put only motifs of one member together.

    Returns
    -------
    list of list of (int, Aligned)
        For each cluster its motifs by number, the leader first, and how each lies on the leader.
    """
    clusters: list[list[tuple[int, Aligned]]] = []
    for number, each in enumerate(found):
        if not each.kept:
            continue
        for members in clusters:
            leader = found[members[0][0]]
            if apart and leader.detectors[0][0] != each.detectors[0][0]:
                continue
            similar, aligned = likeness(leader.motif, each.motif, both_strands=both_strands)
            if similar >= SIMILAR:
                members.append((number, aligned))
                break
        else:
            clusters.append([(number, Aligned(0, False))])
    return clusters


def merge(
    found: Sequence[FoundMotif],
    places: Sequence[Placed],
    counts: Sequence[NDArray[np.float64]],
    clusters: Sequence[Sequence[tuple[int, Aligned]]],
    options: MotifOptions,
) -> tuple[list[FoundMotif], list[Placed]]:
    """Make one motif of each cluster: the sum of its aligned counts, trimmed; where a window ends, background counts.

    A site that several filters see counts in each; the sites themselves are counted once.

    Parameters
    ----------
    found : sequence of FoundMotif
        One a filter.
    places : sequence of Placed
        How the windows of each filter lie in its motif.
    counts : sequence of ndarray, shape (4, kernel_size)
        Of each filter's whole windows.
    clusters : sequence
        From :func:`cluster`.
    options : MotifOptions

    Returns
    -------
    merged : list of FoundMotif
        A motif for each cluster, named as its leader, then those that are listed only.
    places : list of Placed
        How the windows of each filter lie in these.
    """
    merged: list[FoundMotif] = []
    where = list(places)
    for members in clusters:
        begins = [_window_begin(places[n], counts[n].shape[1], aligned) for n, aligned in members]
        first = min(begins)
        motif, before = _summed(found[members[0][0]].motif, members, counts, begins, options)
        for (number, aligned), begin in zip(members, begins, strict=True):
            where[number] = Placed(len(merged), first + before - begin, motif.width, aligned.reverse)
        merged.append(_renamed([found[number] for number, _ in members], motif))
    for number, each in enumerate(found):
        if not each.kept:
            where[number] = places[number]._replace(motif=len(merged))
            merged.append(each)
    return merged, where


def _window_begin(place: Placed, kernel_size: int, aligned: Aligned) -> int:
    """Return where a filter's whole window begins, counted from the leader's first position."""
    before = kernel_size - place.shift - place.width if aligned.reverse else place.shift
    return aligned.offset - before


def _summed(
    leader: Motif,
    members: Sequence[tuple[int, Aligned]],
    counts: Sequence[NDArray[np.float64]],
    begins: Sequence[int],
    options: MotifOptions,
) -> tuple[Motif, int]:
    """Return the motif of the summed counts, and how many positions were cut off before it."""
    first = min(begins)
    end = max(begin + counts[n].shape[1] for (n, _), begin in zip(members, begins, strict=True))
    total = np.zeros((4, end - first))
    for (number, aligned), begin in zip(members, begins, strict=True):
        table = counts[number][::-1, ::-1] if aligned.reverse else counts[number]
        filled = np.tile(leader.background[:, None] * table[:, 0].sum(), (1, end - first))
        filled[:, begin - first : begin - first + table.shape[1]] = table
        total += filled
    whole = Motif.from_counts(
        leader.name,
        total,
        pseudocount=options.pseudocount,
        background=leader.background,
        alphabet=leader.alphabet,
    )
    kept = trimmed(whole, options.trim) or slice(0, whole.width)
    return cut(whole, kept), kept.start


def _renamed(members: Sequence[FoundMotif], motif: Motif) -> FoundMotif:
    """Return the motif of a cluster; measures of single filters no longer hold, but for the leader's AUROC."""
    if len(members) == 1:
        return members[0]
    source = f"{len(members)} filters: {' '.join(each.name for each in members)}"
    detectors = tuple(detector for each in members for detector in each.detectors)
    return FoundMotif(motif, source, KEPT, detectors, measures=Measures(auroc=members[0].measures.auroc))

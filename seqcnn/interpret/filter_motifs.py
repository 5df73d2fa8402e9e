"""From the counts of filters to motifs: trimmed, named, and with the reason if they do not count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.formats.motif import Motif
from seqcnn.interpret.central import CentralBias
from seqcnn.interpret.extraction import Block, Extraction, runs_of
from seqcnn.interpret.found_motifs import KEPT, FoundMotif, Measures, Sites


@dataclass(frozen=True, slots=True)
class MotifOptions:
    """What becomes of counts.

    Parameters
    ----------
    trim : float
        Flanking positions with less information against the background are cut off, bits.
    pseudocount : float
        Sum of what is added to the four counts of a position, in the proportions of the background.
    min_sites : int
        A motif of fewer is weak.
    """

    trim: float = 0.25
    pseudocount: float = 1.0
    min_sites: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.trim <= 2:
            raise UsageError(f"positions are trimmed below 0 to 2 bits, not {self.trim:g}")
        if self.pseudocount < 0:
            raise UsageError(f"the pseudocount must not be negative: {self.pseudocount:g}")
        if self.min_sites < 1:
            raise UsageError(f"the number of sites must be at least 1: {self.min_sites}")

    def status(self, n_sites: int, *, informative: bool) -> str:
        """Say whether a motif of so many sites counts, or why not."""
        if not n_sites:
            return "dead: never fires"
        if n_sites < self.min_sites:
            return f"weak: {n_sites} site{'s' * (n_sites > 1)}, fewer than {self.min_sites}"
        return KEPT if informative else f"weak: no position with {self.trim:g} bits"


class Placed(NamedTuple):
    """How the windows of a filter lie in a motif.

    Parameters
    ----------
    motif : int
        Number of the motif.
    shift : int
        First position of the motif in the filter's window, bp; negative where the motif begins before it.
    width : int
        Of the motif, bp.
    reverse : bool
        The motif is the reverse complement of the filter's: `shift` counts along the window as the motif reads it.
    """

    motif: int
    shift: int
    width: int
    reverse: bool = False


def make_motifs(
    extraction: Extraction, options: MotifOptions, alphabet: str, networks: Sequence[str] = ()
) -> tuple[list[FoundMotif], list[Placed], list[NDArray[np.float64]]]:
    """Make a motif of every filter.

    Parameters
    ----------
    extraction : Extraction
        That has seen all sequences.
    options : MotifOptions
    alphabet : {"dna", "rna"}
    networks : sequence of str
        What the networks of a collection are called, by number.

    Returns
    -------
    motifs : list of FoundMotif
        One a filter, in their order; n_sites and auroc are measured.
    places : list of Placed
        How each filter's windows lie in its motif.
    counts : list of ndarray, shape (4, kernel_size)
        Of each filter's whole windows.
    """
    counts, n_windows = extraction.count()
    background, auroc = extraction.background, extraction.auroc()
    found: list[FoundMotif] = []
    places: list[Placed] = []
    for i, (name, source) in enumerate(_called(extraction.detectors, networks)):
        n = int(n_windows[i])
        table = counts[i] if n else np.tile(background[:, None], (1, counts[i].shape[1]))
        pseudocount = options.pseudocount if n else 0.0
        about = {"pseudocount": pseudocount, "background": background, "alphabet": alphabet, "nsites": float(n)}
        motif = Motif.from_counts(name, table, **about)  # type: ignore[arg-type]
        kept = trimmed(motif, options.trim)
        status = options.status(n, informative=bool(kept))
        shown = kept or slice(0, motif.width)
        motif = cut(motif, shown)
        measures = Measures(n, auroc=None if np.isnan(auroc[i]) else float(auroc[i]))
        found.append(FoundMotif(motif, source, status, (extraction.detectors[i],), measures=measures))
        places.append(Placed(i, shown.start, motif.width))
    return found, places, counts


def _called(detectors: Sequence[tuple[int, int]], networks: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and source of the motif of each filter."""
    several = len({member for member, _ in detectors}) > 1
    for member, number in detectors:
        if networks:
            yield f"{networks[member]}_filter_{number}", f"filter {number} of {networks[member]}"
        elif several:
            yield f"m{member}_filter_{number}", f"filter {number} of member {member}"
        else:
            yield f"filter_{number}", f"filter {number}"


def trimmed(motif: Motif, bits: float) -> slice | None:
    """Return the positions from the first to the last with so much information against the motif's background."""
    solid = np.flatnonzero(motif.information(motif.background) >= bits)
    return slice(int(solid[0]), int(solid[-1]) + 1) if len(solid) else None


def cut(motif: Motif, columns: slice) -> Motif:
    """Return a motif of some of its positions."""
    counts = None if motif.counts is None else motif.counts[:, columns]
    return replace(motif, ppm=motif.ppm[:, columns], counts=counts)


def sites_of(block: Block, places: Sequence[Placed], kernel_size: NDArray[np.int64]) -> Iterator[tuple[int, Sites]]:
    """Yield the sites of each motif in a block, its rows numbered within the block.

    Where windows of several filters are one site, the highest activation counts.
    """
    fired = block.fired
    order = np.argsort(fired.filter, kind="stable")
    parts: dict[int, list[Sites]] = {}
    for column, begin, end in runs_of(fired.filter[order]):
        place = places[column]
        rows = order[begin:end]
        minus = fired.minus[rows] != place.reverse
        after = int(kernel_size[column]) - place.shift - place.width  # what is left of the window behind the motif
        start = fired.start[rows] + np.where(minus, after, place.shift)
        activation = fired.activation[rows].astype(np.float32)
        sites = Sites(fired.sequence[rows].astype(np.int64), start.astype(np.int64), minus, activation, place.width)
        parts.setdefault(place.motif, []).append(sites)
    for motif, each in sorted(parts.items()):
        yield motif, each[0] if len(each) == 1 else _joined(each)


def _joined(parts: Sequence[Sites]) -> Sites:
    """Return all sites, each once, with its highest score, in order."""
    sequence = np.concatenate([part.sequence for part in parts])
    start = np.concatenate([part.start for part in parts])
    minus = np.concatenate([part.minus for part in parts])
    score = np.concatenate([part.score for part in parts])
    order = np.lexsort((-score, minus, start, sequence))
    new = np.ones(len(order), dtype=bool)
    new[1:] = False
    for column in (sequence[order], start[order], minus[order]):
        new[1:] |= column[1:] != column[:-1]
    first = order[new]
    return Sites(sequence[first], start[first], minus[first], score[first], parts[0].width)


class SiteCounts:
    """What is measured of motifs by their sites, block after block.

    Parameters
    ----------
    n_motifs : int
    """

    def __init__(self, n_motifs: int) -> None:
        self.n_sites = np.zeros(n_motifs, dtype=np.int64)
        self._with_site = np.zeros((2, n_motifs), dtype=np.int64)
        self._central = [CentralBias() for _ in range(n_motifs)]

    def add(
        self,
        number: int,
        sites: Sites,
        labels: NDArray[np.float32],
        used: NDArray[np.bool_],
        lengths: NDArray[np.int64],
    ) -> None:
        """Take sites of a motif in sequences with these labels and lengths, shape (n,); `used` are what it is of."""
        there = np.unique(sites.sequence)
        for label in (0, 1):
            self._with_site[label, number] += int(np.count_nonzero(labels[there] == label))
        mine = used[sites.sequence]
        self.n_sites[number] += int(np.count_nonzero(mine))
        rows = np.flatnonzero(mine)
        rows = rows[np.lexsort((-sites.score[rows], sites.sequence[rows]))]
        best = rows[np.unique(sites.sequence[rows], return_index=True)[1]]
        self._central[number].add(sites.start[best], sites.width, lengths[sites.sequence[best]])

    def measured(self, found: FoundMotif, number: int, n_positives: int, n_negatives: int) -> FoundMotif:
        """Return a motif with what was measured; the numbers of sequences are 0 where there are no labels."""
        central = self._central[number].test()
        measures = replace(
            found.measures,
            n_sites=int(self.n_sites[number]),
            in_positives=int(self._with_site[1, number]) / n_positives if n_positives else None,
            in_negatives=int(self._with_site[0, number]) / n_negatives if n_negatives else None,
            central_p=None if central is None else central.p,
            central_width=None if central is None else central.width,
        )
        motif = replace(found.motif, nsites=float(self.n_sites[number])) if measures.n_sites else found.motif
        return replace(found, motif=motif, measures=measures)

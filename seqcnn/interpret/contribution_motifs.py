"""From a pattern of aligned seqlets to a motif: trimmed, counted, and measured by masking its sites."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.interpret.central import CentralBias
from seqcnn.interpret.found_motifs import FoundMotif, Measures, Sites
from seqcnn.interpret.seqlet_patterns import Pattern, own_contributions
from seqcnn.interpret.seqlets import Profiles, Seqlets
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ContributionMotif:
    """A motif, and the contributions that it is made of.

    Parameters
    ----------
    found : FoundMotif
    contributions : ndarray of float32, shape (4, width)
        Mean over the sites of what the base that is there contributes to the score, 0 for the others: the heights of
        the letters in a logo of contributions.
    by_base : ndarray of float32, shape (4, width)
        Mean over the sites of what each base contributes, were it there.
    """

    found: FoundMotif
    contributions: Floats
    by_base: Floats

    def renamed(self, name: str) -> ContributionMotif:
        """Return it under another name."""
        return replace(self, found=replace(self.found, motif=replace(self.found.motif, name=name)))


@dataclass(frozen=True, slots=True, eq=False)
class Counting:
    """How sites become a motif.

    Parameters
    ----------
    share, trim, pseudocount : float
    alphabet : {"dna", "rna"}
        As in :class:`seqcnn.interpret.contributions.ContributionOptions`.
    background : ndarray of float64, shape (4,)
        Frequencies of A C G T/U.
    """

    share: float
    trim: float
    pseudocount: float
    background: NDArray[np.float64]
    alphabet: str

    def motif(self, codes: NDArray[np.uint8]) -> Motif:
        """Count the bases of windows, shape (n, width)."""
        counts = np.stack([np.count_nonzero(codes == base, axis=0) for base in range(4)]).astype(np.float64)
        about = {"pseudocount": self.pseudocount, "background": self.background, "alphabet": self.alphabet}
        empty = counts.sum(0) == 0  # every window ends before
        counts[:, empty] = self.background[:, None]
        return Motif.from_counts("pattern", counts, nsites=float(len(codes)), **about)  # type: ignore[arg-type]


def solid_columns(pattern: Pattern, profiles: Profiles, counting: Counting) -> tuple[slice, bool]:
    """Find the columns that are left of a pattern when its flanks are cut off.

    Returns
    -------
    columns : slice
        From the first to the last in which the bases contribute enough and that have enough information; by
        contribution alone if none has.
    informative : bool
        Whether any has.
    """
    values, codes = profiles.windows(pattern.seqlets, pattern.contributions.shape[1])
    heights = np.abs(own_contributions(values, codes).sum(1).mean(0, dtype=np.float64))
    contributes = heights >= counting.share * heights.max()
    informs = counting.motif(codes).information(counting.background) >= counting.trim
    both = contributes & informs
    solid = np.flatnonzero(both if both.any() else contributes)
    return slice(int(solid[0]), int(solid[-1]) + 1), bool(both.any())


def moved_to(seqlets: Seqlets, columns: slice, width: int) -> Seqlets:
    """Return windows of `width` bp cut down to some of their columns."""
    still = np.zeros(len(seqlets), dtype=bool)
    return seqlets.moved(columns.start, still, width, columns.stop - columns.start)


def make_motif(
    sites: Seqlets, width: int, profiles: Profiles, counting: Counting, *, labelled: bool
) -> ContributionMotif:
    """Count the bases of the sites, and measure how the sites lie.

    Parameters
    ----------
    sites : Seqlets
        Windows of `width` bp.
    width : int
    profiles : Profiles
    counting : Counting
    labelled : bool
        The sequences of the profiles are positives.
    """
    values, codes = profiles.windows(sites, width)
    motif = counting.motif(codes)
    order = np.lexsort((sites.start, sites.sequence))
    ordered = sites.take(order)
    score = ordered.score.astype(np.float32)
    where = Sites(ordered.sequence, ordered.start, ordered.minus, score, width)
    lengths = profiles.sequences.lengths
    best = _best_of_each(ordered)
    central = CentralBias()
    central.add(best.start, width, lengths[best.sequence])
    bias = central.test()
    measures = Measures(
        n_sites=len(sites),
        in_positives=len(best) / len(lengths) if labelled else None,
        central_p=None if bias is None else bias.p,
        central_width=None if bias is None else bias.width,
    )
    own = own_contributions(values, codes).mean(0, dtype=np.float64).astype(np.float32)
    mean = values.mean(0, dtype=np.float64).astype(np.float32)
    return ContributionMotif(FoundMotif(motif, "contributions", sites=where, measures=measures), own, mean)


def _best_of_each(sites: Seqlets) -> Seqlets:
    """Keep the site of each sequence with the largest contribution."""
    order = np.lexsort((-np.abs(sites.score), sites.sequence))
    return sites.take(order[np.unique(sites.sequence[order], return_index=True)[1]])


def change_without(network: Network, sequences: Ragged, sites: Seqlets, width: int, target: int) -> float:
    """Return the mean change of the score, over all sequences, when the sites are masked with N."""
    rows = np.unique(sites.sequence)
    if not len(rows):
        return 0.0
    position = sites.start[:, None] + np.arange(width)
    inside = (position >= 0) & (position < sequences.lengths[sites.sequence, None])
    data = sequences.data.copy()
    data[(position + sequences.offsets[sites.sequence, None])[inside]] = N_CODE
    masked = Ragged(data, sequences.offsets).take(rows)
    change = predict(network, masked)[:, target] - predict(network, sequences.take(rows))[:, target]
    return float(change.sum(dtype=np.float64) / len(sequences))

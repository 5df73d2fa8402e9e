"""What motif discovery gives, whatever the method: a motif, where it is from, its sites, and what is measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.interpret.comparison import Match
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.windows import Windows

KEPT: Final = "kept"
"""Status of a motif that counts; any other status is the reason why it is listed only."""


@dataclass(frozen=True, slots=True)
class Sites:
    """Where a motif lies in sequences.

    Parameters
    ----------
    sequence : ndarray of int64, shape (n_sites,)
        Row of the sequence, 0-based, ascending.
    start : ndarray of int64, shape (n_sites,)
        First base on the sequence as it was given, 0-based, whatever the strand; negative where a site begins before
        its sequence.
    minus : ndarray of bool, shape (n_sites,)
        The motif lies on the reverse complement.
    score : ndarray of float32, shape (n_sites,)
    width : int
        Of every site, bp: that of the motif.
    """

    sequence: NDArray[np.int64]
    start: NDArray[np.int64]
    minus: NDArray[np.bool_]
    score: NDArray[np.float32]
    width: int

    def __len__(self) -> int:
        return len(self.sequence)

    def take(self, rows: NDArray[np.bool_], first: int = 0) -> Sites:
        """Return the sites where the mask is true; sequences are numbered from the row `first` on."""
        return Sites(self.sequence[rows] - first, self.start[rows], self.minus[rows], self.score[rows], self.width)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedSites:
    """Sites of motifs, and the sequences that they lie in.

    Parameters
    ----------
    names, lengths : Ragged, ndarray of int64
        Of the sequences.
    windows : Windows or None
        Where the sequences are from.
    sites : sequence of (int, Sites)
        Number of a motif, and its sites in these sequences.
    """

    names: Ragged
    lengths: NDArray[np.int64]
    windows: Windows | None
    sites: Sequence[tuple[int, Sites]]


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of a motif; None where there is nothing to measure it by.

    Parameters
    ----------
    n_sites : int
        Sites the motif was made of.
    in_positives, in_negatives : float, optional
        Share of positive (of negative) sequences that have a site.
    auroc : float, optional
        Of the motif alone: each sequence's best score (activation, not rectified) against the labels.
    central_p : float, optional
        Probability that as many sites lie near the centre by chance, in the best of all centred regions, adjusted for
        their number.
    central_width : int, optional
        Width of that region, bp.
    silenced_score : float, optional
        Change of the mean score of positives (of all sequences where there are no labels) without the motif.
    silenced_gap : float, optional
        Change of the difference between the mean scores of positives and of negatives, or, where no negatives are
        known, of dinucleotide shuffles.
    silenced_auroc : float, optional
        Change of the model's AUROC.
    inserted_score : float, optional
        Change of the mean score when the consensus is put into shuffled sequences.
    """

    n_sites: int = 0
    in_positives: float | None = None
    in_negatives: float | None = None
    auroc: float | None = None
    central_p: float | None = None
    central_width: int | None = None
    silenced_score: float | None = None
    silenced_gap: float | None = None
    silenced_auroc: float | None = None
    inserted_score: float | None = None


@dataclass(frozen=True, slots=True)
class FoundMotif:
    """A motif that a model has learned.

    Parameters
    ----------
    motif : Motif
        Named as in files, such as ``filter_12``, in ensembles ``m0_filter_12``, in collections ``TARGET_filter_12``;
        with counts, nsites and background. A filter without a single site has uniform probabilities.
    source : str
        What it was made of, in words: ``filter 12``, ``filter 12 of TARGET``, ``contributions``.
    status : str
        :data:`KEPT`, or why it is listed only: ``dead: never fires``.
    detectors : sequence of (int, int)
        Member (of a collection, target) and filter, 0-based, of all filters that it was made of; none if it is not of
        filters.
    sites : Sites, optional
        None where they were written to a file as they were found.
    measures : Measures
    matches : sequence of Match
        Known motifs that are like it, the best first.
    contexts : ndarray, shape (6, width), optional
        Share of each structural context (E H B I M S) at each position of its sites, where RNA has structures.
    """

    motif: Motif
    source: str
    status: str = KEPT
    detectors: Sequence[tuple[int, int]] = ()
    sites: Sites | None = None
    measures: Measures = field(default_factory=Measures)
    matches: Sequence[Match] = ()
    contexts: NDArray[np.float64] | None = None

    @property
    def name(self) -> str:
        """The motif's name."""
        return self.motif.name

    @property
    def kept(self) -> bool:
        """Whether it counts."""
        return self.status == KEPT

    @property
    def effect(self) -> float:
        """How much the model loses when the motif is silenced: what motifs are ordered by, the largest first.

        The loss of the positives' mean score, or that of its lead over the negatives' if it is smaller: what is given
        to all sequences alike is worth nothing, and what only holds negatives down is no motif of the positives. Where
        that was not measured, the gain of the mean score when the motif is put in; else 0.
        """
        measured = self.measures
        losses = [-change for change in (measured.silenced_score, measured.silenced_gap) if change is not None]
        return min(losses) if losses else measured.inserted_score or 0.0

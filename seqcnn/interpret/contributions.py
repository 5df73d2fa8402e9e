"""Motifs of contributions: what the whole network looks for, where a filter may hold a part of a motif only.

A light TF-MoDISco (Shrikumar et al. 2018, arXiv:1811.00416): windows of high contribution, exact from every
substitution, are clustered, aligned and averaged. See :mod:`seqcnn.interpret.seqlets` and
:mod:`seqcnn.interpret.seqlet_patterns`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.reading import Tally
from seqcnn.errors import InputError, UsageError
from seqcnn.interpret.contribution_motifs import (
    ContributionMotif,
    Counting,
    change_without,
    make_motif,
    moved_to,
    solid_columns,
)
from seqcnn.interpret.filter_motifs import MotifOptions
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.interpret.seqlet_patterns import ClusterOptions, Pattern, about_their_middle, assign, find_patterns
from seqcnn.interpret.seqlets import Profiles, Seqlets, above_shuffled, profile
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import LETTERS, N_CODE
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.shuffle import dinucleotide_shuffle

SHUFFLED: Final = 100, 1000
"""Fewest and most shuffled sequences that the threshold comes from; between the two as many as there are sequences."""


@dataclass(frozen=True, slots=True)
class ContributionOptions(MotifOptions):
    """How motifs are made of contributions; beside what becomes of counts.

    Parameters
    ----------
    clusters : ClusterOptions
        Width of seqlets, how they are clustered, and the seed of all that is random.
    fdr : float
        Expected share of seqlets that shuffled sequences would have given, above 0 and below 1.
    most_sequences : int
        Sequences that are looked at; of more, so many at random, or the best-scored where there are no labels.
    share : float
        Flanking positions are cut off where the bases contribute less than this share of what they do at the best one.
    alphabet : {"dna", "rna"}
    target : int
        Which score counts.

    Raises
    ------
    UsageError
        If a number is out of its range.
    """

    clusters: ClusterOptions = field(default_factory=ClusterOptions)
    fdr: float = 0.2
    most_sequences: int = 2000
    min_sites: int = 20
    share: float = 0.1
    alphabet: str = "dna"
    target: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fdr < 1:
            raise UsageError(f"the false discovery rate must be above 0 and below 1: {self.fdr:g}")
        if not 0 <= self.share <= 1:
            raise UsageError(f"the share of the largest contribution must be 0 to 1: {self.share:g}")
        MotifOptions.__post_init__(self)
        if self.most_sequences < 1:
            raise UsageError(f"the number of sequences must be at least 1: {self.most_sequences}")
        if self.alphabet not in LETTERS:
            raise UsageError(f"alphabet {self.alphabet!r} is unknown; there are: {', '.join(LETTERS)}")


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """What is looked at: sequences with their profiles, shuffled ones, and what is known of all."""

    network: Network
    rows: NDArray[np.intp]
    real: Profiles
    shuffled: Profiles
    background: NDArray[np.float64]
    labelled: bool


def find_motifs(
    network: Network,
    sequences: Ragged,
    labels: NDArray[np.floating[Any]] | None,
    options: ContributionOptions,
    tally: Tally | None = None,
    path: str | None = None,
) -> list[FoundMotif]:
    """Find motifs; parameters, order and errors are those of :func:`discover`."""
    return [each.found for each in discover(network, sequences, labels, options, tally, path)]


def discover(
    network: Network,
    sequences: Ragged,
    labels: NDArray[np.floating[Any]] | None,
    options: ContributionOptions,
    tally: Tally | None = None,
    path: str | None = None,
) -> list[ContributionMotif]:
    """Find motifs in the positives that the network is right about.

    Parameters
    ----------
    network : Network
        In evaluation mode; of an ensemble, the mean score counts.
    sequences : Ragged
        Codes.
    labels : ndarray, shape (n,), optional
        1 for positives and 0 for negatives: positives that score above 0 are looked at. Other numbers: sequences at or
        above the median in both label and score. NaN is no label. Without any label: the best-scored sequences.
    options : ContributionOptions
    tally : Tally, optional
        Gets the counts of what was looked at and left out.
    path : str, optional
        What the sequences are called in messages.

    Returns
    -------
    list of ContributionMotif
        Those that count first, the largest effect first; those that lower the score come after those that raise it.
        Sites are rows of `sequences`; their score is the sum of contributions. `in_positives` is the share of the
        positives that were looked at. `silenced_score` and `silenced_gap` are from masking the sites with N, in the
        sequences that were looked at and in their shuffles.

    Raises
    ------
    UsageError
        If the network has no such target.
    InputError
        If no sequence is to be looked at, or no windows contribute more than in shuffled sequences and are alike.
    """
    tally = Tally() if tally is None else tally
    n_targets = network.settings.n_targets
    if not 0 <= options.target < n_targets:
        raise UsageError(f"there is no target number {options.target + 1}; the model has {n_targets}")
    known = None if labels is None or np.isnan(labels).all() else labels
    scores = predict(network, sequences)[:, options.target]
    rows = chosen_sequences(scores, known, options, tally, path)
    chosen = sequences.take(rows)
    templates = chosen.take(np.arange(min(max(len(rows), SHUFFLED[0]), SHUFFLED[1])) % len(rows))
    looked = _Looked(
        network,
        rows,
        profile(network, chosen, options.target),
        profile(network, dinucleotide_shuffle(templates, options.clusters.seed), options.target),
        _background(sequences, both_strands=network.settings.both_strands),
        known is not None and bool(np.isin(known[~np.isnan(known)], (0, 1)).all()),
    )
    motifs = [each for sign in (1, -1) for each in _of_sign(looked, sign, options, tally)]
    if not motifs:
        n = tally.counts["seqlets"]
        found = f"only {n:,} windows contribute" if n else "no window contributes"
        unlike = ", and they are too few or too unlike to make a motif" if n else ""
        raise InputError(
            f"{found} more than shuffled sequences do, at a false discovery rate of {options.fdr:g}{unlike}",
            path,
            hint="are they the kind of sequences that the model was trained on?",
        )
    return sorted(motifs, key=lambda each: not each.found.kept)


def chosen_sequences(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.floating[Any]] | None,
    options: ContributionOptions,
    tally: Tally,
    path: str | None = None,
) -> NDArray[np.intp]:
    """Return which sequences are looked at, in ascending order; see :func:`discover`."""
    there = ~np.isnan(scores)
    what = "sequences with a letter"
    if labels is not None:
        there &= ~np.isnan(labels)
        if np.isin(labels[there], (0, 1)).all():
            right, what = (labels == 1) & (scores > 0), "positives that the model is right about"
        else:
            what = "sequences from the median up in label and score"
            right = (labels >= np.median(labels[there])) & (scores >= np.median(scores[there]))
        there &= right
    rows = np.flatnonzero(there)
    if not len(rows):
        hint = "motifs of contributions are made of those that the model is right about" if labels is not None else None
        raise InputError(f"there are no {what}", path, hint=hint)
    n = len(rows)
    if n > options.most_sequences:
        if labels is None:
            rows = rows[np.argsort(-scores[rows], kind="stable")[: options.most_sequences]]
        else:
            rows = np.random.default_rng(options.clusters.seed).choice(rows, options.most_sequences, replace=False)
        how = "the best-scored" if labels is None else "drawn at random"
        tally.note(f"contributions are of {options.most_sequences:,} of {n:,} {what}, {how}")
    tally.counts["sequences looked at"] += len(rows)
    tally.counts["sequences not looked at"] += len(scores) - len(rows)
    return np.sort(rows)


def _background(sequences: Ragged, *, both_strands: bool) -> NDArray[np.float64]:
    """Return the frequencies of A C G T/U, on both strands where both are read."""
    counts = np.bincount(sequences.data, minlength=N_CODE + 1)[:N_CODE].astype(np.float64)
    counts += counts[::-1].copy() * both_strands
    counts += not counts.all()  # a base that never occurs
    return np.asarray(counts / counts.sum())


def _of_sign(looked: _Looked, sign: int, options: ContributionOptions, tally: Tally) -> Sequence[ContributionMotif]:
    """Return the motifs that raise the score, or lower it, the largest effect first."""
    clusters, both = options.clusters, looked.network.settings.both_strands
    seqlets, others = above_shuffled(looked.real, looked.shuffled, clusters.core, sign, options.fdr)
    patterns = find_patterns(looked.real, seqlets, clusters, both_strands=both)
    _count(seqlets, patterns, sign, options, tally)
    if not patterns:
        return []
    means = np.stack([each.contributions for each in patterns])
    centred = about_their_middle(looked.shuffled, others, clusters)
    windows, _ = looked.shuffled.windows(centred, clusters.width)
    in_shuffled = assign(looked.shuffled, centred, windows, means, clusters, both_strands=both)
    made = [_made(looked, *pair, sign, options) for pair in zip(patterns, in_shuffled, strict=True)]
    made = sorted(made, key=lambda each: -abs(each.found.effect))
    word = "pattern" if sign == 1 else "negative_pattern"
    return [each.renamed(f"{word}_{number}") for number, each in enumerate(made, start=1)]


def _count(
    seqlets: Seqlets, patterns: Sequence[Pattern], sign: int, options: ContributionOptions, tally: Tally
) -> None:
    """Say what became of the seqlets."""
    n, in_patterns = len(seqlets), sum(len(each) for each in patterns)
    tally.counts["seqlets"] += n
    tally.counts["seqlets like no others"] += n - in_patterns
    if n > options.clusters.most:
        what = "raise" if sign == 1 else "lower"
        tally.note(
            f"{options.clusters.most:,} of {n:,} windows that {what} the score were clustered; the others were "
            "assigned to these clusters"
        )


def _made(
    looked: _Looked, pattern: Pattern, in_shuffled: Pattern, sign: int, options: ContributionOptions
) -> ContributionMotif:
    """Make a motif of a pattern, of which there are some sites in shuffled sequences too."""
    counting = Counting(options.share, options.trim, options.pseudocount, looked.background, options.alphabet)
    columns, informative = solid_columns(pattern, looked.real, counting)
    width, whole = columns.stop - columns.start, pattern.contributions.shape[1]
    sites = moved_to(pattern.seqlets, columns, whole)
    motif = make_motif(sites, width, looked.real, counting, labelled=looked.labelled)
    up, down = (
        change_without(looked.network, each.sequences, there, width, options.target)
        for each, there in ((looked.real, sites), (looked.shuffled, moved_to(in_shuffled.seqlets, columns, whole)))
    )
    found = motif.found
    assert found.sites is not None
    status = options.status(len(sites), informative=informative)
    if up * sign >= 0 and len(sites) >= options.min_sites:
        status = f"weak: the score does not {'fall' if sign == 1 else 'rise'} without its sites"
    measures = replace(found.measures, silenced_score=up, silenced_gap=up - down)
    where = replace(found.sites, sequence=looked.rows[found.sites.sequence].astype(np.int64))
    return replace(motif, found=replace(found, status=status, measures=measures, sites=where))

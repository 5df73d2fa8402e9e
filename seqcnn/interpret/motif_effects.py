"""What motifs do to a model's score: what is lost without their filters, what is gained where they are put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.models.architectures import collection
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.contexts import contexts, in_context, shuffled_in_place
from seqcnn.sequence.ragged import Ragged, concatenate
from seqcnn.training.metrics import auroc

N_BACKGROUNDS: Final = 100
"""Shuffled sequences that a consensus is put into."""

MOTIFS_AT_ONCE: Final = 32
"""Motifs whose sequences are held at a time."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Sequences that effects are measured on.

    Parameters
    ----------
    positives, negatives : Ragged
        Codes; negatives are shuffles of the positives, under their structures if they have such, where none are known.
    labelled : bool
        Whether the negatives are known as such.
    target : int
        Which score counts, where a model has several; in a collection that of motifs of no filters alone, as those of
        filters count for their own networks.
    seed : int
    """

    positives: Ragged
    negatives: Ragged
    labelled: bool
    target: int = 0
    seed: int = 0


def make_contrast(positives: Ragged, negatives: Ragged, target: int, seed: int) -> Contrast:
    """Return what effects are measured on, with shuffles for negatives where there are none."""
    if len(negatives):
        return Contrast(positives, negatives, True, target, seed)
    return Contrast(positives, shuffled_in_place(positives, seed), False, target, seed)


def without_filters(found: Sequence[FoundMotif], network: Network, contrast: Contrast) -> list[FoundMotif]:
    """Measure what each motif's filters are worth: scores with these filters silent, less the scores as they are.

    A silent filter never fires (:meth:`seqcnn.models.network.Network.scores_without`). The mean score changes by what
    the filter gives everywhere too, so that the difference between positives and negatives says more.

    Parameters
    ----------
    found : sequence of FoundMotif
        Those that are of no filters are returned as they are.
    network : Network
    contrast : Contrast

    Returns
    -------
    list of FoundMotif
        With `silenced_score`, `silenced_gap` and, with labels, `silenced_auroc`.
    """
    sequences = concatenate([contrast.positives, contrast.negatives])
    labels = np.repeat([1.0, 0.0], [len(contrast.positives), len(contrast.negatives)])
    alone = isinstance(network, collection.Model)  # each network has a target of its own
    members = sorted({member for each in found for member, _ in each.detectors})
    scores: dict[int, NDArray[np.float64]] = {}
    changes = [np.zeros(len(labels)) for _ in found]
    with torch.no_grad():  # in inference mode the networks made here could not tell whether their weights changed
        for member in members:
            sets = [[f for m, f in each.detectors if m == member] for each in found]
            wanted = [i for i, each in enumerate(sets) if each]
            given = network.scores_without(sequences, member, [[], *(sets[i] for i in wanted)])
            target = 0 if alone else contrast.target
            base = next(given)[:, target].astype(np.float64)
            scores[member] = base
            share = 1 if alone else network.settings.n_members
            for i, silent in zip(wanted, given, strict=True):
                changes[i] += (silent[:, target] - base) / share
    # Members without filters among the motifs count towards the model's score as well.
    whole = None if alone else member_scores(network, sequences)[:, :, contrast.target].mean(0, dtype=np.float64)
    out = []
    for each, change in zip(found, changes, strict=True):
        if not each.detectors:
            out.append(each)
            continue
        total = scores[each.detectors[0][0]] if whole is None else whole
        up, down = change[labels == 1].mean(), change[labels == 0].mean()
        area = None
        if contrast.labelled:
            area = float(auroc(labels, total + change) - auroc(labels, total))
        measures = replace(each.measures, silenced_score=float(up), silenced_gap=float(up - down), silenced_auroc=area)
        out.append(replace(each, measures=measures))
    return out


def put_in(found: Sequence[FoundMotif], network: Network, contrast: Contrast) -> list[FoundMotif]:
    """Measure what each motif's consensus adds to the mean score of shuffled sequences, put into their middle.

    Every position gets its likeliest base, but those without a consensus (N) keep the base that is there. Sequences
    shorter than the motif are passed over.

    Returns
    -------
    list of FoundMotif
        With `inserted_score`.
    """
    backgrounds = shuffled_in_place(contrast.positives.slice(0, N_BACKGROUNDS), contrast.seed, round=1)
    out = list(found)
    for network_of, target, numbers in _by_network(found, network, contrast.target):
        plain = _mean_scores(network_of, backgrounds, target)
        for first in range(0, len(numbers), MOTIFS_AT_ONCE):
            some = numbers[first : first + MOTIFS_AT_ONCE]
            fits = [np.flatnonzero(backgrounds.lengths >= found[i].motif.width) for i in some]
            made = [with_consensus(backgrounds.take(rows), found[i].motif) for i, rows in zip(some, fits, strict=True)]
            scores = _mean_scores(network_of, concatenate(made), target)
            bounds = np.cumsum([len(rows) for rows in fits])[:-1]
            for i, rows, each in zip(some, fits, np.split(scores, bounds), strict=True):
                if len(rows):
                    change = float((each - plain[rows]).mean())
                    out[i] = replace(found[i], measures=replace(found[i].measures, inserted_score=change))
    return out


def with_consensus(sequences: Ragged, motif: Motif) -> Ragged:
    """Return sequences, none shorter than the motif, with its consensus for their middle; structures stay."""
    said = np.array([letter != "N" for letter in motif.consensus()])
    best = motif.ppm.argmax(0).astype(np.uint8)
    first = sequences.offsets[:-1] + (sequences.lengths - motif.width) // 2
    data = sequences.data.copy()
    at = (first[:, None] + np.flatnonzero(said)).reshape(-1)
    data[at] = in_context(np.tile(best[said], len(sequences)), contexts(data[at]))
    return Ragged(data, sequences.offsets)


def _by_network(found: Sequence[FoundMotif], network: Network, target: int) -> Iterator[tuple[Network, int, list[int]]]:
    """Yield each network that motifs are put in with, its target, and which motifs: in a collection each one's own."""
    if not isinstance(network, collection.Model):
        yield network, target, list(range(len(found)))
        return
    owners = [each.detectors[0][0] if each.detectors else target for each in found]
    for owner in sorted(set(owners)):
        yield network.single(owner), 0, [i for i, of in enumerate(owners) if of == owner]


def _mean_scores(network: Network, sequences: Ragged, target: int) -> NDArray[np.float64]:
    """Return the mean score over members of each sequence, shape (n,)."""
    mean: NDArray[np.float64] = member_scores(network, sequences)[:, :, target].mean(0, dtype=np.float64)
    return mean

"""The motifs of a model's filters in a set of sequences, measured and ordered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.motif import Motif
from seqcnn.interpret.comparison import Database
from seqcnn.interpret.extraction import Extraction, ExtractionOptions
from seqcnn.interpret.filter_motifs import MotifOptions, Placed, SiteCounts, make_motifs, sites_of
from seqcnn.interpret.found_motifs import FoundMotif, PlacedSites
from seqcnn.interpret.merging import cluster, merge
from seqcnn.interpret.motif_effects import Contrast, make_contrast, put_in, without_filters
from seqcnn.interpret.sequence_sample import SequenceSample
from seqcnn.interpret.site_contexts import SiteContexts
from seqcnn.interpret.spool import Spool
from seqcnn.models.architectures import collection
from seqcnn.models.detectors import Detectors
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network

MATCHES: Final = 10
"""Matches with known motifs that are kept of each motif, the best first."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How motifs are found and measured.

    Parameters
    ----------
    extraction : ExtractionOptions
    motifs : MotifOptions
    merge : bool
        Make one motif of those that are alike.
    top : int or None
        Keep so many, those with the largest effects.
    target : int or None
        Which score effects are measured on; the first unless said. In a collection the one whose network's motifs are
        found; unless said, those of all networks' filters, each measured on its own target, or those of contributions
        to the first.
    n_sample : int
        Most positives, and most negatives, that effects are measured on.
    seed : int
    """

    extraction: ExtractionOptions = field(default_factory=ExtractionOptions)
    motifs: MotifOptions = field(default_factory=MotifOptions)
    merge: bool = False
    top: int | None = None
    target: int | None = None
    n_sample: int = 1000
    seed: int = 0


class FilterSearch:
    """Takes sequences block after block, then gives motifs and their sites; a context.

    Parameters
    ----------
    model : Model
    options : SearchOptions
    folder : str or path, optional
        Where sequences are laid aside meanwhile: about a byte a letter and 17 bytes for each window that may count.

    Raises
    ------
    UsageError
        If the model's first layer is not one of motif filters.
    """

    def __init__(self, model: Model, options: SearchOptions, folder: str | PathLike[str] | None = None) -> None:
        groups = _detectors(model.network, options.target)
        if not groups:
            raise UsageError(
                f"the first layer of {model.architecture} has no motif filters; see --method contributions"
            )
        self._model, self.options = model, options
        self._spool = Spool(folder)
        self.extraction = Extraction(groups, options.extraction, self._spool)
        self._samples = {label: SequenceSample(options.n_sample, options.seed) for label in (1, 0, None)}
        self._places: Sequence[Placed] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spool.__exit__(kind, error, at)

    def take(self, examples: Examples, labels: NDArray[np.float32] | None = None) -> None:
        """Take sequences, none empty, with labels of 0, 1 and NaN, shape (n,), or other numbers, which are not used."""
        self.extraction.take(examples, labels)
        self._samples[None].add(examples.sequences)
        if labels is not None:
            for label in (0, 1):
                self._samples[label].add(examples.sequences.take(labels == label))

    def find(self, path: str | None = None) -> list[FoundMotif]:
        """Return the motifs, those that count first, the largest effect first.

        Parameters
        ----------
        path : str, optional
            What the sequences are called in messages.

        Raises
        ------
        InputError
            If no filter fires in any sequence.
        """
        extraction, options = self.extraction, self.options
        if not extraction.largest.any():
            n = extraction.n_positives if extraction.labelled else extraction.n_sequences
            what = "positives" if extraction.labelled else "sequences"
            hint = "are they the kind of sequences that the model was trained on?"
            raise InputError(f"no filter fires in any of {n:,} {what}", path, hint=hint)
        found, places, counts = make_motifs(
            extraction, options.motifs, self._model.alphabet, network_names(self._model)
        )
        network, contrast = self._model.network, self._contrast()
        kept = [i for i, each in enumerate(found) if each.kept]
        for i, measured in zip(kept, without_filters([found[i] for i in kept], network, contrast), strict=True):
            found[i] = measured
        order = np.argsort([-each.effect for each in found], kind="stable").tolist()
        if options.merge:
            found, places = self._merge(found, places, counts, order)
            found = without_filters([each for each in found if each.kept], network, contrast) + [
                each for each in found if not each.kept
            ]
        rank = sorted(range(len(found)), key=lambda i: (not found[i].kept, -found[i].effect))
        number = {old: new for new, old in enumerate(rank)}
        self._places = [place._replace(motif=number[place.motif]) for place in places]
        ordered = [found[i] for i in rank]
        ordered = strongest(ordered, options.top)
        n_kept = sum(each.kept for each in ordered)
        ordered[:n_kept] = put_in(ordered[:n_kept], network, contrast)
        return self._measured(ordered)

    def _contrast(self) -> Contrast:
        """Return the sequences that effects are measured on."""
        labelled, samples, options = self.extraction.labelled, self._samples, self.options
        positives = samples[1 if labelled else None].sequences
        negatives = samples[0].sequences if labelled else positives.slice(0, 0)
        return make_contrast(positives, negatives, options.target or 0, options.seed)

    def _merge(
        self,
        found: list[FoundMotif],
        places: list[Placed],
        counts: list[NDArray[np.float64]],
        order: list[int],
    ) -> tuple[list[FoundMotif], list[Placed]]:
        """Merge what is alike; the motifs with the largest effects lead."""
        clusters = cluster(
            [found[i] for i in order],
            both_strands=self._model.alphabet == "dna" and self.extraction.both_strands,
            apart=isinstance(self._model.network, collection.Model),
        )
        numbered = [[(order[n], aligned) for n, aligned in members] for members in clusters]
        return merge(found, places, counts, numbered, self.options.motifs)

    def sites(self) -> Iterator[PlacedSites]:
        """Yield the sites that motifs are made of, of each motif by its number in what :meth:`find` returned.

        They are those in positives where there are such.
        """
        for block in self.extraction.blocks():
            every = sites_of(block, self._places, self.extraction.kernel_size)
            sites = [(number, each.take(block.used[each.sequence])) for number, each in every]
            yield PlacedSites(block.names, block.sequences.lengths, block.windows, sites)

    @property
    def background(self) -> NDArray[np.float64]:
        """Base frequencies of all sequences, shape (4,)."""
        return self.extraction.background

    @property
    def labelled(self) -> bool:
        """Whether there are positives, which motifs are made of then."""
        return self.extraction.labelled

    def counts(self) -> dict[str, int]:
        """Return what there was."""
        extraction = self.extraction
        labels = {"positives": extraction.n_positives, "negatives": extraction.n_negatives}
        return {**(labels if self.labelled else {}), "filters": len(extraction.detectors)}

    def _measured(self, found: list[FoundMotif]) -> list[FoundMotif]:
        """Measure motifs by their sites."""
        extraction, counts, contexts = self.extraction, SiteCounts(len(found)), SiteContexts()
        structured = bool(self._model.network.settings.contexts)
        for block in extraction.blocks():
            for number, each in sites_of(block, self._places, extraction.kernel_size):
                counts.add(number, each, block.labels, block.used, block.sequences.lengths)
                if structured:
                    contexts.add(number, each, block.sequences, block.used)
        if structured:
            found = [replace(each, contexts=contexts.shares(i, each.motif.width)) for i, each in enumerate(found)]
        n_labels = (extraction.n_positives, extraction.n_negatives) if extraction.labelled else (0, 0)
        return [counts.measured(each, i, *n_labels) for i, each in enumerate(found)]


def _detectors(network: Network, target: int | None) -> list[Detectors]:
    """Return the filters that motifs are made of: in a collection those of the target's network if one is said."""
    if target is None or not isinstance(network, collection.Model):
        return network.detectors()
    return [replace(each, members=(target,)) for each in network.single(target).detectors()]


def network_names(model: Model) -> list[str]:
    """Return what the networks of a collection are called, their targets as one word each; none of other models."""
    of_targets = isinstance(model.network, collection.Model)
    return ["_".join(name.split()) for name in model.target_names] if of_targets else []


def strongest(found: Sequence[FoundMotif], top: int | None) -> list[FoundMotif]:
    """Return motifs in their order, those after the first `top`, where that is said, with a status that says so."""
    said = f"not among the {top:,} with the largest effects" if top is not None else ""
    return [
        replace(each, status=said) if top is not None and i >= top and each.kept else each
        for i, each in enumerate(found)
    ]


def name_motifs(found: Sequence[FoundMotif], known: Sequence[Motif], *, q_value: float = 0.1) -> list[FoundMotif]:
    """Compare the motifs that count with known ones.

    Parameters
    ----------
    found : sequence of FoundMotif
    known : sequence of Motif
        At least one, all of the motifs' alphabet.
    q_value : float
        Matches with a larger q-value are left out, but for the best one; :data:`MATCHES` are kept at most.
    """
    database = Database(known)
    named = []
    for each in found:
        matches = database.best(each.motif, limit=MATCHES) if each.kept else []
        named.append(replace(each, matches=[m for i, m in enumerate(matches) if not i or m.q <= q_value]))
    return named

"""The motifs of contributions in a set of sequences, with the face of the search for those of filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.reading import Tally
from seqcnn.interpret.contributions import ContributionOptions, find_motifs
from seqcnn.interpret.filter_motifs import SiteCounts
from seqcnn.interpret.filter_search import SearchOptions, network_names, strongest
from seqcnn.interpret.found_motifs import FoundMotif, PlacedSites, Sites
from seqcnn.interpret.motif_effects import make_contrast, put_in
from seqcnn.interpret.seqlet_patterns import ClusterOptions
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model


class ContributionSearch:
    """Takes sequences block after block, then gives motifs and their sites; a context. All are held in memory.

    Parameters
    ----------
    model : Model
    options : SearchOptions
        Those of the extraction and of merging say nothing here.
    tally : Tally, optional
        Notes are added to it.
    """

    def __init__(self, model: Model, options: SearchOptions, tally: Tally | None = None) -> None:
        self._model, self._options, self._tally = model, options, tally
        self._network, self._target, self._of = model.network, options.target or 0, ""
        if isinstance(self._network, collection.Model):  # the other networks would be scored for nothing
            self._of = f" of {network_names(model)[self._target]}"
            self._network, self._target = self._network.single(self._target), 0
        self._parts: list[Examples] = []
        self._labels = np.zeros(0, np.float32)
        self._found: list[FoundMotif] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._parts.clear()

    def take(self, examples: Examples, labels: NDArray[np.float32] | None = None) -> None:
        """Take sequences, with labels of 0, 1 and NaN, shape (n,), or other numbers, which are not used."""
        known = np.full(len(examples), np.nan, np.float32) if labels is None else labels
        self._parts.append(examples.with_targets(None))
        self._labels = np.concatenate([self._labels, known])

    def find(self, path: str | None = None) -> list[FoundMotif]:
        """Return the motifs, those that count first, the largest gain of the score where they are put in first."""
        sequences, labels, options = join(self._parts).sequences, self._labels, self._options
        wanted = ContributionOptions(
            clusters=ClusterOptions(seed=options.seed),
            trim=options.motifs.trim,
            pseudocount=options.motifs.pseudocount,
            min_sites=options.motifs.min_sites,
            alphabet=self._model.alphabet,
            target=self._target,
        )
        found = find_motifs(self._network, sequences, labels, wanted, self._tally, path)
        found = [replace(each, source=each.source + self._of) for each in found]
        positives = sequences.take(labels == 1) if self.labelled else sequences
        contrast = make_contrast(positives, sequences.take(labels == 0), self._target, options.seed)
        found = sorted(put_in(found, self._network, contrast), key=lambda each: (not each.kept, -each.effect))
        found = strongest(found, options.top)
        counts, used = SiteCounts(len(found)), labels == 1 if self.labelled else np.ones(len(labels), bool)
        for number, each in enumerate(found):
            if each.sites is not None:
                counts.add(number, each.sites, labels, used, sequences.lengths)
        # Shares stay those of the positives that were looked at: in others, and in negatives, no sites were looked for.
        self._found = [counts.measured(each, i, 0, 0) for i, each in enumerate(found)]
        for i, (new, old) in enumerate(zip(self._found, found, strict=True)):
            shares = {name: getattr(old.measures, name) for name in ("in_positives", "in_negatives")}
            self._found[i] = replace(new, measures=replace(new.measures, **shares))
        return self._found

    def sites(self) -> Iterator[PlacedSites]:
        """Yield the sites, of each motif by its number in what :meth:`find` returned."""
        first = 0
        for part in self._parts:
            sites = [(i, _within(e.sites, first, len(part))) for i, e in enumerate(self._found) if e.sites is not None]
            yield PlacedSites(part.names, part.sequences.lengths, part.windows, sites)
            first += len(part)

    @property
    def background(self) -> NDArray[np.float64]:
        """Base frequencies of all sequences, of both strands where both are read; shape (4,)."""
        bases = np.zeros(4)
        for part in self._parts:
            bases += np.bincount(part.sequences.data, minlength=5)[:4]
        if self._network.settings.both_strands:
            bases += bases[::-1]
        return np.asarray(bases / max(1.0, bases.sum()))

    @property
    def labelled(self) -> bool:
        """Whether labels are 0 and 1, and there are positives, which motifs are made of then."""
        known = self._labels[~np.isnan(self._labels)]
        return bool(np.isin(known, (0, 1)).all() and (known == 1).any())

    def counts(self) -> dict[str, int]:
        """Return what there was."""
        kinds = {"positives": 1, "negatives": 0}
        return {kind: int(np.count_nonzero(self._labels == label)) for kind, label in kinds.items() if self.labelled}


def _within(sites: Sites, first: int, n: int) -> Sites:
    """Return the sites in `n` sequences from the first on, numbered from there."""
    here = (sites.sequence >= first) & (sites.sequence < first + n)
    return sites.take(here, first)

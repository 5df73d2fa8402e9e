"""The ways of finding motifs, with one face for the command, and what the command checks and says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from seqcnn.cli.console import Reporter
from seqcnn.dataset.examples import Examples, join
from seqcnn.errors import InputError
from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs
from seqcnn.interpret.comparison import FEW_TARGETS
from seqcnn.interpret.extraction import ExtractionOptions
from seqcnn.interpret.filter_motifs import MotifOptions, SiteCounts
from seqcnn.interpret.filter_search import FilterSearch, SearchOptions, name_motifs
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.models.modelfile import Model
from seqcnn.report.motif_folder import MotifOutputs, PlacedSites

MATCHES: Final = 10
"""Matches with known motifs that are kept of each motif."""


def chosen_outputs(given: Mapping[str, Any]) -> MotifOutputs:
    """Return what is written, checked."""
    logos = () if given["logos"] == ("none",) else given["logos"]
    outputs = MotifOutputs(given["motif_format"], logos, given["n_logos"])
    outputs.check()
    return outputs


def search_options(given: Mapping[str, Any], target: int) -> SearchOptions:
    """Return how motifs are found."""
    return SearchOptions(
        ExtractionOptions(given["rule"], given["fraction"], given["weights"]),
        MotifOptions(given["trim"], given["pseudocount"], given["min_sites"]),
        given["merge"],
        given["top"],
        target,
        seed=given["seed"],
    )


def read_database(paths: Sequence[str], alphabet: str, report: Reporter) -> list[Motif]:
    """Read known motifs.

    Raises
    ------
    InputError
        If a file is damaged, or holds motifs of the other alphabet.
    """
    known: list[Motif] = []
    for path in paths:
        motifs = read_motifs(path)
        other = next((motif for motif in motifs if motif.alphabet != alphabet), None)
        if other is not None:
            hint = "give a database of that alphabet, or compare motifs.meme later: seqcnn compare --alphabet"
            raise InputError(
                f"holds {other.alphabet.upper()} motifs ({other.name}), but the model reads {alphabet.upper()}",
                path,
                hint=hint,
            )
        known += motifs
    if 0 < len(known) < FEW_TARGETS:
        report.say(f"only {len(known)} known motifs: p-values are rough, because they rest on the columns of these")
    return known


class ByFilters:
    """Motifs of filters; a context."""

    def __init__(self, model: Model, options: SearchOptions, folder: Path) -> None:
        self._search = FilterSearch(model, options, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._search.__exit__(kind, error, at)

    def take(self, examples: Examples, labels: NDArray[np.float32] | None) -> None:
        """Take sequences."""
        self._search.take(examples, labels)

    def find(self, known: Sequence[Motif], q_value: float, path: str) -> list[FoundMotif]:
        """Return the motifs, compared with known ones."""
        found = self._search.find(path)
        return name_motifs(found, known, most=MATCHES, q_value=q_value) if known else found

    def sites(self, after: Callable[[int], object]) -> Iterator[PlacedSites]:
        """Yield the sites; `after` is called with the number of sequences of each part."""
        for block, sites in self._search.blocks():
            yield PlacedSites(block.names, block.sequences.lengths, block.windows, sites)
            after(len(block.sequences))

    @property
    def background(self) -> NDArray[np.float64]:
        """Base frequencies of all sequences."""
        return self._search.extraction.background

    @property
    def labelled(self) -> bool:
        """Whether there are positives and motifs are of these."""
        return self._search.extraction.labelled

    def counts(self, found: Sequence[FoundMotif]) -> dict[str, int]:
        """Return what there was, for the record."""
        extraction = self._search.extraction
        said = Counter(each.status.partition(":")[0] for each in found)
        kinds = {"positives": extraction.n_positives, "negatives": extraction.n_negatives}
        return {**(kinds if self.labelled else {}), "filters": len(extraction.detectors), **said}


class ByContributions:
    """Motifs of contributions; all sequences are held in memory. A context."""

    def __init__(self, model: Model, options: SearchOptions, folder: Path) -> None:
        self._model, self._options = model, options
        self._parts: list[tuple[Examples, NDArray[np.float32]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._parts.clear()

    def take(self, examples: Examples, labels: NDArray[np.float32] | None) -> None:
        """Take sequences."""
        known = np.full(len(examples), np.nan, np.float32) if labels is None else labels
        self._parts.append((examples.with_targets(None), known))

    def find(self, known: Sequence[Motif], q_value: float, path: str) -> list[FoundMotif]:
        """Return the motifs, compared with known ones."""
        from seqcnn.interpret import contributions
        from seqcnn.interpret.motif_effects import make_contrast, put_in

        self._examples = join([examples for examples, _ in self._parts])
        self._labels = np.concatenate([labels for _, labels in self._parts])
        sequences, options = self._examples.sequences, self._options
        wanted = contributions.ContributionOptions(
            pseudocount=options.motifs.pseudocount,
            min_sites=options.motifs.min_sites,
            alphabet=self._model.alphabet,
            target=options.target,
        )
        labels = self._labels if self.labelled else None
        found = contributions.find_motifs(self._model.network, sequences, labels, wanted)
        positives = sequences.take(self._labels == 1) if self.labelled else sequences
        contrast = make_contrast(positives, sequences.take(self._labels == 0), options.target, options.seed)
        found = sorted(put_in(found, self._model.network, contrast), key=lambda each: (not each.kept, -each.effect))
        found = self._measured(found)
        return name_motifs(found, known, most=MATCHES, q_value=q_value) if known else found

    def _measured(self, found: Sequence[FoundMotif]) -> list[FoundMotif]:
        counts, used = SiteCounts(len(found)), np.ones(len(self._labels), bool)
        for number, each in enumerate(found):
            if each.sites is not None:
                counts.add(number, each.sites, self._labels, used, self._examples.sequences.lengths)
        n_labels = [int(np.count_nonzero(self._labels == label)) if self.labelled else 0 for label in (1, 0)]
        return [counts.measured(each, i, *n_labels) for i, each in enumerate(found)]

    def sites(self, after: Callable[[int], object]) -> Iterator[PlacedSites]:
        """Yield the sites."""
        raise NotImplementedError

    @property
    def background(self) -> NDArray[np.float64]:
        """Base frequencies of all sequences."""
        bases = np.bincount(self._examples.sequences.data, minlength=5)[:4].astype(np.float64)
        return bases / max(1.0, bases.sum())

    @property
    def labelled(self) -> bool:
        """Whether labels are 0 and 1, and there are positives."""
        known = self._labels[~np.isnan(self._labels)]
        return bool(np.isin(known, (0, 1)).all() and (known == 1).any())

    def counts(self, found: Sequence[FoundMotif]) -> dict[str, int]:
        """Return what there was, for the record."""
        return dict(Counter(each.status.partition(":")[0] for each in found))


METHODS: Final[dict[str, Callable[[Model, SearchOptions, Path], ByFilters | ByContributions]]] = {
    "filters": ByFilters,
    "contributions": ByContributions,
}


def report_found(
    report: Reporter, found: Sequence[FoundMotif], output: str, search: ByFilters | ByContributions
) -> None:
    """Say what was found."""
    reasons = Counter(each.status.partition(":")[0] for each in found if not each.kept)
    for reason, n in reasons.items():
        report.say(f"{n:,} {reason}: listed in motifs.tsv with the reason")
    made = "positives" if search.labelled else "all sequences"
    kept = sum(each.kept for each in found)
    report.say(f"wrote {output}: {kept:,} motifs of {made}")
    for each in [each for each in found if each.kept][:5]:
        named = f"  like {each.matches[0].target.shown_name()} (q = {each.matches[0].q:.2g})" if each.matches else ""
        report.say(f"  {each.name}  {each.motif.consensus()}  effect {each.effect:.3g}{named}")

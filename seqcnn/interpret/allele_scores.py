"""Scores of both alleles of variants by one model or several, each in the windows that it wants."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.interpret.definitions import express
from seqcnn.interpret.substitution_scores import SubstitutionScorer, suits
from seqcnn.interpret.variant_windows import Sites, flanks
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.predict import scores_alone
from seqcnn.models.tasks import RESPONSES
from seqcnn.sequence.ragged import Ragged, concatenate

Floats = NDArray[np.float64]

SUMMARIES: Final[dict[str, Callable[..., Floats]]] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
}
STATISTICS: Final = ("REF", "ALT", "DELTA", "LOGODDS", "SD", "P", "Z")
MISMATCHES: Final = ("skip", "warn", "error")


@dataclass(frozen=True, slots=True)
class VariantOptions:
    """How variants are scored.

    Parameters
    ----------
    length : int or None
        Of the windows, bp; None for each model's own.
    summary : str
        Of the members of an ensemble, one of :data:`SUMMARIES`; of each statistic by itself.
    ref_mismatch : str
        What is done where REF is not what the genome has, one of :data:`MISMATCHES`; "warn": REF is put in the genome.
    longest : int
        Most letters of REF or ALT.
    null_size : int
        Random variants of each kind; 0 for no p and z.
    prefix : str
        Of the names of fields.
    seed : int
    """

    length: int | None = None
    summary: str = "mean"
    ref_mismatch: str = "skip"
    longest: int = 10_000
    null_size: int = 2000
    prefix: str = "SEQCNN"
    seed: int = 0


class Field(NamedTuple):
    """A column of the results.

    Parameters
    ----------
    name : str
    description : str
    target, statistic : int
        Where it is in the scores.
    """

    name: str
    description: str
    target: int
    statistic: int


class _Part(NamedTuple):
    """A network, what its columns are the scores of, and the bases that it sees on either side."""

    network: Network
    model: Model
    rows: tuple[int, ...]
    by_member: bool
    around: tuple[int, int]
    fast: SubstitutionScorer | None


class AlleleScorer:
    """Models made ready to score alleles.

    Parameters
    ----------
    models : mapping of str to Model
        By the names that tell them apart.
    options : VariantOptions

    Attributes
    ----------
    targets : list of (str, Model)
        What tells each score from the others, "" for the only one, and its model.
    labels : list of str
        The same as part of a field's name.
    fields : list of Field
    around : tuple of int
        Most bases before and after what changes that a model sees.
    both_strands : bool
        Whether all of them read both strands.

    Raises
    ------
    UsageError
        If a length is missing, or options are not as they must be.
    """

    def __init__(self, models: Mapping[str, Model], options: VariantOptions) -> None:
        _check(options)
        self.options = options
        self._parts: list[_Part] = []
        self.targets: list[tuple[str, Model]] = []
        for label, model in models.items():
            self._add(label, model, several=len(models) > 1)
        left, right = (max(part.around[i] for part in self._parts) for i in (0, 1))
        self.around = left, right
        self.both_strands = all(part.network.settings.both_strands for part in self._parts)
        self.labels = _suffixes([label for label, _ in self.targets])
        self.fields = self._make_fields()

    @property
    def arounds(self) -> list[tuple[int, int]]:
        """The bases before and after that each network sees."""
        return [part.around for part in self._parts]

    def score_sequences(self, sequences: Sequence[Ragged]) -> Floats:
        """Return the scores of sequences, one list of them for each of :attr:`arounds`, shape (n_targets, n)."""
        out = np.full((len(self.targets), len(sequences[0])), np.nan)
        for part, rows in zip(self._parts, sequences, strict=True):
            if len(rows):
                scores = scores_alone(part.network, rows).astype(np.float64)
                summary = SUMMARIES[self.options.summary]
                out[list(part.rows)] = scores[:, :, 0] if part.by_member else summary(scores, axis=0).T
        return out

    def changes(self, sites: Sites) -> Floats:
        """Return the changes of the scores, shape (n_targets, n)."""
        return self.statistics(sites)[:, STATISTICS.index("DELTA")]

    def statistics(self, sites: Sites) -> Floats:
        """Return the statistics of the scores alone, shape (n_targets, nstatistics, n)."""
        out = np.full((len(self.targets), len(STATISTICS), len(sites)), np.nan)
        summarise = SUMMARIES[self.options.summary]
        for part in self._parts:
            reference, alternate = _score(part, sites.cut(*part.around))
            change = alternate - reference
            kinds: list[NDArray[np.floating[Any]]] = [reference, alternate, change]
            if RESPONSES.get(part.model.task) == "probability":
                kinds.append(express("log-odds", part.model.task, reference, change))
            rows = list(part.rows)
            for i, each in enumerate(kinds):
                out[rows, i] = each[:, :, 0] if part.by_member else summarise(each, axis=0).T
            if not part.by_member and len(change) > 1:
                out[rows, STATISTICS.index("SD")] = change.std(0).T
        return out

    def _add(self, label: str, model: Model, *, several: bool) -> None:
        """Add a model's networks and targets."""
        network, first = model.network, len(self.targets)
        many = len(model.target_names) > 1
        for name in model.target_names:
            self.targets.append(("_".join([label] * several + [name] * many), model))
        groups: list[tuple[Network, list[int]]] = [(network, list(range(len(model.target_names))))]
        by_member = isinstance(network, collection.Model)
        if isinstance(network, collection.Model):
            groups = [(group, targets) for group, targets in network.take(range(len(model.target_names)))]
        for each, targets in groups:
            around = _around(each, model, label, self.options.length)
            fast = SubstitutionScorer(each) if suits(each) else None  # type: ignore[arg-type]
            rows = tuple(first + target for target in targets)
            self._parts.append(_Part(each, model, rows, by_member, around, fast))

    def _make_fields(self) -> list[Field]:
        """Return the columns of the results."""
        options, summary = self.options, self.options.summary
        of = f"{summary} over members"
        said = {
            "REF": "score of the reference allele",
            "ALT": "score of the alternate allele",
            "DELTA": "change of the score, alternate less reference",
            "LOGODDS": "change of the log-odds of binding, natural logarithm",
            "SD": "standard deviation of the change over members",
            "P": f"two-sided p of the change among up to {options.null_size} random variants of the kind in shuffled "
            "sequence",
            "Z": "change in standard deviations of those random variants, from their mean",
        }
        fields = []
        for target, ((label, model), suffix) in enumerate(zip(self.targets, self.labels, strict=True)):
            members = model.network.settings.n_members
            for i, statistic in enumerate(STATISTICS):
                if statistic in ("P", "Z") and not options.null_size:
                    continue
                if (statistic == "LOGODDS" and RESPONSES.get(model.task) != "probability") or (
                    statistic == "SD" and members == 1
                ):
                    continue
                text = said[statistic] + (f", {of}" if members > 1 and i < 4 else "")
                name = "_".join([options.prefix, statistic, *([suffix] if suffix else [])])
                fields.append(Field(name, f"{label}: {text}" if label else text, target, i))
        return fields


def _suffixes(labels: Sequence[str]) -> list[str]:
    """Return what may be part of a field's name, each different."""
    names: list[str] = []
    for label in labels:
        name = re.sub(r"[^0-9A-Za-z_.]", "_", label)
        while name in names:
            name += "_"
        names.append(name)
    return names


def _score(part: _Part, sites: Sites) -> tuple[Floats, Floats]:
    """Return the scores of both alleles, each of shape (n_members, n, n_targets)."""
    column = sites.column
    if part.fast is not None and column is not None:
        square = sites.windows.data.reshape(len(sites), -1)
        reference, alternate = part.fast.score(square, column, sites.alt.data)
        return reference.astype(np.float64), alternate.astype(np.float64)
    both = concatenate([sites.windows, sites.alternates()])
    there = both.lengths > 0
    settings = part.network.settings
    scores = np.full((settings.n_members, len(both), settings.n_targets), np.nan)
    if there.any():
        scores[:, there] = scores_alone(part.network, both.take(there))
    return scores[:, : len(sites)], scores[:, len(sites) :]


def _around(network: Network, model: Model, label: str, length: int | None) -> tuple[int, int]:
    """Return how many bases a network sees on either side of what changes."""
    detector = network.detector_length
    if length is None and network.rule == "window" and detector is not None:
        return detector - 1, detector - 1
    length = length or model.length
    if length is None:
        raise UsageError(f"{label} was trained on sequences as they are: say how long windows are with --length")
    return flanks(length)


def _check(options: VariantOptions) -> None:
    """Raise UsageError if options are not as they must be."""
    if options.summary not in SUMMARIES:
        raise UsageError(f"unknown summary {options.summary!r}; there are: {', '.join(SUMMARIES)}")
    if options.ref_mismatch not in MISMATCHES:
        raise UsageError(f"unknown way {options.ref_mismatch!r}; there are: {', '.join(MISMATCHES)}")
    if not re.fullmatch(r"[A-Za-z_][0-9A-Za-z_.]*", options.prefix):
        raise UsageError(f"prefix {options.prefix!r}: a letter or _, then letters, digits, _ or . make a field's name")
    if options.null_size < 0 or options.longest < 1 or (options.length is not None and options.length < 1):
        raise UsageError("lengths are 1 or more, and the size of the null 0 or more")

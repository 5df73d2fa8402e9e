"""All that is asked of a set of sequences: what every substitution, deletion and chosen insertion does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.interpret import attribution, edits
from seqcnn.interpret.definitions import check_definition, express
from seqcnn.interpret.edit_scores import score_edits
from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models.modelfile import Model
from seqcnn.sequence.alphabet import encode
from seqcnn.sequence.ragged import Ragged

METHODS: Final = ("saturation", *attribution.METHODS)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class MutateOptions:
    """What is computed.

    Parameters
    ----------
    definition : str
        One of :data:`seqcnn.interpret.mutagenesis.DEFINITIONS`.
    method : str
        One of :data:`METHODS`: exact, or an estimate of :mod:`seqcnn.interpret.attribution`.
    deletions : bool
        The deletion of every single base too.
    insertions : tuple of str
        Letters whose insertion before every base and after the last is wanted.
    """

    definition: str = "difference"
    method: str = "saturation"
    deletions: bool = False
    insertions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What mutations of some sequences do. Bases of all sequences lie end to end.

    Parameters
    ----------
    reference : ndarray, shape (n, n_targets)
        Scores of the sequences as they are; NaN for one without a letter.
    substitution : ndarray, shape (total, 4, n_targets)
        By A, C, G, T/U; 0 for the base that is there.
    deletion : ndarray, shape (total, n_targets), or None
    insertion : mapping of str to ndarray, shape (total + n, n_targets)
        Before each base and after the last, by the letters that are inserted.
    spread : Spread or None
        Standard deviations over members of the differences of scores.
    gap, from_baseline : ndarray, shape (n, n_targets), or None
        How complete an estimate is, see :class:`seqcnn.interpret.attribution.Attribution`.
    """

    reference: NDArray[np.float32]
    substitution: Floats
    deletion: Floats | None = None
    insertion: Mapping[str, Floats] = field(default_factory=dict)
    spread: Spread | None = None
    gap: Floats | None = None
    from_baseline: Floats | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations over members, shaped as the changes in :class:`Changes`."""

    substitution: Floats
    deletion: Floats | None
    insertion: Mapping[str, Floats]


def check(model: Model, options: MutateOptions) -> None:
    """Raise if the options do not go together, or with the model.

    Raises
    ------
    UsageError, SeqcnnError
    """
    check_definition(options.definition, model.task)
    if model.network.settings.contexts and (options.method != "saturation" or options.deletions or options.insertions):
        raise UsageError(
            "the model reads RNA structure, which substitutions leave as it is: --method saturation alone, without "
            "--deletions and --insertions"
        )
    if options.method not in METHODS:
        raise UsageError(f"unknown method {options.method!r}; there are: {', '.join(METHODS)}")
    if options.method != "saturation":
        attribution.check(model.network, options.method)
        if options.deletions or options.insertions:
            raise UsageError(f"{options.method} says nothing of deletions and insertions; --method saturation does")
    for letters in options.insertions:
        try:
            encode(letters)
        except ValueError as error:
            raise UsageError(f"insertion {letters!r}: {error}") from error
        if not letters:
            raise UsageError("an insertion without letters")


def mutate(model: Model, sequences: Ragged, options: MutateOptions, batch_size: int | None = None) -> Changes:
    """Compute what is asked for; errors as in :func:`check`.

    Parameters
    ----------
    model : Model
    sequences : Ragged
        Codes, of any lengths.
    options : MutateOptions
    batch_size : int, optional
        Most sequences scored at a time where they are scored whole.
    """
    check(model, options)
    network, lengths = model.network, sequences.lengths
    row = np.repeat(np.arange(len(sequences)), lengths)
    if options.method != "saturation":
        found = attribution.attribute(network, sequences, options.method)
        changed = express(options.definition, model.task, found.reference[row, None], found.change)
        return Changes(found.reference, changed, gap=found.gap, from_baseline=found.from_baseline)
    exact = substitutions(network, sequences, batch_size)
    reference = exact.reference

    def of_edits(asked: edits.Edits) -> tuple[Floats, Floats]:
        change = score_edits(network, sequences, asked, batch_size).change
        mean = express(options.definition, model.task, reference[asked.sequence], change.mean(0))
        return mean, change.std(0)

    deletion = of_edits(edits.deletions(lengths)) if options.deletions else None
    insertion = {letters: of_edits(edits.insertions(lengths, encode(letters))) for letters in options.insertions}
    spread = None
    if exact.spread is not None:
        of_deletion = None if deletion is None else deletion[1]
        spread = Spread(exact.spread, of_deletion, {name: pair[1] for name, pair in insertion.items()})
    return Changes(
        reference,
        express(options.definition, model.task, reference[row, None], exact.change),
        None if deletion is None else deletion[0],
        {name: pair[0] for name, pair in insertion.items()},
        spread,
    )


def rectangle(values: Floats, lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give each sequence a row of its own.

    Parameters
    ----------
    values : ndarray, shape (total, ..., n_targets)
        Of all sequences end to end.
    lengths : ndarray of int64, shape (n,)
        How many of them are of each sequence.

    Returns
    -------
    ndarray of float32, shape (n, n_targets, ..., longest)
        NaN beyond the end of shorter sequences.
    """
    longest = int(lengths.max(initial=0))
    out = np.full((len(lengths), longest, *values.shape[1:]), np.nan, dtype=np.float32)
    out[np.arange(longest) < lengths[:, None]] = values
    return np.moveaxis(out, (1, -1), (-1, 1))

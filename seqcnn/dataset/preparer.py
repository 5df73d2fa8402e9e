"""Where preparing the targets of an assay comes in while inputs are read into a set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.prepare import BiasSource, prepare_intensities, prepare_rounds
from seqcnn.dataset.reading import ReadOptions, Tally
from seqcnn.dataset.selex import round_names
from seqcnn.dataset.sources import Source, read_all
from seqcnn.errors import InputError, UsageError


class Sink(Protocol):
    """Where examples are, and can be given other targets."""

    def read_back(self) -> Iterable[Examples]:
        """Give what has been taken so far, in chunks."""

    def retarget(self, targets: NDArray[np.float32]) -> None:
        """Give the examples other targets, shape (n, n_targets)."""


def makes_targets(reading: ReadOptions) -> bool:
    """Return whether targets are made of which input a sequence is in, and none are read."""
    return reading.prepare is not None and reading.prepare.assay == "selex"


def check_prepare(sources: Sequence[Source], reading: ReadOptions) -> None:
    """Refuse inputs that cannot be prepared so; name the targets that are made.

    Raises
    ------
    UsageError
    """
    options = reading.prepare
    if options is None:
        return
    said = f"--prepare {options.assay}"
    for source in sources:
        if source.preparation is not None:
            raise UsageError(f"{said}: {source.path} is prepared already ({source.preparation.get('assay')})")
        if source.has_classes:
            raise UsageError(f"{said} is for numbers, but {source.path} has classes")
    if not makes_targets(reading):
        return
    idle = {
        "--target-column": reading.target_columns,
        "--label-pattern": reading.label_pattern,
        "--weight-column": reading.weight_column,
    }
    for name, value in idle.items():
        if value is not None:
            raise UsageError(f"{said} makes targets and weights of the rounds: leave {name} out")
    if len(sources) < 2:
        raise UsageError(
            f"{said} takes the reads of two rounds or more, a file each, the first round first; for one round against "
            "shuffles of it leave the option out"
        )
    for source in sources:
        if source.kind in ("bed", "h5"):
            what = "regions" if source.kind == "bed" else "an encoded dataset"
            raise UsageError(f"{said} takes reads (FASTA, FASTQ, tables), but {source.path} holds {what}")
    names = round_names([source.path for source in sources]) if options.rounds == "each" else ["round"]
    for source in sources:
        source.target_names, source.labelled = names, True


class Preparer:
    """Reads inputs and prepares their targets, if they are to be prepared.

    Parameters
    ----------
    sources : sequence of Source
        After :func:`check_prepare`.
    reading : ReadOptions
    tally : Tally
        Notes and counts are added to it.

    Raises
    ------
    InputError, UsageError
        If what the bias of probes is to be told from cannot be read.
    """

    def __init__(self, sources: Sequence[Source], reading: ReadOptions, tally: Tally) -> None:
        self._sources, self._reading, self._tally = sources, reading, tally
        self._made: dict[str, Any] | None = None
        options = reading.prepare
        paths = [source.path for source in sources]
        self._bias = BiasSource(options.bias, paths, reading, tally) if options is not None and options.bias else None

    def read(self) -> Iterator[Examples]:
        """Yield the examples: of SELEX rounds with their targets, else as they are."""
        options = self._reading.prepare
        if options is not None and makes_targets(self._reading):
            examples, made = prepare_rounds(self._sources, options, self._tally)
            self._made = made.as_json()
            yield examples
        else:
            yield from read_all(self._sources)

    def finish(self, sink: Sink) -> dict[str, Any] | None:
        """Prepare the intensities in a sink; return what was done to the targets, now or when inputs were encoded.

        Raises
        ------
        InputError
            If the targets are not intensities, or inputs are prepared in different ways.
        """
        options, first = self._reading.prepare, self._sources[0]
        if self._made is not None:
            return self._made
        if options is not None:
            targets, made = prepare_intensities(
                sink.read_back(), first.target_names, options, self._bias, first.path, self._tally
            )
            sink.retarget(targets)
            return made.as_json()
        for other in self._sources[1:]:
            if other.preparation != first.preparation:
                hint = "prepare them together, from what they were encoded from"
                raise InputError(f"its targets are not prepared as those of {first.path} are", other.path, hint=hint)
        return first.preparation

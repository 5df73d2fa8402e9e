"""Sequences to find motifs in, block after block, with labels where there are any."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.build import open_sources
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.sources import ReadOptions, Source, Tally, read_all
from seqcnn.dataset.structure import as_described, completed
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.contexts import bases_of
from seqcnn.sequence.ragged import from_rows
from seqcnn.sequence.shuffle import dinucleotide_shuffle

if TYPE_CHECKING:
    from seqcnn.models.modelfile import Model

Part = tuple[Examples, NDArray[np.float32] | None]


class MotifInput:
    """The input of a motif search, opened so that what is wrong with it is said before any work is done.

    Parameters
    ----------
    paths : tuple of str
    model : Model
    reading : ReadOptions
    given : mapping
        `negatives`: "dinucleotide", a file, or None; `target`: the name of the target, or None for the first.
    tally : Tally

    Attributes
    ----------
    target : int
        Which score of the model effects are measured on.
    """

    def __init__(
        self, paths: tuple[str, ...], model: Model, reading: ReadOptions, given: Mapping[str, Any], tally: Tally
    ) -> None:
        self._model, self._tally, self._seed = model, tally, given["seed"]
        self._negatives: str | None = given["negatives"]
        self.target = _target(model, given["target"])
        says = reading.target_columns is not None or reading.label_pattern is not None
        of_classes = model.task == "multiclass" and not says
        self._sources = self._open(paths, reading, None if of_classes else math.nan)
        self._others: list[Source] = []
        self._reading = as_described(reading, self._sources[0].structure)
        if self._negatives == "dinucleotide" and self._reading.structure == "read":
            what = (
                f"--negatives dinucleotide: the structures of {self._sources[0].path} were read, and shuffles have none"
            )
            raise UsageError(f"{what}; name a file of negatives with structures, or use --structure fold")
        if self._negatives not in (None, "dinucleotide"):
            self._others = self._open((self._negatives,), self._reading, None)
        self._column = _column(self._sources[0], model, self.target)

    def _open(self, paths: tuple[str, ...], reading: ReadOptions, label: float | None) -> list[Source]:
        sources = open_sources(paths, reading, self._tally, label=label)
        for source in sources:
            click.get_current_context().call_on_close(source.close)
        return sources

    def __iter__(self) -> Iterator[Part]:
        """Yield sequences and their labels: 0, 1, NaN; other numbers as they are; None where nothing is known."""
        first = 0
        for chunk in read_all(self._sources):
            labels = self._labels(chunk)
            if self._negatives is None:
                yield chunk, labels
                continue
            if labels is not None and (labels == 0).any():
                what = f"--negatives {self._negatives}: {self._sources[0].path} holds negatives (0) already"
                raise UsageError(f"{what}; leave the option out")
            yield chunk, np.ones(len(chunk), np.float32)
            if self._negatives == "dinucleotide":
                shuffled = dinucleotide_shuffle(bases_of(chunk.sequences), self._seed, first_index=first)
                names = from_rows(row.tobytes() + b"_shuffled" for row in chunk.names)
                for made in completed([Examples(shuffled, names, None, chunk.origin)], self._reading, self._tally):
                    yield made, np.zeros(len(made), np.float32)
            first += len(chunk)
        for chunk in read_all(self._others) if self._others else ():
            yield chunk, np.zeros(len(chunk), np.float32)

    def _labels(self, chunk: Examples) -> NDArray[np.float32] | None:
        """Return the labels of the target that counts."""
        if chunk.targets is None or self._column is None:
            return None
        values = chunk.targets[:, self._column]
        if self._model.task == "multiclass":
            values = np.where(np.isnan(values), np.nan, values == self.target).astype(np.float32)
        return values


def _target(model: Model, name: str | None) -> int:
    """Return which score counts."""
    if name is None:
        return 0
    if name not in model.target_names:
        known = ", ".join(model.target_names[:10])
        raise UsageError(f"--target {name}: the model has no such target; it has {known}")
    return model.target_names.index(name)


def _column(source: Source, model: Model, target: int) -> int | None:
    """Return which column of targets has the labels; None if none has."""
    if not source.labelled:
        return None
    names = list(source.target_names)
    wanted = model.target_columns[0 if model.task == "multiclass" else target]
    if wanted in names:
        return names.index(wanted)
    if len(names) == 1:
        return 0
    raise InputError(
        f"has the targets {', '.join(names)}, but none called {wanted}", source.path, hint="see --target-column"
    )

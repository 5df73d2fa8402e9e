"""Inputs and negatives to one set of examples, in memory or in an HDF5 file, through the same steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.negatives import METHODS, NegativeOptions, make_negatives
from seqcnn.dataset.sources import ReadOptions, Source, Tally, read_all
from seqcnn.errors import InputError, UsageError


class Sink(Protocol):
    """Where examples go, and from where they can be read again."""

    def append(self, examples: Examples) -> None:
        """Take a chunk."""

    def read_back(self) -> Iterable[Examples]:
        """Give what has been taken so far, in chunks."""


@dataclass(slots=True)
class Memory:
    """A sink that holds the examples."""

    parts: list[Examples] = field(default_factory=list)

    def append(self, examples: Examples) -> None:
        """Take a chunk."""
        self.parts.append(examples)

    def read_back(self) -> Iterator[Examples]:
        """Give the chunks."""
        yield from list(self.parts)


@dataclass(frozen=True, slots=True)
class Built:
    """What is known of a set when it is whole.

    Parameters
    ----------
    target_names : list of str
    alphabet : {"dna", "rna"}
    negatives : str
        The method that was used; "none" if none were made.
    """

    target_names: list[str]
    alphabet: str
    negatives: str


def open_sources(
    paths: Sequence[str], reading: ReadOptions, tally: Tally, *, label: float | None, keep_empty: bool = False
) -> list[Source]:
    """Open all inputs, so that whatever is wrong with one is said before any work is done.

    Raises
    ------
    UsageError
        If standard input is named twice, or a label pattern is given for something that has no headers.
    """
    if list(paths).count("-") > 1:
        raise UsageError("standard input (-) can be read only once")
    if reading.length is not None and reading.length < 1:
        raise UsageError(f"--length must be at least 1 bp, not {reading.length}")
    return [Source(path, reading, tally, label=label, keep_empty=keep_empty) for path in paths]


def collect(
    sources: Sequence[Source], reading: ReadOptions, options: NegativeOptions, sink: Sink, tally: Tally
) -> Built:
    """Read all inputs into a sink, then the negatives that are wanted.

    Parameters
    ----------
    sources : sequence of Source
        From :func:`open_sources` with a label.
    reading : ReadOptions
    options : NegativeOptions
    sink : Sink
    tally : Tally
        Notes and counts are added to it.

    Raises
    ------
    InputError, UsageError
        If the inputs, or inputs and negatives, do not go together.
    """
    classes = _Classes()
    for chunk in read_all(sources):
        classes.look(chunk)
        sink.append(chunk)
    method = _method(options, sources, classes, tally)
    target_names = sources[0].target_names
    if method != "none":
        known = method in METHODS
        if not known and classes.negatives:
            raise UsageError(f"--negatives {method}: {sources[0].path} holds negatives already")
        if classes.other:
            raise UsageError(f"--negatives {method} makes a 0/1 target, but {sources[0].path} has other values")
        for chunk in make_negatives(sink.read_back, method, options, reading, tally, len(target_names)):
            tally.counts["negatives"] += len(chunk)
            sink.append(chunk)
    return Built(target_names, sources[0].alphabet or "dna", method)


def load(paths: Sequence[str], reading: ReadOptions, options: NegativeOptions, tally: Tally) -> tuple[Examples, Built]:
    """Read inputs and negatives into memory; see :func:`collect`."""
    memory = Memory()
    built = collect(open_sources(paths, reading, tally, label=1.0), reading, options, memory, tally)
    if not memory.parts:
        raise InputError("holds no sequence with a letter in it", sources_path(paths))
    return join(memory.parts), built


def sources_path(paths: Sequence[str]) -> str:
    """Name several inputs in one message."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} (and {len(paths) - 1} more)"


@dataclass(slots=True)
class _Classes:
    """Which values the targets have."""

    positives: bool = False
    negatives: bool = False
    other: bool = False

    def look(self, examples: Examples) -> None:
        if examples.targets is None:
            return
        values: Any = examples.targets[~np.isnan(examples.targets)]
        self.positives |= bool((values == 1).any())
        self.negatives |= bool((values == 0).any())
        self.other |= bool(((values != 0) & (values != 1)).any())


def _method(options: NegativeOptions, sources: Sequence[Source], classes: _Classes, tally: Tally) -> str:
    """Decide which negatives to make."""
    if options.method is not None:
        made = options.method in METHODS and options.method != "none"
        if made and classes.negatives and not classes.other:
            raise UsageError(
                f"--negatives {options.method}: {sources[0].path} holds negatives (0) already; leave the option out"
            )
        return options.method
    if classes.negatives or classes.other or not classes.positives:
        return "none"
    method = "gc" if all(source.kind == "bed" for source in sources) else "dinucleotide"
    kind = "GC-matched windows of the genome" if method == "gc" else "a dinucleotide shuffle of each positive"
    tally.note(f"no negatives in {sources[0].path}: taking {kind} (--negatives {method})")
    return method

"""Inputs and negatives to one set of examples, in memory or in an HDF5 file, through the same steps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.bound_bases import BoundBases, none_bound
from seqcnn.dataset.class_names import ClassNames, renumber
from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.input_checks import check_bound, refuse_idle, refuse_read_structure, refuse_structure
from seqcnn.dataset.negatives import METHODS, NegativeOptions, make_negatives
from seqcnn.dataset.preparer import Preparer, check_prepare, makes_targets
from seqcnn.dataset.sources import ReadOptions, Source, Tally
from seqcnn.dataset.structure import as_described, completed
from seqcnn.errors import InputError, UsageError


class Sink(Protocol):
    """Where examples go, and from where they can be read again."""

    def append(self, examples: Examples) -> None:
        """Take a chunk."""

    def read_back(self) -> Iterable[Examples]:
        """Give what has been taken so far, in chunks."""

    def renumber(self, places: NDArray[np.float32]) -> None:
        """Give every target, which is the number of a class, its place instead."""

    def retarget(self, targets: NDArray[np.float32]) -> None:
        """Give the examples other targets, shape (n, n_targets)."""


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

    def renumber(self, places: NDArray[np.float32]) -> None:
        """Give every target its place."""
        for i, part in enumerate(self.parts):
            assert part.targets is not None
            self.parts[i] = part.with_targets(renumber(part.targets, places))

    def retarget(self, targets: NDArray[np.float32]) -> None:
        """Give the examples other targets."""
        for i, part in enumerate(self.parts):
            self.parts[i], targets = part.with_targets(targets[: len(part)]), targets[len(part) :]


@dataclass(frozen=True, slots=True)
class Built:
    """What is known of a set when it is whole.

    Parameters
    ----------
    target_names : list of str
    alphabet : {"dna", "rna"}
    negatives : str
        The method that was used; "none" if none were made.
    length : int or None
        Of the windows that regions were cut to around their centres, bp.
    labelled : bool
        Whether every input says its targets itself; else examples were taken to be positives.
    task : str or None
        What the targets are, where options or datasets say so.
    class_names : tuple of str
        The names of classes, if the targets are their numbers.
    preparation : dict or None
        What was done to the targets, see :class:`seqcnn.dataset.preparation.Preparation`.
    structure : dict or None
        How the structures of RNA came about, see :mod:`seqcnn.dataset.structure`; None if there are none.
    """

    target_names: list[str]
    alphabet: str
    negatives: str
    length: int | None
    labelled: bool
    task: str | None = None
    class_names: tuple[str, ...] = ()
    preparation: dict[str, Any] | None = None
    structure: dict[str, Any] | None = None


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
    sources: list[Source] = []
    classes = ClassNames(reading.classes)
    label = None if makes_targets(reading) else label
    try:
        for path in paths:
            sources.append(Source(path, reading, tally, label=label, keep_empty=keep_empty, classes=classes))
            if reading.label_pattern is not None and label is not None and sources[-1].kind not in ("fasta", "fastq"):
                raise UsageError(
                    f"--label-pattern is for headers of FASTA and FASTQ, but {sources[-1].path} is neither"
                )
        refuse_idle(reading, sources)
        check_bound(reading, sources)
        _note_weights(sources, tally)
        check_prepare(sources, reading)
        refuse_structure(sources, reading)
    except BaseException:
        _close(sources)
        raise
    return sources


def _note_weights(sources: Sequence[Source], tally: Tally) -> None:
    """Say where weights are from, and where there are none."""
    if any(source.weighted for source in sources):
        for source in sources:
            column = source.options.weight_column
            where = "as encoded" if source.kind == "h5" else f"by column {column!r}"
            how = where if source.weighted else "alike, with a weight of 1"
            tally.note(f"{source.path}: examples count {how}")


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
    if options.method not in (None, "-", *METHODS) and not os.path.exists(str(options.method)):
        hint = f"--negatives takes a file, or one of {', '.join(METHODS)}"
        _close(sources)
        raise InputError("there is no such file", options.method, hint=hint)
    if options.method == "-" and any(source.path == "stdin" for source in sources):
        _close(sources)
        raise UsageError("standard input (-) can be read only once")
    classes, n_given = _Classes(), 0
    marker = None if reading.bound is None else BoundBases([s.bound for s in sources if s.bound is not None])
    try:
        preparer = Preparer(sources, reading, tally)
        for chunk in preparer.read():
            classes.look(chunk)
            sink.append(chunk if marker is None else marker.mark(chunk))
            n_given += len(chunk)
    finally:
        _close(sources)
    if not n_given:
        raise InputError("holds no sequence with a letter in it", sources_path([source.path for source in sources]))
    preparation = preparer.finish(sink)
    method = _method(options, sources, classes, tally)
    class_names = _number_classes(sources, sink)
    target_names = sources[0].target_names
    if method != "none":
        known = method in METHODS
        if not known and classes.negatives:
            raise UsageError(f"--negatives {method}: {sources[0].path} holds negatives already")
        if classes.other:
            raise UsageError(f"--negatives {method} makes a 0/1 target, but {sources[0].path} has other values")
        structure = sources[0].structure
        if known:
            refuse_read_structure(structure, method, sources[0].path)
        reading = as_described(replace(reading, alphabet=sources[0].alphabet), structure)
        peaks = [part for source in sources for part in (source.peaks, source.bound) if part is not None]
        # The sink grows meanwhile: only what was in it before is a positive.
        positives = partial(_first, sink, n_given)
        made = make_negatives(positives, method, options, reading, tally, len(target_names), peaks)
        for chunk in completed(made, reading, tally):
            tally.counts["negatives"] += len(chunk)
            if any(source.has_bound for source in sources):
                chunk = replace(chunk, bound=none_bound(chunk.sequences))
            chunk = chunk if marker is None else marker.mark(chunk)
            sink.append(chunk)
    if marker is not None:
        tally.note(marker.describe())
    lengths = {source.length for source in sources}
    return Built(
        target_names,
        sources[0].alphabet or "dna",
        method,
        lengths.pop() if len(lengths) == 1 else None,
        all(source.labelled for source in sources),
        _task(sources, reading),
        class_names,
        preparation,
        sources[0].structure,
    )


def _task(sources: Sequence[Source], reading: ReadOptions) -> str | None:
    """Return what the targets are, where it is said."""
    if any(source.has_classes for source in sources):
        return "multiclass"
    said = {source.task for source in sources}
    return reading.task or (said.pop() if len(said) == 1 else None)


def _number_classes(sources: Sequence[Source], sink: Sink) -> tuple[str, ...]:
    """Number the classes in their order; return their names, none where targets are not classes."""
    with_classes = [source.has_classes for source in sources]
    if not any(with_classes):
        return ()
    if not all(with_classes):
        other = sources[with_classes.index(False)]
        raise InputError(f"holds no names of classes, but {sources[with_classes.index(True)].path} does", other.path)
    names, places = sources[0].classes.order()
    sink.renumber(places)
    return tuple(names)


def load(paths: Sequence[str], reading: ReadOptions, options: NegativeOptions, tally: Tally) -> tuple[Examples, Built]:
    """Read inputs and negatives into memory, but those of weight 0; see :func:`collect`.

    Raises
    ------
    InputError
        If all weights are 0, or see :func:`collect`.
    """
    memory = Memory()
    built = collect(open_sources(paths, reading, tally, label=1.0), reading, options, memory, tally)
    examples = join(memory.parts)
    if examples.weights is None or examples.weights.all():
        return examples, built
    counted = examples.weights > 0
    if not counted.any():
        raise InputError("all weights are 0", sources_path(paths))
    tally.counts["examples of weight 0 left out"] += int(np.count_nonzero(~counted))
    return examples.take(counted), built


def _first(sink: Sink, n: int) -> Iterator[Examples]:
    """Give back the first `n` examples."""
    for chunk in sink.read_back():
        yield chunk if len(chunk) <= n else chunk.take(np.arange(n))
        n -= len(chunk)
        if n <= 0:
            return


def _close(sources: Sequence[Source]) -> None:
    for source in sources:
        source.close()


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
    """Decide which negatives to make, if any."""
    method = _wanted(options, sources, classes, tally)
    if method == "none" and options.ratio != 1:
        raise UsageError(f"--negatives-ratio is for negatives that are made; {sources[0].path} is taken as it is")
    return method


def _wanted(options: NegativeOptions, sources: Sequence[Source], classes: _Classes, tally: Tally) -> str:
    task = _task(sources, sources[0].options)
    if task == "multiclass" and options.method not in (None, "none"):
        raise UsageError(f"--negatives {options.method} makes a 0/1 target, but {sources[0].path} has classes")
    if task not in (None, "binary") and options.method is None:
        return "none"
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

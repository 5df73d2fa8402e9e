"""A labelled reference: sequences of classes by name, which files say themselves, or a file for each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqcnn.dataset.class_names import ClassNames, renumber
from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.sources import ReadOptions, Source, Tally
from seqcnn.errors import InputError, UsageError


def read_classes(paths: Sequence[str], reading: ReadOptions, tally: Tally) -> tuple[Examples, list[str]]:
    """Read sequences of several classes into memory.

    A table's target column, headers by the label pattern or of 1 and 0, and an encoded dataset say the classes;
    sequences of any other file are of the class that the file is called after.

    Parameters
    ----------
    paths : sequence of str
    reading : ReadOptions
        Its task and classes do not count.
    tally : Tally

    Returns
    -------
    examples : Examples
        With targets, shape (n, 1), the numbers of classes; those of unknown class are left out and counted.
    names : list of str
        Of the classes.

    Raises
    ------
    InputError, UsageError
        If a file cannot be read, or says no class where it must, or two are called the same.
    """
    classes, parts, called = ClassNames(), list[Examples](), dict[str, str]()
    for path in paths:
        if path == "-":
            raise UsageError("standard input cannot be the reference: name a file")
        parts += _read(path, replace(reading, task=None, classes=()), tally, classes, called)
    examples = join(parts)
    assert examples.targets is not None
    names, places = classes.order()
    examples = examples.with_targets(renumber(examples.targets, places))
    assert examples.targets is not None
    known = ~np.isnan(examples.targets[:, 0])
    if not known.any():
        raise InputError("says of no sequence which class it is of", paths[0])
    if not known.all():
        tally.counts["reference sequences of unknown class left out"] += int((~known).sum())
    return examples.take(known), names


def _read(path: str, reading: ReadOptions, tally: Tally, classes: ClassNames, called: dict[str, str]) -> list[Examples]:
    """Read one file, with the numbers that its classes have."""
    probe = Source(path, reading, Tally(), label=math.nan)
    probe.close()
    if probe.labelled:
        return list(Source(path, replace(reading, task="multiclass"), tally, label=math.nan, classes=classes))
    source = Source(path, reading, tally, label=math.nan)
    chunks = list(source)
    if source.labelled:  # headers of 1 and 0, which are known once they are read
        return [chunk.with_targets(_adopted(chunk, classes)) for chunk in chunks]
    name = _class_of(path)
    if called.setdefault(name, path) != path:
        raise UsageError(f"{called[name]} and {path} are both of the class {name!r}: rename one")
    number = np.float32(classes.number(name))
    return [chunk.with_targets(np.full((len(chunk), 1), number)) for chunk in chunks]


def _adopted(chunk: Examples, classes: ClassNames) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    assert chunk.targets is not None
    return classes.adopt(chunk.targets, ())


def _class_of(path: str) -> str:
    """Return the file's name without what says its format."""
    name = Path(path).name
    for compressed in (".gz", ".bgz"):
        name = name.removesuffix(compressed)
    return name.rpartition(".")[0] or name

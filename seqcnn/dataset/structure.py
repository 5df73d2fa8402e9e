"""RNA structures of examples: what options say of them, and the folding of those that have none.

How a set's structures came about is a dictionary, kept in datasets and models: ``method``, "fold" or "read"; and of
"fold" ``by``, the program and its version, and ``span``, the largest distance of two bases that pair (bp) or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.folding import Folder, Folding, vienna_version
from seqcnn.dataset.reading import ReadOptions, Tally
from seqcnn.errors import InputError, UsageError

METHODS: Final = ("fold", "read")

AT_ONCE: Final = 256
"""Examples that are folded before the next are taken."""


def described(reading: ReadOptions) -> dict[str, Any] | None:
    """Return how the structures of inputs that bring none come about; None if there are none.

    Raises
    ------
    SeqcnnError
        If they are to be folded and the package is not installed.
    """
    if reading.structure == "fold":
        return {"method": "fold", "by": f"ViennaRNA {vienna_version()}", "span": reading.folding.span}
    return {"method": "read"} if reading.structure == "read" else None


def alike(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Say whether structures came about in the same way, by whatever version."""
    if one is None or other is None:
        return one is other
    return (one["method"], one.get("span")) == (other["method"], other.get("span"))


def in_words(about: Mapping[str, Any] | None) -> str:
    """Say how structures came about."""
    if about is None:
        return "none"
    if about["method"] == "read":
        return "read from the input"
    span = "" if about.get("span") is None else f", pairs at most {about['span']} bp apart"
    return f"folded by {about.get('by')}{span}"


def of_dataset(encoded: Mapping[str, Any] | None, reading: ReadOptions, path: str) -> dict[str, Any] | None:
    """Return how the structures of an encoded dataset come about once it is read with these options.

    What is encoded is taken if nothing else is said, or if it is what is asked for; to be folded anew it must differ.

    Raises
    ------
    InputError
        If structures are to be read from a dataset that has none.
    """
    if reading.structure is None:
        return None if encoded is None else dict(encoded)
    if reading.structure == "read" and encoded is None:
        raise InputError("holds no structures", path, hint="encode it with --structure read, or use --structure fold")
    wanted = {"method": reading.structure, "span": reading.folding.span}
    if encoded is not None and (reading.structure == "read" or alike(encoded, wanted)):
        return dict(encoded)
    return described(reading)


def as_described(reading: ReadOptions, about: Mapping[str, Any] | None) -> ReadOptions:
    """Return options by which more sequences get structures in the way that is described."""
    if about is None:
        return replace(reading, structure="none")
    folding = replace(reading.folding, span=about.get("span"))
    return replace(reading, structure=about["method"], folding=folding)


def check_alphabet(about: Mapping[str, Any] | None, alphabet: str | None, path: str) -> None:
    """Refuse structures of DNA.

    Raises
    ------
    UsageError
    """
    if about is not None and (alphabet or "dna") != "rna":
        raise UsageError(f"{path}: structures are of RNA: say --alphabet rna, or leave --structure out")


def folded(chunks: Iterable[Examples], folding: Folding, tally: Tally) -> Iterator[Examples]:
    """Yield examples with the structures that ViennaRNA gives them, some at a time."""
    with Folder(folding, tally.on_folded) as folder:
        for chunk in chunks:
            for start in range(0, len(chunk), AT_ONCE):
                rows = np.arange(start, min(len(chunk), start + AT_ONCE))
                part = chunk if len(rows) == len(chunk) else chunk.take(rows)
                tally.counts["sequences folded"] += len(part)
                yield replace(part, sequences=folder.fold(part.sequences))


def completed(chunks: Iterable[Examples], reading: ReadOptions, tally: Tally) -> Iterator[Examples]:
    """Yield examples, those without structures folded if that is how structures come about."""
    for chunk in chunks:
        bare = reading.structure == "fold" and not chunk.has_contexts
        yield from folded([chunk], reading.folding, tally) if bare else [chunk]

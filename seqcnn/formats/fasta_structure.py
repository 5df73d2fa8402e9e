"""FASTA with a second line for each record, its structure: as RNAfold writes it, or letters of contexts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.letters import encode_strings
from seqcnn.formats.records import Records
from seqcnn.formats.stream import shown_path
from seqcnn.sequence.contexts import contexts_of_letters, contexts_of_pairs, in_context
from seqcnn.sequence.ragged import Ragged, from_text

RECORDS_AT_ONCE: Final = 4096

_ENERGY: Final = re.compile(r"\s+(\(\s*[-+]?\d+(\.\d+)?\s*\)|\[.*\]|\{.*\})$")
"""What RNAfold writes behind a structure: its free energy, in kcal/mol."""

_HINT: Final = "a record is a header, a line of sequence, and a line of dot-bracket or of the letters E H B I M S"


def read_fasta_with_structure(
    stream: BinaryIO, path: str | PathLike[str], *, full_headers: bool = False
) -> Iterator[Records]:
    """Read FASTA with structures; blank lines are passed over.

    Parameters
    ----------
    stream : binary file
    path : str or path
        For messages.
    full_headers : bool
        Names are whole header lines without the blanks at their ends, instead of their first words.

    Yields
    ------
    Records
        Without columns; bases are in their contexts, see :mod:`seqcnn.sequence.contexts`.

    Raises
    ------
    InputError
        If a record has not one line of each, they differ in length, or a character is no letter, bracket or context.
    """
    shown = shown_path(path)
    block, n_records = _Block(shown, full_headers), 0
    for number, raw in enumerate(stream, start=1):
        line = raw.decode("utf-8", "replace").strip()
        if line.startswith(">"):
            block.end_record()
            n_records += 1
            if len(block.names) >= RECORDS_AT_ONCE:
                yield block.records()
                block = _Block(shown, full_headers)
            block.begin_record(line[1:], number)
        elif line:
            block.take(line, number)
    block.end_record()
    if block.names:
        yield block.records()
    if not n_records:
        raise InputError("holds no sequences", shown)


@dataclass(slots=True)
class _Block:
    """Records that have been read."""

    path: str
    full_headers: bool
    names: list[str] = field(default_factory=list)
    sequences: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    contexts: list[NDArray[np.uint8]] = field(default_factory=list)
    header: int = 0

    def begin_record(self, header: str, line: int) -> None:
        """Take a header."""
        words = header.split(maxsplit=1)
        self.names.append(header.strip() if self.full_headers else words[0] if words else "")
        self.header = line

    def end_record(self) -> None:
        """Refuse a record that lacks a line."""
        if len(self.contexts) < len(self.names):
            what = "structure" if len(self.sequences) == len(self.names) else "sequence and structure"
            raise InputError(f"record {self.names[-1]!r} has no line of {what}", self.path, self.header, _HINT)

    def take(self, text: str, line: int) -> None:
        """Take a line of a record."""
        if not self.names:
            hint = "a record starts with a line that begins with '>'"
            raise InputError(f"FASTA without a header: found {text[:20]!r}", self.path, line, hint)
        if len(self.contexts) == len(self.names):
            raise InputError(f"record {self.names[-1]!r} has a third line", self.path, line, _HINT)
        if len(self.sequences) < len(self.names):
            self.sequences.append(text)
            self.lines.append(line)
            return
        text = _ENERGY.sub("", text)
        try:
            found = contexts_of_pairs(text) if set(text) & set("().") else contexts_of_letters(text)
        except ValueError as error:
            raise InputError(f"structure: {error}", self.path, line, _HINT) from error
        n = len(self.sequences[-1])
        if len(found) != n:
            what = f"the structure has {len(found)} characters, but the sequence {n} letters"
            raise InputError(what, self.path, line)
        self.contexts.append(found)

    def records(self) -> Records:
        """Return the records."""
        sequences, encoded = encode_strings(self.sequences, self.path, self.lines)
        contexts = np.concatenate(self.contexts) if self.contexts else np.zeros(0, dtype=np.uint8)
        codes = in_context(sequences.data, contexts)
        counts = encoded.n_ambiguous, encoded.n_u, encoded.n_t
        return Records(Ragged(codes, sequences.offsets), from_text(self.names), {}, *counts)

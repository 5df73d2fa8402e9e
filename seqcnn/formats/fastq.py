"""FASTQ to records; the qualities are not used."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from os import PathLike
from typing import BinaryIO, Final, TextIO, cast

from seqcnn.errors import InputError
from seqcnn.formats.letters import encode_strings
from seqcnn.formats.records import Records
from seqcnn.formats.stream import shown_path
from seqcnn.sequence.ragged import from_text

CHUNK_ROWS: Final = 50_000


class _CountedLines:
    """As much of a text file as Biopython's parser asks for, and how many lines it has read."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.count = 0
        self._lines = self._counted(text)

    def _counted(self, text: io.TextIOWrapper) -> Iterator[str]:
        for self.count, line in enumerate(text, start=1):
            yield line

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def readline(self) -> str:
        return next(self._lines, "")

    def read(self, size: int) -> str:
        """Read nothing: the parser asks for no characters to learn that this is text."""
        return ""


def read_fastq(
    stream: BinaryIO, path: str | PathLike[str], *, chunk_rows: int = CHUNK_ROWS, full_headers: bool = False
) -> Iterator[Records]:
    """Read FASTQ, four lines or more a record.

    Parameters
    ----------
    stream : binary file
    path : str or path
        For messages.
    chunk_rows : int
        Records in a chunk.
    full_headers : bool
        Names are whole header lines instead of their first words.

    Yields
    ------
    Records
        Without columns.

    Raises
    ------
    InputError
        With the line where the record at fault starts, if the text is not FASTQ, ends too early, or a byte is no
        nucleotide letter.
    """
    shown = shown_path(path)
    records = _titles_and_sequences(stream, shown)
    n_records = 0
    while rows := list(islice(records, chunk_rows)):
        n_records += len(rows)
        titles = [title.strip() for title, _, _ in rows]
        names = titles if full_headers else [title.split(None, 1)[0] if title else "" for title in titles]
        sequences, counts = encode_strings([sequence for _, sequence, _ in rows], shown, [line for _, _, line in rows])
        yield Records(sequences, from_text(names), {}, counts.n_ambiguous, counts.n_u, counts.n_t)
    if not n_records:
        raise InputError("holds no sequences", shown)


def _titles_and_sequences(stream: BinaryIO, path: str) -> Iterator[tuple[str, str, int]]:
    """Yield title, sequence and the line of the sequence."""
    from Bio.SeqIO.QualityIO import FastqGeneralIterator

    lines = _CountedLines(io.TextIOWrapper(stream, encoding="utf-8", errors="replace"))
    start = 1
    try:
        for title, sequence, _ in FastqGeneralIterator(cast(TextIO, lines)):
            yield title, sequence, start + 1
            start = max(lines.count, 1)  # the parser has read the next title already
    except ValueError as error:
        message = str(error).rstrip(".")
        raise InputError(f"not FASTQ: {message[:1].lower()}{message[1:]}", path, start) from error

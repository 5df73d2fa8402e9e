"""Any input, as a stream of examples: FASTA, FASTQ, tables, BED and narrowPeak over a genome, encoded datasets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.chromosomes import to_genome_names
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.store import Dataset
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.bed import Regions, read_bed
from seqcnn.formats.fasta import read_fasta
from seqcnn.formats.fastq import read_fastq
from seqcnn.formats.genome import Genome
from seqcnn.formats.records import Records
from seqcnn.formats.stream import looks_like_bed, open_input, shown_path, sniff
from seqcnn.formats.table import read_table
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged, offsets_of
from seqcnn.sequence.windows import Windows, centred_windows

FORMATS: Final = ("auto", "fasta", "fastq", "bed", "table", "h5")
_REGIONS_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How inputs are read.

    Parameters
    ----------
    format : str
        One of :data:`FORMATS`; "auto" goes by the first bytes.
    alphabet : {"dna", "rna"} or None
        None: DNA, and sequences with U are refused until the user says which.
    genome : str or None
        FASTA that regions are cut from.
    length : int or None
        Length of the windows around summits or midpoints, bp; None: regions as they are.
    sequence_column, name_column, split_column : str or None
        Columns of tables, by name or 1-based number.
    target_columns : tuple of str or None
        None: found by name; empty: no targets.
    header : bool or None
        Whether tables have one; None: found out.
    label_pattern : str or None
        Regular expression whose first group is the label in a FASTA header.
    """

    format: str = "auto"
    alphabet: str | None = None
    genome: str | None = None
    length: int | None = None
    sequence_column: str | None = None
    target_columns: tuple[str, ...] | None = None
    name_column: str | None = None
    split_column: str | None = None
    header: bool | None = None
    label_pattern: str | None = None


@dataclass(slots=True)
class Tally:
    """What happened while reading: counts for run.json, notes for the user."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a note, once."""
        if text not in self.notes:
            self.notes.append(text)


class Source:
    """One input, to be read once, in constant memory for all but regions.

    Parameters
    ----------
    path : str
        A file, or "-" for standard input.
    options : ReadOptions
    tally : Tally
        Is filled while reading.
    label : float or None
        Target of examples that say none; None for no targets at all.
    keep_empty : bool
        Keep sequences without a letter, for outputs that have a row for each input; else they are left out and counted.

    Attributes
    ----------
    target_names : list of str
        Known before the first chunk. Empty where no target is read.
    alphabet : str or None
        What an encoded dataset says; else what the options say.
    kind : str
        Its format.
    """

    def __init__(
        self, path: str, options: ReadOptions, tally: Tally, *, label: float | None = None, keep_empty: bool = False
    ) -> None:
        self.path = shown_path(path)
        self.options, self.tally, self.label, self.keep_empty = options, tally, label, keep_empty
        self.alphabet = options.alphabet
        self.labelled = False
        """Whether the file itself says the targets."""
        if path != "-" and (options.format == "h5" or (options.format == "auto" and Dataset.is_one(path))):
            self._open_dataset(path)
            return
        self._stream = open_input(path)
        try:
            self.kind = self._find_format(self._stream.peek())
            self.target_names = ["target"] if label is not None else []
            self._chunks = self._open_stream()
        except BaseException:
            self._stream.close()
            raise

    def _open_dataset(self, path: str) -> None:
        self.kind = "h5"
        dataset = Dataset(path)
        if self.alphabet is not None and self.alphabet != dataset.alphabet:
            raise InputError(f"holds {dataset.alphabet.upper()}, but --alphabet says {self.alphabet}", path)
        self.alphabet = dataset.alphabet
        self.labelled = bool(dataset.target_names) and self.label is not None
        self.target_names = dataset.target_names if self.labelled else ["target"] * (self.label is not None)
        self._chunks = dataset.chunks()

    def _find_format(self, head: bytes) -> str:
        found = sniff(head)
        if found == "hdf5":
            raise InputError("an encoded dataset cannot be read from standard input", self.path, hint="give its name")
        if found == "binary":
            raise InputError("is neither text nor an encoded dataset", self.path, hint="FASTA, FASTQ, BED or a table?")
        if self.options.format != "auto":
            return self.options.format
        return "bed" if found == "table" and looks_like_bed(head) else found

    def _open_stream(self) -> Iterator[Examples]:
        options = self.options
        if self.kind == "bed":
            if options.genome is None:
                raise UsageError(f"{self.path} holds regions: say which genome they are of with --genome FASTA")
            return self._regions(options.genome)
        if self.kind == "table":
            wanted = options.target_columns if self.label is not None else ()
            table = read_table(
                self._stream,
                self.path,
                sequence_column=options.sequence_column,
                target_columns=wanted,
                name_column=options.name_column,
                split_column=options.split_column,
                header="auto" if options.header is None else options.header,
            )
            if table.target_names:
                self.labelled, self.target_names = True, table.target_names
            return self._examples(table)
        if self.kind == "fastq":
            return self._examples(read_fastq(self._stream, self.path))
        full = options.label_pattern is not None and self.label is not None
        return self._examples(read_fasta(self._stream, self.path, full_headers=full))

    def __iter__(self) -> Iterator[Examples]:
        n_sequences = 0
        for chunk in self._chunks:
            n_sequences += len(chunk)
            examples = self._finish(chunk)
            if len(examples):
                yield examples
        if n_sequences == 0:
            raise InputError("holds no sequences", self.path)
        self.tally.counts["sequences read"] += n_sequences

    def _finish(self, chunk: Examples) -> Examples:
        """Leave out empty sequences and give the label to examples that say none."""
        if not self.keep_empty:
            empty = chunk.sequences.lengths == 0
            if empty.any():
                self.tally.counts["empty sequences left out"] += int(empty.sum())
                chunk = chunk.take(~empty)
        if self.label is None:
            return chunk.with_targets(None)
        if chunk.targets is None:
            return chunk.with_targets(np.full((len(chunk), 1), self.label, dtype=np.float32))
        return chunk

    def _examples(self, records: Any) -> Iterator[Examples]:
        with self._stream:
            for chunk in records:
                self._check_letters(chunk)
                targets = chunk.columns.get("targets")
                if self.kind in ("fasta", "fastq") and self.label is not None:
                    targets = self._header_labels(chunk.names)
                origin = np.full(len(chunk), Origin.GIVEN, dtype=np.uint8)
                yield Examples(chunk.sequences, chunk.names, targets, origin, None, chunk.columns.get("split"))

    def _check_letters(self, chunk: Records) -> None:
        counts = self.tally.counts
        counts["ambiguous letters read as N"] += chunk.n_ambiguous
        counts["N"] += int(np.count_nonzero(chunk.sequences.data == N_CODE)) - chunk.n_ambiguous
        counts["U"] += chunk.n_u
        counts["T"] += chunk.n_t
        if self.alphabet is None and chunk.n_u:
            raise UsageError(
                f"{self.path}: sequences hold U: say --alphabet rna (one strand), or --alphabet dna to read U as T"
            )
        if counts["U"] and counts["T"]:
            self.tally.note(f"{self.path}: both T and U occur; they are read as the same base")

    def _header_labels(self, names: Ragged) -> NDArray[np.float32] | None:
        """Return the labels that FASTA headers give, or None if they give none."""
        pattern = self.options.label_pattern
        headers = names.decode()
        if pattern is None:
            if not self.labelled and not all(header in ("0", "1") for header in headers):
                return None
            if not self.labelled:
                self.labelled = True
                self.tally.note(f"{self.path}: labels are the headers >1 and >0")
            pattern = "^([01])$"
        compiled = _compiled(pattern)
        self.labelled = True
        labels = np.empty((len(headers), 1), dtype=np.float32)
        for i, header in enumerate(headers):
            found = compiled.search(header)
            try:
                labels[i] = float(found.group(1)) if found else np.nan
            except ValueError:
                found = None
            if found is None:
                raise InputError(f"header {header!r} gives no number by --label-pattern {pattern!r}", self.path)
        return labels

    def _regions(self, genome_path: str) -> Iterator[Examples]:
        with self._stream:
            regions = read_bed(self._stream, self.path)
        with Genome(genome_path) as genome:
            regions, message = to_genome_names(regions, genome.chroms, self.path, genome_path)
            for note in [*genome.notes, *([message] if message else [])]:
                self.tally.note(note)
            for start in range(0, len(regions), _REGIONS_AT_ONCE):
                part = regions.take(np.arange(start, min(len(regions), start + _REGIONS_AT_ONCE)))
                windows = place_windows(part, self.options.length)
                sequences, n_beyond = cut_out(genome, windows)
                self.tally.counts["windows filled up with N beyond a chromosome end"] += n_beyond
                self.tally.counts["N"] += int(np.count_nonzero(sequences.data == N_CODE))
                origin = np.full(len(part), Origin.GIVEN, dtype=np.uint8)
                yield Examples(sequences, part.name, None, origin, windows)
            self.tally.counts["ambiguous letters read as N"] += genome.n_ambiguous


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--label-pattern {pattern!r} is not a regular expression: {error}") from error
    if not compiled.groups:
        raise UsageError(
            f"--label-pattern {pattern!r} needs a group in parentheses around the label, as in 'class:([01])'"
        )
    return compiled


def place_windows(regions: Regions, length: int | None) -> Windows:
    """Return the windows of `length` bp around the centres of regions, or the regions as they are."""
    start, end = regions.start, regions.end
    if length is not None:
        start, end = centred_windows(start, end, regions.summit, length)
    return Windows(regions.chrom, start, end, regions.strand)


def cut_out(genome: Genome, windows: Windows) -> tuple[Ragged, int]:
    """Cut windows out of a genome; what lies beyond a chromosome's end is N.

    Returns
    -------
    sequences : Ragged
    n_beyond : int
        Windows that reach beyond an end.
    """
    size = np.array([genome.chroms[name] for name in windows.chrom.tolist()], dtype=np.int64)
    start, end = np.clip(windows.start, 0, size - 1), np.clip(windows.end, 1, size)
    beyond = np.flatnonzero((start != windows.start) | (end != windows.end))
    inner = genome.extract(windows.chrom, start, end, windows.strand)
    if not len(beyond):
        return inner, 0
    offsets = offsets_of(windows.end - windows.start)
    data = np.full(int(offsets[-1]), N_CODE, dtype=np.uint8)
    left = start - windows.start
    if windows.strand is not None:
        left = np.where(windows.strand == "-", windows.end - end, left)
    shift = np.repeat(offsets[:-1] + left - inner.offsets[:-1], inner.lengths)
    data[np.arange(len(inner.data)) + shift] = inner.data
    return Ragged(data, offsets), len(beyond)


def read_all(sources: Sequence[Source]) -> Iterator[Examples]:
    """Chain the examples of several inputs.

    Raises
    ------
    InputError
        If they do not have the same targets, or one is DNA and another RNA.
    """
    first = sources[0]
    for other in sources[1:]:
        if other.target_names != first.target_names:
            raise InputError(
                f"has the targets {', '.join(other.target_names)}; {first.path} has {', '.join(first.target_names)}",
                other.path,
            )
        if (other.alphabet or "dna") != (first.alphabet or "dna"):
            raise InputError(f"holds {other.alphabet}, but {first.path} holds {first.alphabet or 'dna'}", other.path)
    for source in sources:
        yield from source

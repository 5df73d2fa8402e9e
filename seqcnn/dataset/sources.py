"""Any input, as a stream of examples: FASTA, FASTQ, tables, BED and narrowPeak over a genome, encoded datasets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.bound_bases import bound_parts, scatter
from seqcnn.dataset.chromosomes import to_genome_names
from seqcnn.dataset.class_names import ClassNames
from seqcnn.dataset.cutting import cut_out, pieces, place_windows, region_weights
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.header_labels import compile_pattern, labels_by_pattern, plain_labels
from seqcnn.dataset.reading import FORMATS, BoundOptions, ReadOptions, Tally
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.structure import alike, check_alphabet, described, folded, in_words, of_dataset
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.bed import Regions, read_bed
from seqcnn.formats.fasta import read_fasta
from seqcnn.formats.fasta_structure import read_fasta_with_structure
from seqcnn.formats.fastq import read_fastq
from seqcnn.formats.genome import Genome
from seqcnn.formats.records import Records
from seqcnn.formats.stream import looks_like_bed, open_input, shown_path, sniff
from seqcnn.formats.table import read_table
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.contexts import bases, bases_of
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.windows import Windows

__all__ = ["FORMATS", "ReadOptions", "Source", "Tally", "read_all"]


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
        Target of examples that say none, NaN where it is unknown then; None for no targets at all.
    keep_empty : bool
        Keep sequences without a letter, for outputs that have a row for each input; else they are left out and counted.
    classes : ClassNames, optional
        Shared by the inputs of one set, so that they number classes alike.

    Attributes
    ----------
    target_names : list of str
        Known before the first chunk. Empty where no target is read.
    alphabet : str or None
        What an encoded dataset says; else what the options say.
    kind : str
        Its format.
    length : int or None
        Of the windows that regions are, or were, cut to around their centres, bp.
    placed : bool
        Whether the examples have places in a genome.
    has_classes : bool
        Whether the targets are numbers of `classes`.
    weighted : bool
        Whether the examples have weights.
    task : str or None
        What an encoded dataset says that its targets are.
    preparation : dict or None
        What an encoded dataset says was done to its targets, see :mod:`seqcnn.dataset.preparation`.
    structure : dict or None
        How the structures of its RNA came about, see :mod:`seqcnn.dataset.structure`; None if it has none.
    peaks : Windows or None
        Regions as the file gives them, once they are read, where the examples are windows around their centres.
    bound : Windows or None
        What of the regions is bound, where that is wanted.
    has_bound : bool
        Whether it is known which bases of the examples are bound.
    """

    def __init__(
        self,
        path: str,
        options: ReadOptions,
        tally: Tally,
        *,
        label: float | None = None,
        keep_empty: bool = False,
        classes: ClassNames | None = None,
    ) -> None:
        self.path = shown_path(path)
        self.options, self.tally, self.label, self.keep_empty = options, tally, label, keep_empty
        self.alphabet = options.alphabet
        self.labelled = False
        """Whether the file itself says the targets."""
        self.classes = classes or ClassNames(options.classes)
        self.has_classes = label is not None and options.task == "multiclass"
        self.weighted = False
        self.task: str | None = None
        self.preparation: dict[str, Any] | None = None
        self.structure: dict[str, Any] | None = None
        self._folds = False
        self.peaks: Windows | None = None
        self.bound: Windows | None = None
        self.has_bound = False
        self.length: int | None = None
        self.placed = False
        self._n_u = self._n_t = 0
        self._pattern: re.Pattern[str] | None = None
        self._stream: BufferedReader | None = None
        if path != "-" and (options.format == "h5" or (options.format == "auto" and Dataset.is_one(path))):
            self._open_dataset(path)
            self._check_classes()
            check_alphabet(self.structure, self.alphabet, self.path)
            return
        self.structure, self._folds = described(options), options.structure == "fold"
        check_alphabet(self.structure, self.alphabet, self.path)
        self._stream = open_input(path)
        try:
            self.kind = self._find_format(self._stream.peek())
            self.target_names = ["target"] if label is not None else []
            self._chunks = self._open_stream(self._stream)
            self._check_classes()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; not needed after reading to the end."""
        if self._stream is not None:
            self._stream.close()

    def _open_dataset(self, path: str) -> None:
        self.kind = "h5"
        dataset = Dataset(path)
        if self.alphabet is not None and self.alphabet != dataset.alphabet:
            wanted = f"{self.alphabet.upper()} (by --alphabet, or as the model says)"
            raise InputError(f"holds {dataset.alphabet.upper()}, but is to be read as {wanted}", path)
        self.alphabet = dataset.alphabet
        self.length, self.placed = dataset.window_length, dataset.has_windows
        self.labelled = bool(dataset.target_names) and self.label is not None
        self.target_names = dataset.target_names if self.labelled else ["target"] * (self.label is not None)
        self.weighted = self.label is not None and dataset.has_weights
        self.structure = of_dataset(dataset.structure, self.options, self.path)
        self._folds = self.options.structure == "fold" and not alike(self.structure, dataset.structure)
        self.has_bound = self.label is not None and dataset.has_bound
        self._chunks = dataset.chunks()
        if self.structure is None and dataset.structure is not None:
            self._chunks = (replace(chunk, sequences=bases_of(chunk.sequences)) for chunk in dataset.chunks())
        if self.label is None:
            return
        self.task, self.preparation = "multiclass" if dataset.class_names else dataset.task, dataset.preparation
        if dataset.class_names and self.options.task not in (None, "multiclass"):
            what = f"{len(dataset.class_names)} classes ({', '.join(dataset.class_names[:10])})"
            raise InputError(f"the targets are {what}, not those of a {self.options.task} task", self.path)
        self.has_classes |= bool(dataset.class_names)
        if self.has_classes and self.labelled:
            self._chunks = self._with_classes(self._chunks, dataset)

    def _with_classes(self, chunks: Iterable[Examples], dataset: Dataset) -> Iterator[Examples]:
        """Yield the examples of a dataset with the numbers that this set has for its classes."""
        for chunk in chunks:
            assert chunk.targets is not None
            try:
                yield chunk.with_targets(self.classes.adopt(chunk.targets, dataset.class_names))
            except ValueError as error:
                raise InputError(str(error), self.path) from error

    def _check_classes(self) -> None:
        """Refuse an input that says no classes where there must be such."""
        if not self.has_classes:
            return
        if not self.labelled:
            hint = "see --target-column and --label-pattern"
            raise InputError("holds no classes, but the task is multiclass", self.path, hint=hint)
        if len(self.target_names) > 1:
            names = ", ".join(self.target_names)
            raise UsageError(f"{self.path}: the class of an example is in one column, not in {names}")

    def _find_format(self, head: bytes) -> str:
        found = sniff(head)
        if found == "hdf5" and self.options.format not in ("auto", "h5"):
            raise InputError(f"is an encoded dataset (HDF5), not {self.options.format}", self.path)
        if found == "hdf5" or self.options.format == "h5":
            hint = "give the name of an HDF5 file that is not compressed"
            raise InputError("an encoded dataset cannot be read from a stream", self.path, hint=hint)
        if found == "binary":
            raise InputError("is neither text nor an encoded dataset", self.path, hint="FASTA, FASTQ, BED or a table?")
        if self.options.format != "auto":
            return self.options.format
        return "bed" if found == "table" and looks_like_bed(head) else found

    def _open_stream(self, stream: BufferedReader) -> Iterator[Examples]:
        options = self.options
        if options.structure == "read" and self.kind != "fasta":
            raise UsageError(f"{self.path}: --structure read is for FASTA with a second line for each record")
        if self.kind == "bed":
            if options.genome is None:
                raise UsageError(f"{self.path} holds regions: say which genome they are of with --genome FASTA")
            self.placed, self.length = True, options.usual_length if options.length is None else options.length
            self.weighted = self.label is not None and options.weight_column is not None
            known = None
            if options.bound is not None and self.label is not None:
                known = self._read_bound(stream, options.genome, options.bound)
            return self._regions(stream, options.genome, known)
        if options.length is not None:
            self.tally.note(f"{self.path}: sequences are read whole; --length cuts windows from a genome")
        if self.kind == "table":
            wanted = options.target_columns if self.label is not None else ()
            table = read_table(
                stream,
                self.path,
                sequence_column=options.sequence_column,
                target_columns=wanted,
                name_column=options.name_column,
                split_column=options.split_column,
                weight_column=options.weight_column if self.label is not None else None,
                likely_targets=options.likely_targets,
                read_target=self.classes.number if self.has_classes else None,
                header="auto" if options.header is None else options.header,
            )
            positives = self.label is not None and not math.isnan(self.label)
            if positives and options.target_columns is None and not table.target_names:
                columns = ", ".join(table.column_names)
                self.tally.note(
                    f"{self.path}: no column is known as a target, so that all are taken to be positives; "
                    f"else say which with --target-column (there are: {columns})"
                )
            if table.target_names:
                self.labelled, self.target_names = True, table.target_names
            self.weighted = self.label is not None and options.weight_column is not None
            return self._examples(stream, table)
        full = options.label_pattern is not None and self.label is not None
        if options.label_pattern is not None and full:
            self._pattern, self.labelled = compile_pattern(options.label_pattern), True
        read = read_fastq if self.kind == "fastq" else read_fasta
        if options.structure == "read":
            return self._examples(stream, read_fasta_with_structure(stream, self.path, full_headers=full))
        return self._examples(stream, read(stream, self.path, full_headers=full))

    def __iter__(self) -> Iterator[Examples]:
        return folded(self._finished(), self.options.folding, self.tally) if self._folds else self._finished()

    def _finished(self) -> Iterator[Examples]:
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

    def _examples(self, stream: BufferedReader, records: Iterable[Records]) -> Iterator[Examples]:
        with stream:
            for number, chunk in enumerate(records):
                self._check_letters(chunk)
                names, targets = chunk.names, chunk.columns.get("targets")
                if self._pattern is not None:
                    of_class = self.classes.number if self.has_classes else None
                    names, targets = labels_by_pattern(names, self._pattern, self.path, of_class)
                elif self.kind in ("fasta", "fastq") and self.label is not None and (self.labelled or not number):
                    targets = self._plain_labels(names)
                origin = np.full(len(chunk), Origin.GIVEN, dtype=np.uint8)
                columns = chunk.columns
                yield Examples(
                    chunk.sequences, names, targets, origin, None, columns.get("split"), columns.get("weights")
                )

    def _check_letters(self, chunk: Records) -> None:
        counts = self.tally.counts
        counts["ambiguous letters read as N"] += chunk.n_ambiguous
        letters = chunk.sequences.data if self.options.structure != "read" else bases(chunk.sequences.data)
        counts["N"] += int(np.count_nonzero(letters == N_CODE)) - chunk.n_ambiguous
        counts["U"] += chunk.n_u
        counts["T"] += chunk.n_t
        self._n_u += chunk.n_u
        self._n_t += chunk.n_t
        if self.alphabet is None and chunk.n_u:
            raise UsageError(
                f"{self.path}: sequences hold U: say --alphabet rna (one strand), or --alphabet dna to read U as T"
            )
        if self._n_u and self._n_t:
            self.tally.note(f"{self.path}: both T and U occur; they are read as the same base")

    def _plain_labels(self, names: Ragged) -> NDArray[np.float32] | None:
        """Return the labels of headers that are 1 and 0; None if the file has other headers."""
        labels = plain_labels(names)
        if labels is None and self.labelled:
            other = next(name for name in names.decode() if name not in ("0", "1"))
            raise InputError(f"header {other!r} is neither 1 nor 0, as those before it are", self.path)
        if labels is not None and not self.labelled:
            self.labelled = True
            self.tally.note(f"{self.path}: labels are the headers >1 and >0")
        return labels

    def _read_bound(self, stream: BufferedReader, genome_path: str, options: BoundOptions) -> Regions:
        """Read the regions ahead of everything else: those of any input may be bound parts of windows of another."""
        regions = self._read_bed(stream)
        with Genome(genome_path) as genome:
            regions = self._named(regions, genome)
        self.bound, self.has_bound = bound_parts(regions, options), True
        return regions

    def _read_bed(self, stream: BufferedReader) -> Regions:
        with stream:
            return read_bed(stream, self.path, self.options.weight_column if self.weighted else None)

    def _named(self, regions: Regions, genome: Genome) -> Regions:
        """Return regions under the genome's names of chromosomes."""
        regions, message = to_genome_names(regions, genome.chroms, self.path, genome.path)
        for note in [*genome.notes, *([message] if message else [])]:
            self.tally.note(note)
        return regions

    def _regions(self, stream: BufferedReader, genome_path: str, known: Regions | None) -> Iterator[Examples]:
        regions = self._read_bed(stream) if known is None else known
        weights = region_weights(regions, self.path, self.options.weight_column)
        with Genome(genome_path) as genome:
            regions = self._named(regions, genome)
            if self.length is not None:
                self.peaks = Windows(regions.chrom, regions.start, regions.end)
            windows = place_windows(regions, self.length)
            if self.bound is not None and self.options.bound is not None and self.length is not None:
                windows = scatter(windows, self.bound, self.options.bound)
            counts = self.tally.counts
            for rows in pieces(windows.end - windows.start):
                part = windows.take(rows)
                sizes = np.array([genome.chroms[name] for name in part.chrom.tolist()], dtype=np.int64)
                part = replace(part, chrom_size=sizes)
                ambiguous = genome.n_ambiguous
                sequences, n_beyond = cut_out(genome, part)
                ambiguous = genome.n_ambiguous - ambiguous
                counts["windows filled up with N beyond a chromosome end"] += n_beyond
                counts["ambiguous letters read as N"] += ambiguous
                counts["N"] += int(np.count_nonzero(sequences.data == N_CODE)) - ambiguous
                origin = np.full(len(part), Origin.GIVEN, dtype=np.uint8)
                weight = None if weights is None else weights[rows]
                yield Examples(sequences, regions.name.take(rows), None, origin, part, None, weight)


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
        if not alike(other.structure, first.structure):
            what = f"has structures {in_words(other.structure)}; those of {first.path} are {in_words(first.structure)}"
            raise InputError(what, other.path, hint="say --structure fold, or none, for all")
    for source in sources:
        yield from source

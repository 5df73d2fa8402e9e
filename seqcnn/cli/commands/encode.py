"""Encode sequences, regions or tables into an HDF5 dataset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options
from seqcnn.models.tasks import TASKS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from seqcnn.cli.console import Advance
    from seqcnn.dataset.examples import Examples
    from seqcnn.dataset.sources import Source
    from seqcnn.dataset.store_writer import DatasetWriter


@click.command(
    epilog="""\b
Examples:
  seqcnn encode peaks.narrowPeak --genome hg38.fa --length 101 -o data.h5
  seqcnn encode bound.fa.gz --negatives dinucleotide -o data.h5
  seqcnn encode probes.tsv --sequence-column 1 --target-column 2,3 -o data.h5"""
)
@options.inputs()
@options.output("The dataset to write (HDF5).")
@options.reading()
@options.structure()
@options.option("--split-column", metavar="COLUMN", help="Column of a table that says train, valid or test.")
@options.labels()
@options.option(
    "--task",
    type=click.Choice(TASKS),
    help="What the targets are: 0 and 1, numbers, counts, or names of classes; kept in the dataset for train.",
    show_default="not said",
)
@options.option("--one-hot", is_flag=True, help="Also write one-hot arrays (n, 4, length) for other tools.")
@options.seed()
@options.messages()
def command(data: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Encode DATA (FASTA, FASTQ, BED or narrowPeak with --genome, tables; also .gz; - is standard input).

    Negatives are added where the data have none. Memory use does not depend on the size of the data, but for
    --prepare, which takes all intensities or reads into memory.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.record import Record
    from seqcnn.dataset.build import collect, open_sources
    from seqcnn.dataset.sources import Tally
    from seqcnn.formats.output import atomic_path, check_output

    report = options_given.reporter(given)
    reading, negatives = options_given.reading(given), options_given.negatives(given)
    paths = options_given.input_paths(data, given)
    check_output(output, force=force, inputs=paths)
    record = Record("encode", {**given, "output": output}, paths)
    tally = Tally()
    sources = open_sources(data, reading, tally, label=1.0)
    for source in sources:
        click.get_current_context().call_on_close(source.close)
    with (
        atomic_path(output) as temporary,
        report.progress("encoding") as progress,
        _writer(temporary, sources, given["one_hot"]) as writer,
    ):
        built = collect(sources, reading, negatives, _Counting(writer, progress), tally)
        n_examples = len(writer)
        record.add(counts=dict(tally.counts), notes=tally.notes, negatives=built.negatives, examples=n_examples)
        record.add(preparation=built.preparation)
        writer.finish(
            record.finish(), task=built.task, class_names=built.class_names or None, preparation=built.preparation
        )
    report.notes(tally)
    report.counts(tally)
    report.say(
        f"wrote {output}: {n_examples:,} examples, {built.alphabet.upper()}, {len(built.target_names)} target(s)"
    )


def _writer(path: Path, sources: Sequence[Source], one_hot: bool) -> DatasetWriter:
    from seqcnn.dataset.store_writer import DatasetWriter

    lengths = {source.length for source in sources}
    return DatasetWriter(
        path,
        sources[0].alphabet or "dna",
        sources[0].target_names,
        length=lengths.pop() if len(lengths) == 1 else None,
        with_one_hot=one_hot,
        structure=sources[0].structure,
    )


class _Counting:
    """A sink that shows how many examples went in."""

    def __init__(self, writer: DatasetWriter, progress: Advance) -> None:
        self._writer, self._progress = writer, progress

    def append(self, examples: Examples) -> None:
        self._writer.append(examples)
        self._progress.by(len(examples))

    def read_back(self) -> Iterable[Examples]:
        return self._writer.read_back()

    def renumber(self, places: NDArray[np.float32]) -> None:
        self._writer.renumber(places)

    def retarget(self, targets: NDArray[np.float32]) -> None:
        self._writer.retarget(targets)

"""Whether an encoded dataset is read in blocks instead of into memory, and what is known of it then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqcnn.cli import given as options_given
from seqcnn.dataset.available import PER_EXAMPLE, PER_LETTER, available_memory
from seqcnn.dataset.build import Built, open_sources
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.streamed import Streamed
from seqcnn.dataset.structure import alike, in_words
from seqcnn.errors import UsageError

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.training.options import TrainOptions


def find_streamed(data: tuple[str, ...], given: Mapping[str, Any], report: Reporter) -> str | None:
    """Return the dataset that is to be read in blocks, None if the data are to be in memory.

    Parameters
    ----------
    data : tuple of str
    given : mapping
        "in_memory" of it: True and False as said, None to go by size; commands without it read into memory.
    report : Reporter

    Raises
    ------
    UsageError
        If it was said, and cannot be.
    """
    in_memory = given.get("in_memory", True)
    if in_memory:
        return None
    encoded = len(data) == 1 and given["format_"] in ("auto", "h5") and Dataset.is_one(data[0])
    alone = given.get("folds") is None and options_given.negatives(given).method in (None, "none")
    alone = alone and given.get("prepare") is None
    if in_memory is None:
        there = available_memory()
        if not encoded or not alone or there is None:
            return None
        n_letters, n_examples = Dataset(data[0]).size()
        needed = n_letters * PER_LETTER + n_examples * PER_EXAMPLE
        if needed <= there:
            return None
        report.say(
            f"{data[0]} would take about {needed / 1e9:,.1f} GB of memory, and {there / 1e9:,.1f} GB are free: it is "
            "read in blocks (--stream)"
        )
        return data[0]
    if not encoded:
        raise UsageError("--stream reads one encoded dataset; make one: seqcnn encode DATA -o DATA.h5")
    if not alone:
        raise UsageError("--stream goes with none of --folds, --negatives and --prepare: they need all in memory")
    return data[0]


def read_streamed(
    path: str, reading: ReadOptions, splitting: SplitOptions, options: TrainOptions, report: Reporter, tally: Tally
) -> tuple[Streamed, Built]:
    """Read a dataset once, to divide it and to know its targets.

    Raises
    ------
    InputError, UsageError
    """
    (source,) = open_sources([path], reading, tally, label=1.0)
    source.close()
    dataset = Dataset(path)
    if not alike(source.structure, dataset.structure):
        raise UsageError(f"--stream: {path} has structures {in_words(dataset.structure)}; encode it as they are to be")
    if source.has_classes and not dataset.class_names:
        raise UsageError(f"--stream: {path} has no names of classes; encode it with --task multiclass")
    alphabet = source.alphabet or "dna"
    with report.progress("reading", len(dataset)) as advance:
        streamed = Streamed(
            dataset,
            splitting,
            both_strands=options.reads_both_strands(alphabet),
            seed=options.seed,
            on_chunk=advance.to,
        )
    tally.counts["sequences read"] += len(dataset)
    built = Built(
        source.target_names,
        alphabet,
        "none",
        source.length,
        source.labelled,
        source.task,
        tuple(dataset.class_names),
        source.preparation,
        source.structure,
    )
    return streamed, built

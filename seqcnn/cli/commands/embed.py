"""Turn sequences into vectors of features, and classify them by a few examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqcnn.cli.console import Reporter
    from seqcnn.dataset.examples import Examples
    from seqcnn.dataset.sources import ReadOptions, Tally
    from seqcnn.interpret.prototypes import Prototypes
    from seqcnn.models.modelfile import Model
    from seqcnn.sequence.ragged import Ragged

VALUES_AT_ONCE: Final = 1 << 22
"""Features that are held and written at a time."""

_OF_NEAREST: Final = ("metric", "temperature", "target_column", "label_pattern")


@click.command(
    epilog="""\b
Examples:
  seqcnn embed run/ sites.fa -o features.h5
  seqcnn embed run/ peaks.bed --genome hg38.fa --layer pooled --ensemble mean -o features.tsv
  seqcnn embed run/ new.fa --nearest GATA1.fa --nearest TAL1.fa -o nearest.tsv"""
)
@click.argument("model")
@options.inputs("sequences", "SEQUENCES...")
@options.option(
    "-o",
    "--output",
    default="-",
    metavar="PATH",
    help="File to write, .tsv or .h5 (HDF5); - is standard output, as TSV.",
)
@options.option("--force", is_flag=True, help="Replace an output that exists.")
@options.option(
    "--layer",
    type=click.Choice(["last", "pooled"]),
    default="last",
    help="Features: what the last layer is given (the hidden units, where there are such), or what is pooled along the "
    "sequence (of DeepBind: the detectors' activations).",
)
@options.option(
    "--ensemble",
    type=click.Choice(["concatenate", "mean"]),
    default="concatenate",
    help="What is made of the features of several members.",
)
@options.option(
    "--nearest",
    multiple=True,
    metavar="REFERENCE",
    help="Classify SEQUENCES by these of known class: a table with a target column, FASTA with --label-pattern, an "
    "encoded dataset; or several files, one for each class. May be given several times.",
    show_default="none",
)
@options.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean"]),
    help="How near a sequence is to a class.",
    show_default="cosine",
)
@options.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="What similarities, or squared distances, are divided by before the softmax.",
    show_default="that of the least log loss, leaving out each sequence of the reference in turn",
)
@options.option(
    "--target-column",
    metavar="COLUMN,...",
    callback=options.csv,
    help="Class column of the reference's table, by name or number.",
    show_default="found by name",
)
@options.option(
    "--label-pattern",
    metavar="REGEX",
    help="Regular expression whose first group is the class in the reference's FASTA headers.",
    show_default="none",
)
@options.rule()
@options.reading(by_model=True)
@options.batch_size
@options.machine()
@options.messages()
def command(model: str, sequences: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Write the features that MODEL (a model file or the run folder) has of SEQUENCES, a row for each one, in order.

    TSV: name; chrom, start, end and strand for regions; f0, f1 ... (m1_f0 of the second member of an ensemble). HDF5:
    names, features (n, n_features), feature_names and, for regions, their places. Of both strands the features are
    those of the strand that has the better score, or their mean where the model's score is one. A sequence without a
    letter has nan. Memory use does not depend on the size of the input.

    With --nearest: name; nearest, the class whose mean features are nearest; for each class NAME_similarity (cosine) or
    NAME_distance, and NAME_probability (softmax over the classes). Features are centred on the reference's mean and
    scaled to length 1. How many of the reference fall to their own class, each held against the others, is said at the
    end and in OUTPUT.run.json.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.embedding_outputs import check_kind, open_writer
    from seqcnn.cli.record import Record, write_json
    from seqcnn.dataset.build import open_sources
    from seqcnn.dataset.sources import Tally, read_all
    from seqcnn.errors import UsageError
    from seqcnn.formats.output import check_output
    from seqcnn.models import device as devices
    from seqcnn.models.modelfile import load

    report = options_given.reporter(given)
    for name in _OF_NEAREST:
        if given[name] is not None and not given["nearest"]:
            raise UsageError(f"--{name.replace('_', '-')} goes with --nearest")
    check_kind(output, table_only=bool(given["nearest"]))
    if output != "-":
        check_output(output, force=force, inputs=[model, *options_given.input_paths(sequences, given)])
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    trained = load(model, devices.find(given["device"]))
    options_given.set_rule(trained, given["rule"])
    reading = options_given.reading_for(trained, given, report)
    record = Record("embed", {**given, "model": model}, [model, *sequences, *given["nearest"], given["genome"]])
    tally = Tally()
    plain = replace(reading, target_columns=None, label_pattern=None)
    sources = open_sources(sequences, plain, tally, label=None, keep_empty=True)
    for source in sources:
        click.get_current_context().call_on_close(source.close)
    report.detail(f"device {devices.describe(trained.network.output_bias.device)}")
    prototypes = _prototypes(trained, given, replace(reading, likely_targets=()), tally) if given["nearest"] else None
    placed = any(source.placed for source in sources)
    about = {"layer": given["layer"], "ensemble": given["ensemble"], "target_names": list(trained.target_names)}
    n_rows, n_silent, names = 0, 0, list[str]()
    with (
        open_writer(output, about, prototypes, placed=placed) as take,
        report.progress("embedding") as progress,
    ):
        for part in _parts(read_all(sources), trained, given):
            features, names = _features(trained, part.sequences, given)
            take(part, features, names)
            n_rows += len(part)
            n_silent += int((part.sequences.lengths == 0).sum())
            progress.by(len(part))
    report.notes(tally)
    report.counts(tally)
    if n_silent:
        report.say(f"{n_silent:,} empty sequences: their features are nan")
    outcome = _say_how_good(report, prototypes) if prototypes is not None else {"features": len(names)}
    if output != "-":
        record.add(counts=dict(tally.counts), notes=tally.notes, **outcome)
        write_json(record.finish(), f"{output}.run.json")
        what = f"{len(names):,} features" if prototypes is None else f"{len(prototypes.names):,} classes"
        report.say(f"wrote {output}: {n_rows:,} sequences, {what}")


def _features(model: Model, sequences: Ragged, given: Mapping[str, Any]) -> tuple[NDArray[np.float32], list[str]]:
    """Return features, shape (n, n_features), and what they are called."""
    from seqcnn.models.embedding import embed, feature_names, joined

    parts = embed(model.network, sequences, given["layer"], given["batch_size"])
    return joined(parts, given["ensemble"]), feature_names(model, parts, given["ensemble"])


def _parts(chunks: Iterable[Examples], model: Model, given: Mapping[str, Any]) -> Iterator[Examples]:
    """Cut chunks into parts of not too many features."""
    import numpy as np

    from seqcnn.sequence.ragged import encode_all

    size = max(1, VALUES_AT_ONCE // len(_features(model, encode_all(["N"]), given)[1]))
    for chunk in chunks:
        for start in range(0, len(chunk), size):
            yield chunk.take(np.arange(start, min(start + size, len(chunk))))


def _prototypes(model: Model, given: Mapping[str, Any], reading: ReadOptions, tally: Tally) -> Prototypes:
    """Read the reference and take the mean features of its classes."""
    import numpy as np

    from seqcnn.dataset.class_examples import read_classes
    from seqcnn.interpret.prototypes import Prototypes

    examples, names = read_classes(given["nearest"], reading, tally)
    assert examples.targets is not None
    features, _ = _features(model, examples.sequences, given)
    classes = examples.targets[:, 0].astype(np.intp)
    metric = given["metric"] or "cosine"
    return Prototypes(features, classes, names, metric=metric, temperature=given["temperature"])


def _say_how_good(report: Reporter, prototypes: Prototypes) -> dict[str, Any]:
    """Say how many of the reference fall to their own class; return it for the record."""
    found, n = prototypes.left_out, int(prototypes.counts.sum())
    n_right, n_judged = int((found.truth == found.called).sum()), len(found.truth)
    largest = prototypes.counts.max() / n
    if n_judged:
        report.say(
            f"reference: {n_right:,} of {n_judged:,} sequences fall to their own class by the others' "
            f"({found.accuracy:.1%}; the largest class has {largest:.1%} of all {n:,})"
        )
    else:
        report.say("reference: each class has one sequence, so that none can be held against the others of its class")
    confusion = {
        name: {other: int(((found.truth == i) & (found.called == j)).sum()) for j, other in enumerate(prototypes.names)}
        for i, name in enumerate(prototypes.names)
    }
    return {
        "reference": dict(zip(prototypes.names, prototypes.counts.tolist(), strict=True)),
        "leave_one_out": {"accuracy": found.accuracy, "judged": n_judged, "confusion": confusion},
        "temperature": found.temperature,
    }

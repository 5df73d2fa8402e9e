"""Score sequences or regions with a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqcnn.dataset.examples import Examples
    from seqcnn.models.modelfile import Model


@click.command(
    epilog="""\b
Examples:
  seqcnn predict run/ sequences.fa.gz > scores.tsv
  seqcnn predict run/ peaks.bed --genome hg38.fa -o scores.tsv
  zcat reads.fq.gz | seqcnn predict run/ - | sort -k2,2gr | head
  seqcnn predict deepbind.safetensors --echo example.seq"""
)
@click.argument("model")
@options.inputs("sequences", "SEQUENCES...")
@options.option("-o", "--output", default="-", metavar="PATH", help="TSV file to write; - is standard output.")
@options.option("--force", is_flag=True, help="Replace an output that exists.")
@options.rule()
@options.option(
    "--spread",
    is_flag=True,
    help="Add a column with the standard deviation of the score over the members of an ensemble.",
)
@options.option(
    "--echo",
    is_flag=True,
    help="Write as the published DeepBind program does: the sequence, then a score for each target.",
)
@options.option(
    "--per-base",
    is_flag=True,
    help="Write a line for every base, with models that score bases (unet).",
)
@options.option("--no-head", is_flag=True, help="Write no header line.")
@options.reading(by_model=True)
@options.structure(by_model=True)
@options.batch_size
@options.machine()
@options.messages()
def command(model: str, sequences: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Score SEQUENCES with MODEL (a model file or the run folder); one line out for each one in, in the same order.

    Columns: name; chrom, start, end and strand for regions; score (log-odds of binding, the predicted value, or the log
    of the expected count) and, for a binary target, probability, or for counts, rate; with several targets, a column
    NAME (and NAME_probability or NAME_rate) for each. For several classes: class, the likeliest one, and for each NAME
    and NAME_probability, which sum to 1. An empty sequence scores nan. With --echo: sequence, and a column
    for each target. With --per-base: name, position (of a base in its sequence, or chrom, position and strand for
    regions; from 0), base, and the base's score and probability. Memory use does not depend on the size of the input.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.streams import opened, write_text
    from seqcnn.dataset.build import open_sources
    from seqcnn.dataset.sources import Tally, read_all
    from seqcnn.errors import UsageError
    from seqcnn.formats.output import check_output
    from seqcnn.models import bases
    from seqcnn.models import device as devices
    from seqcnn.models.modelfile import load

    report = options_given.reporter(given)
    if output != "-":
        check_output(output, force=force, inputs=[model, *options_given.input_paths(sequences, given)])
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    trained = load(model, devices.find(given["device"]), structure=True)
    if given["spread"] and trained.network.settings.n_members == 1:
        raise UsageError("--spread needs an ensemble, but the model has one member; see train --members")
    options_given.set_rule(trained, given["rule"])
    if given["per_base"]:
        bases.check(trained, "the model")
        idle = next((name for name in ("spread", "echo") if given[name]), None)
        if idle is not None:
            raise UsageError(f"--{idle} has no use with --per-base")
    reading = options_given.reading_for(trained, given, report)
    tally = Tally()
    sources = open_sources(sequences, reading, tally, label=None, keep_empty=True)
    for source in sources:
        click.get_current_context().call_on_close(source.close)
    report.detail(f"device {devices.describe(trained.network.output_bias.device)}")
    placed = any(source.placed for source in sources)
    n_rows, n_silent, header = 0, 0, not given["no_head"]
    with (
        opened(output) as out,
        report.progress("scoring") as progress,
    ):
        for chunk in read_all(sources):
            for lines in _texts(trained, chunk, given, placed=placed, header=header):
                write_text(out, lines)
            header = False
            n_rows += len(chunk)
            n_silent += int((chunk.sequences.lengths == 0).sum())
            progress.by(len(chunk))
    report.notes(tally)
    report.counts(tally)
    if n_silent:
        report.say(f"{n_silent:,} empty sequences: their score is nan")
    if output != "-":
        report.say(f"wrote {output}: {n_rows:,} sequences")


def _texts(model: Model, chunk: Examples, given: Mapping[str, Any], *, placed: bool, header: bool) -> Iterator[str]:
    """Yield the lines of a chunk."""
    from seqcnn.models.predict import mean_and_spread

    if given["per_base"]:
        from seqcnn.cli.base_table import base_lines

        yield from base_lines(model, chunk, placed=placed, header=header)
        return
    scores, spread = mean_and_spread(model.network, chunk.sequences, given["batch_size"])
    if given["echo"]:
        yield _echo(model, chunk, scores, header=header)
    else:
        yield _lines(model, chunk, scores, spread if given["spread"] else None, placed=placed, header=header)


def _lines(
    model: Model,
    chunk: Examples,
    scores: NDArray[np.float32],
    spread: NDArray[np.float32] | None,
    *,
    placed: bool,
    header: bool,
) -> str:
    """Return the lines of a chunk, tab-separated."""
    import numpy as np

    from seqcnn.models.tasks import RESPONSES, respond
    from seqcnn.report.row_tables import PLACE, place_columns

    names = ["name"]
    columns: list[list[str]] = [chunk.names.decode()]
    if placed:
        names += PLACE
        columns += place_columns(chunk)
    if model.task == "multiclass":
        names.append("class")
        called = np.array(model.target_names, dtype=object)
        columns.append(np.where(np.isnan(scores[:, 0]), ".", called[scores.argmax(1)]).tolist())
    single, response = len(model.target_names) == 1, RESPONSES.get(model.task)
    responses = respond(model.task, scores)
    for i, (target, score, expected) in enumerate(zip(model.target_names, scores.T, responses.T, strict=True)):
        names.append("score" if single else target)
        columns.append([f"{value:.6g}" for value in score.tolist()])
        if response is not None:
            names.append(response if single else f"{target}_{response}")
            columns.append([f"{value:.6g}" for value in expected.tolist()])
        if spread is not None:
            names.append("score_sd" if single else f"{target}_sd")
            columns.append([f"{value:.6g}" for value in spread[:, i].tolist()])
    rows = ["\t".join(names)] if header else []
    rows += map("\t".join, zip(*columns, strict=True))
    return "\n".join(rows) + "\n"


def _echo(model: Model, chunk: Examples, scores: NDArray[np.float32], *, header: bool) -> str:
    """Return the lines of a chunk as the published program writes them."""
    from seqcnn.sequence.ragged import decode_all

    rows = ["\t".join(["sequence", *model.target_names])] if header else []
    for sequence, row in zip(decode_all(chunk.sequences, model.alphabet), scores.tolist(), strict=True):
        rows.append("\t".join([sequence, *(f"{score:.6f}" for score in row)]))
    return "\n".join(rows) + "\n"

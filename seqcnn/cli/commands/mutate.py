"""Show what mutations do: every substitution, tables and maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.dataset.examples import Examples
    from seqcnn.report.mutation_folder import MutationFolder

LETTERS_AT_ONCE: Final = 1 << 18
"""Bases that are mutated, and written, at a time."""


def _number_or_all(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """Read a number of maps; None for all."""
    if value == "all":
        return None
    if not value.isdigit():
        raise click.BadParameter(f"{value!r} is neither a number nor all", ctx, parameter)
    return int(value)


@click.command(
    epilog="""\b
Examples:
  seqcnn mutate run/ sites.fa -o mutations/
  seqcnn mutate run/ peaks.narrowPeak --genome hg38.fa --maps 50 --map-format svg -o mutations/
  seqcnn mutate run/ sites.fa --deletions --insertions A,C,G,T --score deepbind -o mutations/"""
)
@click.argument("model")
@options.inputs("sequences", "SEQUENCES...")
@options.output("Folder to write to.")
@options.option(
    "--score",
    type=click.Choice(["difference", "deepbind", "log-odds", "response"]),
    default="difference",
    help="How a change is expressed: S_mut - S_wt; the same, 0 unless one of the scores is positive (the rule of "
    "DeepBind's maps); logit(p_mut) - logit(p_wt); or p_mut - p_wt of what is predicted (probability, rate).",
)
@options.option(
    "--method",
    type=click.Choice(["saturation", "gradient", "integrated-gradients", "deeplift"]),
    default="saturation",
    help="How it is found: saturation is exact; the others estimate it from gradients and report how incomplete they "
    "are.",
)
@options.option("--deletions", is_flag=True, help="Delete every single base too.")
@options.option(
    "--insertions",
    metavar="LETTERS,...",
    callback=options.csv,
    help="Insert these letters before every base, and after the last, too.",
)
@options.rule()
@options.option("--table/--no-table", default=True, help="Write mutations.tsv, a line for each mutation.")
@options.option(
    "--array",
    type=click.Choice(["h5", "npz", "none"]),
    default="h5",
    help="Write mutations.h5 or .npz: delta, shape (n, 4, length), and more.",
)
@options.option(
    "--maps",
    metavar="N|all",
    default="20",
    callback=_number_or_all,
    help="Draw maps of the first N sequences.",
)
@options.option(
    "--map-format",
    metavar="FORMAT,...",
    default="png",
    callback=options.csv,
    help="Formats of the maps: png, svg, pdf.",
)
@options.reading(by_model=True)
@options.structure(by_model=True)
@options.batch_size
@options.machine()
@options.messages()
def command(model: str, sequences: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Score every substitution of SEQUENCES with MODEL (a model file or the run folder), exactly.

    Writes a folder: mutations.tsv (name; chrom, start, end and strand of the base for regions; position in the
    sequence, from 0; ref and alt, as the sequence is read; delta, and sd over the members of an ensemble; with several
    targets NAME_delta for each), sequences.tsv (score, largest loss and gain), mutations.h5, maps/ and run.json. Both
    strands are scored anew for every mutant; RNA structure stays that of the sequence as it is. Memory use does not
    depend on the size of the input.
    """
    from dataclasses import replace

    from seqcnn.cli import given as options_given
    from seqcnn.cli.record import Record, write_json
    from seqcnn.dataset.build import open_sources
    from seqcnn.dataset.sources import Tally, read_all
    from seqcnn.formats.output import check_output
    from seqcnn.interpret.mutate import MutateOptions, check, mutate
    from seqcnn.models import device as devices
    from seqcnn.models.modelfile import load
    from seqcnn.report.mutation_folder import MutationFolder, Outputs
    from seqcnn.sequence.contexts import bases_of

    report = options_given.reporter(given)
    array = None if given["array"] == "none" else given["array"]
    outputs = Outputs(given["table"], array, given["maps"], given["map_format"])
    outputs.check()
    folder = check_output(output, force=force, directory=True)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    trained = load(model, devices.find(given["device"]), structure=True)
    options_given.set_rule(trained, given["rule"])
    insertions = tuple(dict.fromkeys(letters.upper() for letters in given["insertions"] or ()))
    wanted = MutateOptions(given["score"], given["method"], given["deletions"], insertions)
    check(trained, wanted)
    reading = options_given.reading_for(trained, given, report)
    record = Record("mutate", {**given, "model": model}, [model, *options_given.input_paths(sequences, given)])
    tally = Tally()
    sources = open_sources(sequences, reading, tally, label=None, keep_empty=True)
    for source in sources:
        click.get_current_context().call_on_close(source.close)
    placed = any(source.placed for source in sources)
    with (
        MutationFolder(folder, trained, wanted, outputs, placed=placed) as written,
        report.progress("mutating") as progress,
    ):
        for part in _parts(read_all(sources)):
            changes = mutate(trained, part.sequences, wanted, given["batch_size"])
            written.take(replace(part, sequences=bases_of(part.sequences)), changes)
            progress.by(len(part))
    report.notes(tally)
    report.counts(tally)
    _say_what_is_missing(report, written, wanted.method)
    record.add(counts={**tally.counts, **written.counts}, notes=tally.notes, incomplete=written.missing())
    write_json(record.finish(), folder / "run.json")
    report.say(f"wrote {output}: {written.counts['mutated']:,} sequences, {written.counts['maps']:,} maps")


def _parts(chunks: Iterable[Examples]) -> Iterator[Examples]:
    """Cut chunks into parts of not too many letters."""
    import numpy as np

    for chunk in chunks:
        offsets, start = chunk.sequences.offsets, 0
        while start < len(chunk):
            most = offsets[start] + LETTERS_AT_ONCE
            stop = max(start + 1, int(np.searchsorted(offsets[1:], most, side="right")))
            yield chunk.take(np.arange(start, stop))
            start = stop


def _say_what_is_missing(report: Reporter, written: MutationFolder, method: str) -> None:
    """Say what was left out, and how complete estimates are."""
    if empty := written.counts["without a letter"]:
        report.say(f"{empty:,} empty sequences: they have no mutations, and their score is nan")
    if long := written.counts["too long for a map"]:
        report.say(f"{long:,} sequences are too long for a map")
    for target, share in written.missing().items():
        report.say(
            f"{method}, {target}: the contributions miss {share:.1%} of the score's difference from the baseline "
            "(median); --method saturation is exact"
        )

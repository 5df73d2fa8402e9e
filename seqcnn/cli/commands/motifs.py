"""Turn what a model learned into motifs: PWMs, logos, names, effects."""

from __future__ import annotations

from typing import Any

import click

from seqcnn.cli import options


def _number_or_all(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """Read a number of motifs; None for all."""
    if value == "all":
        return None
    if not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a number from 1 on nor all", ctx, parameter)
    return int(value)


@click.command(
    epilog="""\b
Examples:
  seqcnn motifs run/ peaks.narrowPeak --genome hg38.fa -o motifs/
  seqcnn motifs run/ train.h5 --merge --database JASPAR2024_CORE.jaspar -o motifs/
  seqcnn motifs run/ clip.fa --label-pattern 'class:([01])' --top 10 --logos png,pdf -o motifs/"""
)
@click.argument("model")
@options.inputs("sequences", "SEQUENCES...")
@options.output("Folder to write to.")
@options.option(
    "--method",
    type=click.Choice(["filters", "contributions"]),
    default="filters",
    help="What motifs are made of: the windows that fire each filter of the first layer, or the stretches of positives "
    "whose bases contribute most to the score (exact mutagenesis; slower, and held in memory).",
)
@options.option(
    "--rule",
    type=click.Choice(["best", "fraction"]),
    default="best",
    help="Which windows count: best (each sequence's best one, if it fires the filter), or fraction (all above a share "
    "of the filter's largest activation).",
)
@options.option(
    "--fraction",
    type=click.FloatRange(min=0, max=1, max_open=True),
    metavar="F",
    help="Share of the filter's largest activation that a window must be above.",
    show_default="0 for best, 0.5 for fraction",
)
@options.option(
    "--weights",
    type=click.Choice(["none", "activation"]),
    default="none",
    help="What a window counts: each 1, or in proportion to its activation.",
)
@options.option(
    "--trim",
    type=click.FloatRange(min=0, max=2),
    default=0.25,
    metavar="BITS",
    help="Cut off flanking positions with less information against the background.",
)
@options.option(
    "--pseudocount",
    type=click.FloatRange(min=0),
    default=1.0,
    metavar="N",
    help="Added to the counts of each position, divided among the bases as in the background.",
)
@options.option(
    "--min-sites", type=click.IntRange(min=1), default=10, metavar="N", help="Fewer sites make no motif: it is weak."
)
@options.option("--merge", is_flag=True, help="Make one motif of those that are alike, shifted or on the other strand.")
@options.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the N motifs with the largest effects.",
    show_default="all",
)
@options.option("--database", multiple=True, metavar="FILE", help="Known motifs to compare with; may be given again.")
@options.option(
    "--q-value",
    type=click.FloatRange(min=0, max=1),
    default=0.1,
    metavar="Q",
    help="Largest q-value of a match in matches.tsv, the best match aside.",
)
@options.option(
    "--target",
    metavar="NAME",
    help="Target or class that effects and labels are of; of several imported models, the one whose motifs are found.",
    show_default="first; all imported models for filters",
)
@options.option(
    "--motif-format",
    default="meme,jaspar,transfac,homer",
    metavar="FORMAT,...",
    callback=options.csv,
    help="Motif files to write.",
)
@options.option(
    "--logos",
    default="png",
    metavar="png,svg,pdf|none",
    callback=options.csv,
    help="Pictures of the motifs to write.",
)
@options.option("--n-logos", default="20", metavar="N|all", callback=_number_or_all, help="Draw the first N motifs.")
@options.reading(by_model=True)
@options.structure(by_model=True)
@options.option(
    "--target-column",
    metavar="COLUMN,...",
    callback=options.csv,
    help="Columns of a table that hold labels, by name or number.",
    show_default="those of the model's targets, or found by name",
)
@options.option(
    "--label-pattern",
    metavar="REGEX",
    help="Regular expression whose first group is the label in a FASTA header, such as 'class:([01])'.",
)
@options.option(
    "--negatives",
    metavar="dinucleotide|FILE",
    help="Take SEQUENCES for positives, and shuffles of them, or this file, for negatives.",
)
@options.seed()
@options.machine()
@options.messages()
def command(model: str, sequences: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Find the motifs that MODEL (a model file or the run folder) has learned, in SEQUENCES.

    Motifs are made of the positives where SEQUENCES have labels (1 and 0), else of all; background is the base
    frequencies of all. The folder gets motifs.tsv (a line for each filter or motif: consensus, information, sites,
    AUROC, effect on the model, best match), motif files, sites.bed, positions.tsv (how far sites lie from the centres),
    matches.tsv, logos/ and run.json. Motifs come with the largest effect first: how much closer positives and negatives
    score when the motif's filters are silent, or (of contributions) its sites masked. Of filters, memory use does not
    depend on the size of the input; sequences are laid aside in the output folder meanwhile.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.motif_input import MotifInput
    from seqcnn.cli.motif_search import chosen_outputs, open_search, read_database, report_found, said, search_options
    from seqcnn.cli.record import Record, write_json
    from seqcnn.dataset.build import sources_path
    from seqcnn.dataset.sources import Tally
    from seqcnn.formats.output import check_output
    from seqcnn.interpret.filter_search import name_motifs
    from seqcnn.models import device as devices
    from seqcnn.models.modelfile import load
    from seqcnn.report.motif_folder import draw_logos, write_sites, write_tables

    report = options_given.reporter(given)
    outputs = chosen_outputs(given)
    folder = check_output(output, force=force, directory=True)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    trained = load(model, devices.find(given["device"]), structure=True)
    known = read_database(given["database"], trained.alphabet, report)
    reading = options_given.reading_for(trained, given, report)
    paths = [model, *options_given.input_paths(sequences, given), *given["database"]]
    record = Record("motifs", {**given, "model": model}, paths)
    tally = Tally()
    data = MotifInput(sequences, trained, reading, given, tally)
    wanted = search_options(given, data.target)
    with open_search(given["method"], trained, wanted, folder, tally) as search:
        with report.progress("scanning") as progress:
            for examples, labels in data:
                search.take(examples, labels)
                progress.by(len(examples))
        report.notes(tally)
        found = search.find(sources_path(sequences))
        report.notes(tally)
        if known:
            found = name_motifs(found, known, q_value=given["q_value"])
        with report.progress("writing sites", unit="sites") as progress:
            n_sites = write_sites(search.sites(), found, folder / "sites.bed", after_each=progress.by)
    files = write_tables(found, folder, outputs, matches=bool(known))
    with report.progress("drawing", unit="pictures") as progress:
        for path in draw_logos(found, folder, outputs):
            files.append(f"logos/{path.name}")
            progress.by(1)
    report.counts(tally)
    record.add(counts={**tally.counts, **search.counts(), **said(found), "sites": n_sites}, notes=tally.notes)
    record.add(background=search.background.tolist(), labelled=search.labelled)
    write_json(record.finish(), folder / "run.json")
    report_found(report, found, output, labelled=search.labelled)

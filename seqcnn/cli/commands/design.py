"""Design sequences that score as wanted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.interpret.design.goals import Objective
    from seqcnn.interpret.design.run import Designed
    from seqcnn.interpret.design.starts import Start

RANDOM: int = 10
"""Random sequences that are begun with where none are given."""


def _bounds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float]:
    """Read two shares."""
    low, _, high = (value or "0-1").partition("-")
    try:
        found = float(low), float(high)
    except ValueError:
        found = 1.0, 0.0
    if not 0 <= found[0] <= found[1] <= 1:
        raise click.BadParameter(f"{value!r} is not LOW-HIGH with shares from 0 to 1, such as 0.4-0.6", ctx, parameter)
    return found


@click.command(
    epilog="""\b
Examples:
  seqcnn design run/ -o designed.fa --picture designed.png
  seqcnn design ctcf/ gata1/ --objective raise,lower --gc 0.4-0.6 -o ctcf_only.fa
  seqcnn design run/ --from enhancers.fa --objective below=-2 --edits 5 --fixed 10-20 -o broken.fa
  seqcnn design run/ --from template.fa --fixed letters --n 20 --method gradient -o library.fa"""
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@options.output("FASTA file to write; - is standard output.")
@options.option(
    "--objective",
    metavar="GOAL,...",
    default="raise",
    callback=options.csv,
    help="What each score is to do, one for all or one for each MODEL: raise, lower, target=X, above=X (raise up to X, "
    "more is no better) or below=X.",
)
@options.option(
    "--target",
    metavar="NAME,...",
    callback=options.csv,
    help="Target or class of each MODEL; several of one MODEL are several goals.",
    show_default="the only one",
)
@options.option(
    "--balance",
    metavar="W,...",
    callback=options.csv,
    help="How much each goal counts: the weighted sum of all is raised.",
    show_default="1 each",
)
@options.option(
    "--from",
    "templates",
    metavar="FASTA",
    help="Sequences to begin with; an ambiguity letter (N, R, ...) stands for any of its bases, drawn at random, and "
    "none but these may take its place.",
    show_default="random sequences",
)
@options.option(
    "--n",
    "n",
    type=click.IntRange(min=1),
    metavar="N",
    help="Sequences to design, from each of --from if there are such; they differ by their random letters and with "
    "--method gradient.",
    show_default=f"{RANDOM}; 1 of each of --from",
)
@options.option(
    "--length",
    type=click.IntRange(min=1),
    metavar="BP",
    help="Length of random sequences.",
    show_default="that of the model's training windows",
)
@options.option(
    "--method",
    type=click.Choice(["greedy", "gradient"]),
    default="greedy",
    help="The way: greedy makes the best of all single substitutions, again and again; gradient also follows the "
    "gradient of the score to another sequence, goes on from there, and takes the better of both.",
)
@options.option(
    "--edits", type=click.IntRange(min=0), metavar="N", help="Most bases that may be changed.", show_default="all"
)
@options.option(
    "--gc",
    metavar="LOW-HIGH",
    callback=_bounds,
    help="Bounds of the share of G and C of each sequence, such as 0.4-0.6.",
    show_default="none",
)
@options.option(
    "--fixed",
    metavar="WHAT,...",
    callback=options.csv,
    help="What stays as it is: places such as 10-20 (from 0, end not included), 'lower' (letters in lower case), "
    "'letters' (all but ambiguity letters), or a BED file with the names of sequences for chromosomes.",
    show_default="nothing",
)
@options.option(
    "--min-gain",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SCORE",
    help="Stop where no substitution gains more than this.",
)
@options.option("--iterations", type=click.IntRange(min=1), default=200, metavar="N", help="Steps along the gradient.")
@options.option(
    "--trajectory",
    metavar="TSV",
    help="Table to write of all edits: sequence, step, position (from 0), ref, alt, and the score after it.",
    show_default="none",
)
@options.option(
    "--picture",
    metavar="PATH",
    help="Picture to write of scores and sequences: .png, .svg or .pdf.",
    show_default="none",
)
@options.rule()
@options.seed()
@options.machine()
@options.messages()
def command(models: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Design sequences whose scores by one MODEL or several (model files or run folders) are as wanted.

    Each designed sequence is FASTA with its scores, the number of edits and its GC content in the header. Every
    substitution is scored exactly, both strands anew, as seqcnn mutate does; what is written are scores of the
    sequences themselves. The score is the model's: log-odds of binding, a value, or the log of a count; of several
    classes the log-odds of one.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.design_outputs import check_outputs, write_outputs
    from seqcnn.cli.record import Record, write_json
    from seqcnn.interpret.design.run import DesignOptions, design
    from seqcnn.models import device as devices

    report = options_given.reporter(given)
    check_outputs(output, given["trajectory"], given["picture"], force=force)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    objective, alphabet, length = _objective(models, given)
    starts = _starts(given, length)
    wanted = DesignOptions(
        given["method"], given["edits"], given["gc"], given["min_gain"], given["iterations"], given["seed"]
    )
    record = Record("design", {**given, "models": models}, [*models, given["templates"]])
    report.detail(f"device {devices.describe(objective.networks[0].output_bias.device)}")
    began = time.process_time()
    with report.progress("designing", len(starts)) as progress:
        designed = design(objective, starts, wanted, progress.by)
    seconds = time.process_time() - began
    write_outputs(designed, objective, alphabet, output, given["trajectory"], given["picture"])
    _say(report, objective, designed, seconds)
    if output != "-":
        summary = {"sequences": len(designed), "edits": sum(each.n_edits for each in designed)}
        record.add(counts=summary)
        write_json(record.finish(), f"{output}.run.json")
        more = [path for path in (given["trajectory"], given["picture"]) if path]
        report.say(f"wrote {', '.join([output, *more])}: {len(designed):,} sequences")


def _objective(models: Sequence[str], given: Mapping[str, Any]) -> tuple[Objective, str, int | None]:
    """Read the models; return what is wanted of them, their alphabet, and a length that one was trained on."""
    from seqcnn.cli.design_goals import find_terms
    from seqcnn.cli.given import load_all
    from seqcnn.errors import UsageError
    from seqcnn.interpret.design.goals import Objective
    from seqcnn.models import device as devices

    loaded = load_all(list(dict.fromkeys(models)), str(devices.find(given["device"])), given["rule"])
    by_path = dict(zip(dict.fromkeys(models), loaded.items(), strict=True))
    alphabets = {model.alphabet for model in loaded.values()}
    if len(alphabets) > 1:
        raise UsageError("one model reads DNA and another RNA: a sequence is one or the other")
    named = [by_path[path] for path in models]
    terms = find_terms(named, given["target"], given["objective"], given["balance"])
    lengths = [model.length for model in loaded.values() if model.length is not None]
    return Objective(terms), alphabets.pop(), lengths[0] if lengths else None


def _starts(given: Mapping[str, Any], usual_length: int | None) -> list[Start]:
    """Read or draw what is begun with."""
    from seqcnn.errors import UsageError
    from seqcnn.formats.stream import open_input, shown_path
    from seqcnn.formats.templates import read_templates
    from seqcnn.interpret.design.starts import from_templates, parse_fixed, random_starts

    fixed = parse_fixed(given["fixed"] or ())
    if given["templates"] is not None:
        if given["length"] is not None:
            raise UsageError("--length is that of random sequences; those of --from have their own")
        with open_input(given["templates"]) as stream:
            templates = read_templates(stream, shown_path(given["templates"]))
        return from_templates(templates, given["n"] or 1, fixed, given["gc"], given["seed"])
    if fixed.lower or fixed.letters or fixed.regions:
        raise UsageError("--fixed lower, letters and BED files are for sequences of --from")
    length = given["length"] or usual_length
    if length is None:
        raise UsageError(
            "say --length: the models were trained on sequences as they were, not on windows of one length"
        )
    return random_starts(given["n"] or RANDOM, length, fixed, given["gc"], given["seed"])


def _say(report: Reporter, objective: Objective, designed: Sequence[Designed], seconds: float) -> None:
    """Say what became of the scores."""
    import numpy as np

    before = np.mean([each.path.scores for each in designed], axis=0)
    after = np.mean([each.path.last_scores for each in designed], axis=0)
    for term, first, last in zip(objective.terms, before, after, strict=True):
        report.say(f"{term.name}: {first:.4g} before, {last:.4g} after, on average")
    n_edits, n_steps = sum(each.n_edits for each in designed), sum(len(each.path.steps) for each in designed)
    report.say(f"{n_edits:,} edits in {len(designed):,} sequences, at most {max(e.n_edits for e in designed):,} in one")
    report.detail(f"{n_steps:,} steps in {seconds:.3g} CPU seconds, {n_steps / max(seconds, 1e-9):,.1f} a second")

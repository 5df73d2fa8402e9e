"""Options that several commands share, with one spelling and one meaning everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Option(click.Option):
    """An option whose help says its default: in words without the parentheses of click, or that there is none."""

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what stands in brackets: default, range, whether it is required."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        elif not (self.is_flag or self.required):
            extra.setdefault("default", "none")
        return extra


option = partial(click.option, cls=Option)


def stack(*parts: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several, so that help shows them in this order."""

    def decorate(function: F) -> F:
        for part in reversed(parts):
            function = part(function)
        return function

    return decorate


def csv(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated value."""
    if value is None:
        return None
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not parts:
        raise click.BadParameter("is empty", ctx, parameter)
    return parts


def shard(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int]:
    """Read I/N; all of it is part 1 of 1."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", "1/1" if value is None else value)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value!r} is not I/N with I from 1 to N", ctx, parameter)
    return int(found[1]), int(found[2])


def bound_bases(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Check what bases are bound: "peaks", or a number of bp."""
    if value is None or value == "peaks" or (value.isdecimal() and int(value) > 0):
        return value
    raise click.BadParameter(f"{value!r} is neither 'peaks' nor a number of bp", ctx, parameter)


def inputs(name: str = "data", metavar: str = "DATA...") -> Callable[[F], F]:
    """One or more inputs."""
    return click.argument(name, nargs=-1, required=True, metavar=metavar)


def output(help: str, *, required: bool = True) -> Callable[[F], F]:
    """-o/--output and --force."""
    return stack(
        option("-o", "--output", required=required, metavar="PATH", help=help),
        option("--force", is_flag=True, help="Replace an output that exists."),
    )


def rule(
    help: str = "Score each sequence as it is, or as the best of its windows of the detectors' length.",
) -> Callable[[F], F]:
    """--rule."""
    return option("--rule", type=click.Choice(["whole", "window"]), help=help, show_default="the model's")


def reading(*, by_model: bool = False) -> Callable[[F], F]:
    """How inputs are read; a model may know the windows and the alphabet."""
    return stack(
        option("--genome", metavar="FASTA", help="Genome that regions (BED, narrowPeak) are cut from."),
        option(
            "--length",
            type=click.IntRange(min=1),
            metavar="BP",
            help="Window length around each summit or midpoint, in bp.",
            show_default="as in training" if by_model else "regions as they are",
        ),
        option(
            "--alphabet",
            type=click.Choice(["dna", "rna"]),
            help="What the model must read."
            if by_model
            else "DNA is read on both strands, RNA on one; sequences with U must say which.",
            show_default="the model's" if by_model else "dna",
        ),
        option(
            "--format",
            "format_",
            type=click.Choice(["auto", "fasta", "fastq", "bed", "table", "h5"]),
            default="auto",
            help="Format of the input; auto goes by its first bytes.",
        ),
        option(
            "--sequence-column",
            metavar="COLUMN",
            help="Sequence column of a table, by name or number (1...).",
            show_default="found by name, or by its letters",
        ),
        option(
            "--name-column",
            metavar="COLUMN",
            help="Name column of a table, by name or number.",
            show_default="found by name",
        ),
        option(
            "--header/--no-header",
            default=None,
            help="The table has a header line, or none.",
            show_default="found out",
        ),
    )


def structure(*, by_model: bool = False) -> Callable[[F], F]:
    """Which structures RNA has; a model may know."""
    return stack(
        option(
            "--structure",
            type=click.Choice(["none", "fold", "read"]),
            help="Give each base of RNA its structural context (external, hairpin, bulge, internal loop, multiloop, "
            "stem): fold (least free energy, by ViennaRNA) or read (FASTA with a second line, dot-bracket or letters E "
            "H B I M S, for each record).",
            show_default="as in training" if by_model else "as encoded, else none",
        ),
        option(
            "--fold-span",
            type=click.IntRange(min=4),
            metavar="BP",
            help="Fold so that no two bases pair which are further apart.",
            show_default="as in training" if by_model else "no limit",
        ),
    )


def labels(*, by_model: bool = False) -> Callable[[F], F]:
    """Where targets come from, and negatives; a model may know what its targets are called and whether they are 0/1."""
    made = "gc for regions, dinucleotide for sequences"
    return stack(
        option(
            "--target-column",
            metavar="COLUMN,...",
            callback=csv,
            help="Target columns of a table, by name or number.",
            show_default="those of the model's targets, or found by name" if by_model else "found by name",
        ),
        option(
            "--label-pattern",
            metavar="REGEX",
            help="Regular expression whose first group is the label in a FASTA header, such as 'class:([01])'.",
        ),
        option(
            "--weight-column",
            metavar="COLUMN",
            help="Column that says how much each example counts, 0 or more: of a table, or of regions by number or as "
            "score, signalValue, pValue, qValue.",
            show_default="all alike",
        ),
        option(
            "--negatives",
            metavar="METHOD|FILE",
            help="dinucleotide (exact shuffles), gc (genomic windows of like GC), flank (windows beside the peaks), "
            "none, or a file.",
            show_default=f"none if the data hold negatives{' or the model predicts numbers' * by_model}; else {made}",
        ),
        option(
            "--negatives-ratio",
            type=click.FloatRange(min=0, min_open=True),
            default=1.0,
            metavar="R",
            help="Negatives made for each positive.",
        ),
        option(
            "--bound-bases",
            metavar="peaks|BP",
            callback=bound_bases,
            help="Keep which bases of regions are bound, for an architecture that "
            + ("scores bases" if by_model else "learns it (unet)")
            + ": those in peaks, or so many bp around each summit or midpoint. Windows then lie anywhere around them.",
            show_default="not looked at",
        ),
        *preparing(by_model=by_model),
    )


def preparing(*, by_model: bool) -> list[Callable[[F], F]]:
    """What is made of the targets of an in-vitro assay."""
    by_itself = "; a model that was trained so is judged on the scale of the assay without it" * by_model
    return [
        option(
            "--prepare",
            type=click.Choice(["rnacompete", "pbm", "selex"]),
            help="Make targets of rnacompete (intensities clamped at the 99.95th percentile), of pbm (microarray: "
            "square root) or of selex (the reads of rounds, a file each, the first round first): mean 0 and variance "
            f"1, or rounds{by_itself}.",
        ),
        option(
            "--power",
            type=click.FloatRange(0, 1, min_open=True),
            metavar="P",
            help="Power that intensities are raised to: the lower, the less the brightest probes rule.",
            show_default="1 for rnacompete, 0.5 for pbm",
        ),
        option(
            "--bias",
            metavar="FILE,...",
            callback=csv,
            help="Arrays of other proteins on the same probes, tables like DATA, from whose median the bias of each "
            "probe is taken"
            + (", to multiply predictions by" if by_model else " and divided out (pbm)")
            + "; 'columns': the other target columns.",
        ),
        option(
            "--bias-slope",
            type=click.FloatRange(0, 1),
            metavar="X",
            help="Power of the bias that is divided out: 1 in full, as DeepBind does.",
            show_default="as in training" if by_model else "fitted to DATA",
        ),
        option(
            "--rounds",
            type=click.Choice(["each", "order"]),
            help="Targets of selex: each (one a round, whether a sequence was read in it) or order (the mean round of "
            "its reads, 0 to 1).",
            show_default="each",
        ),
    ]


def seed() -> Callable[[F], F]:
    """--seed."""
    return option(
        "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed of everything that is random."
    )


def machine() -> Callable[[F], F]:
    """Device, threads, batches."""
    return stack(
        option(
            "--device",
            default="auto",
            metavar="NAME",
            help="auto (cuda, then mps, then cpu), cpu, cuda, cuda:N or mps.",
        ),
        option(
            "--threads",
            type=click.IntRange(min=1),
            metavar="N",
            help="CPU threads to use.",
            show_default="all that may be used",
        ),
    )


def messages() -> Callable[[F], F]:
    """--quiet and -v."""
    return stack(
        option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
        option("-v", "--verbose", is_flag=True, help="Say more: every count and every option."),
    )


batch_size = option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most sequences scored at a time; the scores do not depend on it.",
    show_default="by their length",
)

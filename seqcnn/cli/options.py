"""Options that several commands share, with one spelling and one meaning everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _stack(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several, so that help shows them in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
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


def inputs(name: str = "data", metavar: str = "DATA...") -> Callable[[F], F]:
    """One or more inputs."""
    return click.argument(name, nargs=-1, required=True, metavar=metavar)


def output(help: str, *, required: bool = True) -> Callable[[F], F]:
    """-o/--output and --force."""
    return _stack(
        click.option("-o", "--output", required=required, metavar="PATH", help=help),
        click.option("--force", is_flag=True, help="Replace an output that exists."),
    )


def reading() -> Callable[[F], F]:
    """How inputs are read."""
    return _stack(
        click.option("--genome", metavar="FASTA", help="Genome that regions (BED, narrowPeak) are cut from."),
        click.option(
            "--length",
            type=click.IntRange(min=1),
            metavar="BP",
            help="Window length around each summit or midpoint, in bp.  [default: regions as they are]",
        ),
        click.option(
            "--alphabet",
            type=click.Choice(["dna", "rna"]),
            help="DNA is read on both strands, RNA on one.  [default: dna; sequences with U must say]",
        ),
        click.option(
            "--format",
            "format_",
            type=click.Choice(["auto", "fasta", "fastq", "bed", "table", "h5"]),
            default="auto",
            help="Format of the input; auto goes by its first bytes.",
        ),
        click.option(
            "--sequence-column", metavar="COLUMN", help="Sequence column of a table, by name or number (1...)."
        ),
        click.option("--name-column", metavar="COLUMN", help="Name column of a table, by name or number."),
        click.option(
            "--header/--no-header", default=None, help="The table has a header line, or none.  [default: found out]"
        ),
    )


def labels() -> Callable[[F], F]:
    """Where targets come from, and negatives."""
    return _stack(
        click.option(
            "--target-column",
            metavar="COLUMN,...",
            callback=csv,
            help="Target columns of a table, by name or number.  [default: found by name]",
        ),
        click.option(
            "--label-pattern",
            metavar="REGEX",
            help="Regular expression whose first group is the label in a FASTA header, such as 'class:([01])'.",
        ),
        click.option(
            "--negatives",
            metavar="METHOD|FILE",
            help="dinucleotide (exact shuffles), gc (genomic windows of like GC), flank (windows beside the peaks), "
            "none, or a file.  [default: none if the data hold negatives; else gc for regions, dinucleotide for "
            "sequences]",
        ),
        click.option(
            "--negatives-ratio",
            type=click.FloatRange(min=0, min_open=True),
            default=1.0,
            metavar="R",
            help="Negatives made for each positive.",
        ),
    )


def seed() -> Callable[[F], F]:
    """--seed."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of everything that is random.")


def machine() -> Callable[[F], F]:
    """Device, threads, batches."""
    return _stack(
        click.option(
            "--device",
            default="auto",
            metavar="NAME",
            help="auto (cuda, then mps, then cpu), cpu, cuda, cuda:N or mps.",
        ),
        click.option(
            "--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads.  [default: all that may be used]"
        ),
    )


def messages() -> Callable[[F], F]:
    """--quiet and -v."""
    return _stack(
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
        click.option("-v", "--verbose", is_flag=True, help="Say more: every count and every option."),
    )


batch_size = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=512,
    metavar="N",
    help="Sequences scored at a time; the scores do not depend on it.",
)

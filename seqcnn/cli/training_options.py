"""Options that all commands which train share, and the preset they begin from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seqcnn.cli import options
from seqcnn.models import catalogue
from seqcnn.models.catalogue import Field
from seqcnn.models.tasks import TASKS
from seqcnn.training.presets import PRESETS

if TYPE_CHECKING:
    from seqcnn.training.options import TrainOptions

F = TypeVar("F", bound=Callable[..., Any])


def usual(name: str, searched: frozenset[str] = frozenset()) -> str:
    """Say in help what an option is if it is not given."""
    return "searched" if name in searched else f"{PRESETS['default'][name]} or by --preset"


def splitting(*, validates: bool = True) -> Callable[[F], F]:
    """How examples are divided into training, test and, where a command has one, validation."""
    return options.stack(
        *(
            [
                options.option(
                    "--valid-chroms",
                    metavar="CHROM,...",
                    callback=options.csv,
                    help="Chromosomes held out to choose the best epoch.",
                ),
            ]
            if validates
            else []
        ),
        options.option(
            "--test-chroms", metavar="CHROM,...", callback=options.csv, help="Chromosomes held out for the final test."
        ),
        *(
            [
                options.option(
                    "--valid-fraction",
                    type=click.FloatRange(0, 1, max_open=True),
                    default=0.1,
                    metavar="F",
                    help="Share of the examples that chooses the best epoch, where nothing else says which.",
                ),
            ]
            if validates
            else []
        ),
        options.option(
            "--test-fraction",
            type=click.FloatRange(0, 1, max_open=True),
            default=0.0,
            metavar="F",
            help="Share of the examples held out for the final test.",
        ),
        options.option("--split-column", metavar="COLUMN", help="Column of a table that says train, valid or test."),
        options.option("--split-file", metavar="TSV", help="File with each example's name and train, valid or test."),
    )


def start() -> Callable[[F], F]:
    """What the first weights are."""
    return options.stack(
        options.option(
            "--from", "from_", metavar="MODEL", help="Trained model (file or run folder) to go on from, with its shape."
        ),
        options.option(
            "--head-only", is_flag=True, help="Leave the motif layer of --from as it is, and train what comes after it."
        ),
        options.option(
            "--motifs",
            metavar="FILE",
            help="Motifs (MEME, JASPAR, TRANSFAC, HOMER) that the first detectors begin as; the others are random.",
        ),
    )


def network(*, members: bool = True, searched: frozenset[str] = frozenset()) -> Callable[[F], F]:
    """What is trained; the number of members where a command does not say it otherwise, and what a command searches."""
    return options.stack(
        options.option(
            "--preset",
            type=click.Choice(sorted(PRESETS)),
            default="default",
            help="Set of options to begin from: default (accurate), or deepbind (as published).",
        ),
        options.option(
            "--architecture",
            metavar="NAME",
            help="Network to train; see --list-architectures.",
            show_default=catalogue.DEFAULT,
        ),
        *(_setting(name, found, searched) for name, found in catalogue.options().items()),
        options.option(
            "--dropout",
            type=click.FloatRange(0, 1, max_open=True),
            metavar="P",
            help="Share of features dropped while training.",
            show_default=usual("dropout", searched),
        ),
        *(
            [
                options.option(
                    "--members",
                    type=click.IntRange(min=1),
                    metavar="M",
                    help="Networks trained side by side and averaged.",
                    show_default=usual("members"),
                ),
            ]
            if members
            else []
        ),
        options.option(
            "--strands",
            type=click.Choice(["both", "one", "best", "mean", "equivariant"]),
            help="Read one strand, or both: take the better score or the mean, or share parameters between the strands "
            "in every layer (equivariant).",
            show_default="both (best) for DNA, one for RNA",
        ),
        options.option(
            "--task",
            type=click.Choice(TASKS),
            help="What the targets are: 0 and 1, numbers, counts, or names of classes.",
            show_default="binary if all are 0 or 1, else regression",
        ),
    )


def _setting(name: str, found: Sequence[tuple[str, Field]], searched: frozenset[str]) -> Callable[[F], F]:
    """Make an option of a setting that some architectures have."""
    each = [field for _, field in found]
    first = each[0]
    option, names = name.replace("_", "-"), [architecture for architecture, _ in found]
    help = first.help if len(names) == len(catalogue.trainable()) else f"{first.help} For {_joined(names)}."
    if name in searched:
        default = "searched"
    elif name in PRESETS["default"]:
        default = f"{usual(name)}, or by --architecture"
    else:
        values = list(dict.fromkeys(_shown(field.default) for field in each))
        default = values[0] if len(values) == 1 else "by --architecture"
    if first.kind == "bool":
        return options.option(f"--{option}/--no-{option}", default=None, help=help, show_default=default)
    kind: click.ParamType[Any]
    if first.choices:
        kind = click.Choice(list(dict.fromkeys(choice for field in each for choice in field.choices)))
        return options.option(f"--{option}", type=kind, help=help, show_default=default)
    low, high = (None if first.low is None else min(f.low or 0 for f in each)), first.high
    if first.kind == "int":
        kind = click.IntRange(None if low is None else int(low), None if high is None else int(high))
    else:
        kind = click.FloatRange(low, high, min_open=first.above)
    metavar = "BP" if first.help.endswith(" bp.") and first.kind == "int" and name == "kernel_size" else "N"
    return options.option(
        f"--{option}", type=kind, metavar="X" if first.kind == "float" else metavar, help=help, show_default=default
    )


def _joined(names: Sequence[str]) -> str:
    """Name architectures: those that have a setting, or those that do not where these are fewer."""
    others = [name for name in catalogue.trainable() if name not in names]
    return ", ".join(names) if len(names) <= len(others) + 1 else f"all but {', '.join(others)}"


def _shown(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def list_architectures() -> Callable[[F], F]:
    """--list-architectures."""
    return options.option(
        "--list-architectures",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list,
        help="Print the architectures that there are, with weights and receptive field at their defaults, and stop.",
    )


def _list(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from seqcnn.models.architectures import create
    from seqcnn.training.options import combine

    rows = [("name", "weights", "sees (bp)", "shape", "lineage")]
    for name in catalogue.trainable():
        usual = combine("default", {"architecture": name})
        network, about = create(name, usual.network_settings(both_strands=True)), catalogue.about(name)
        field = network.receptive_field
        seen = "all" if field is None else f"{field:,}"
        rows.append((name, f"{network.n_parameters:,}", seen, about.shape, about.lineage))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    ctx.exit()


def reading() -> Callable[[F], F]:
    """Whether examples are in memory."""
    return options.stack(
        options.option(
            "--in-memory/--stream",
            default=None,
            help="Hold all examples in memory, or read an encoded dataset (.h5) in blocks, mixed, whatever its size.",
            show_default="by its size and the free memory",
        ),
    )


def keeping() -> Callable[[F], F]:
    """How often unfinished work is saved, and whether it is gone on with."""
    return options.stack(
        options.option(
            "--resume", is_flag=True, help="Go on with an unfinished run in --output; begin if there is none."
        ),
        options.option(
            "--checkpoint-seconds",
            type=click.FloatRange(min=0),
            default=60.0,
            metavar="SECONDS",
            help="Seconds between two checkpoints; 0 for none but that of a run that is told to stop.",
        ),
    )


def folds(help: str, *, default: int | None = None, minimum: int = 2) -> Callable[[F], F]:
    """Cross-validation."""
    return options.stack(
        options.option("--folds", type=click.IntRange(min=minimum), default=default, metavar="K", help=help),
        options.option(
            "--folds-by",
            type=click.Choice(["auto", "chromosome", "similarity"]),
            default="auto",
            help="Keep whole chromosomes, or near-duplicates and overlapping windows, in one fold.",
        ),
    )


def resolve(given: dict[str, Any]) -> TrainOptions:
    """Return the training options: those of the preset, and over them what was said."""
    from dataclasses import fields

    from seqcnn.training.options import TrainOptions, combine

    names = {field.name for field in fields(TrainOptions)} | catalogue.options().keys()
    return combine(given["preset"], {name: value for name, value in given.items() if name in names})

"""Options that all commands which train share, and the preset they begin from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seqcnn.cli import options
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
        options.option("--architecture", metavar="NAME", default="deepbind", help="Network to train."),
        options.option(
            "--n-filters",
            type=click.IntRange(min=1),
            metavar="N",
            help="Motif detectors.",
            show_default=usual("n_filters", searched),
        ),
        options.option(
            "--kernel-size",
            type=click.IntRange(1, 200),
            metavar="BP",
            help="Length of a detector, bp.",
            show_default=usual("kernel_size", searched),
        ),
        options.option(
            "--hidden",
            type=click.IntRange(min=0),
            metavar="N",
            help="Units of the hidden layer; 0 for none.",
            show_default=usual("hidden", searched),
        ),
        options.option(
            "--pooling",
            type=click.Choice(["max", "max-average"]),
            help="What is kept of a detector's scores along a sequence.",
            show_default=usual("pooling", searched),
        ),
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
            type=click.Choice(["both", "one"]),
            help="Take the better score of both strands, or read one.",
            show_default="both for DNA, one for RNA",
        ),
        options.option(
            "--task",
            type=click.Choice(TASKS),
            help="What the targets are: 0 and 1, numbers, counts, or names of classes.",
            show_default="binary if all are 0 or 1, else regression",
        ),
    )


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
            metavar="S",
            help="Time between two checkpoints; 0 for none but that of a run that is told to stop.",
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

    from seqcnn.training.options import TrainOptions

    names = {field.name for field in fields(TrainOptions)}
    said = {name: value for name, value in given.items() if name in names and value is not None}
    chosen = PRESETS[given["preset"]] | said
    if "epochs" in said and "steps" not in said:
        chosen.pop("steps", None)
    return TrainOptions(**chosen)

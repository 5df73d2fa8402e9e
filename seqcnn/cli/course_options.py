"""Options of the course of training: how long, and by which optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from seqcnn.cli import options
from seqcnn.cli.training_options import usual

F = TypeVar("F", bound=Callable[..., Any])


def course(*, patience: bool = True, searched: frozenset[str] = frozenset()) -> Callable[[F], F]:
    """How it is trained; whether it may end early, and what a command searches."""
    scale = "the architecture's"
    return options.stack(
        options.option(
            "--epochs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Times through the examples.",
            show_default="12 to 60, fewer for larger sets",
        ),
        options.option(
            "--steps",
            type=click.IntRange(min=1),
            metavar="N",
            help="Steps of training, in place of epochs; rounded up to whole epochs.",
            show_default="as --epochs say",
        ),
        options.option(
            "--batch-size",
            type=click.IntRange(min=1),
            metavar="N",
            help="Examples per step.",
            show_default=usual("batch_size", searched),
        ),
        options.option(
            "--optimiser",
            type=click.Choice(["adamw", "sgd"]),
            help="AdamW, or SGD with Nesterov momentum.",
            show_default=usual("optimiser", searched),
        ),
        options.option(
            "--schedule",
            type=click.Choice(["one-cycle", "cosine", "step", "constant"]),
            help="Course of the learning rate: up and down, down, down in two steps, or the same.",
            show_default=usual("schedule", searched),
        ),
        options.option(
            "--learning-rate",
            type=click.FloatRange(min=0, min_open=True),
            metavar="RATE",
            help="Highest learning rate.",
            show_default=usual("learning_rate", searched),
        ),
        options.option(
            "--weight-decay",
            type=click.FloatRange(min=0),
            metavar="RATE",
            help="Weight decay, times the learning rate.",
            show_default=usual("weight_decay", searched),
        ),
        options.option(
            "--momentum",
            type=click.FloatRange(0, 1, max_open=True),
            metavar="B",
            help="Share of the last step that is kept: momentum of sgd, first decay of adamw.",
            show_default=usual("momentum", searched),
        ),
        options.option(
            "--nesterov/--no-nesterov", default=None, help="Look ahead along the momentum (sgd).", show_default="ahead"
        ),
        options.option(
            "--filter-decay",
            type=click.FloatRange(min=0),
            metavar="RATE",
            help="Weight decay of the detectors, if another than that of the other weights.",
            show_default="that of --weight-decay",
        ),
        options.option(
            "--decay-from",
            type=click.IntRange(min=0),
            metavar="STEP",
            help="First step with weight decay.",
            show_default="0",
        ),
        options.option(
            "--filter-scale",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SD",
            help="Spread of the detectors' initial weights.",
            show_default=scale if "filter_scale" not in searched else "searched",
        ),
        options.option(
            "--weight-scale",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SD",
            help="Spread of the other initial weights.",
            show_default=scale if "weight_scale" not in searched else "searched",
        ),
        *(
            [
                options.option(
                    "--patience",
                    type=click.IntRange(min=0),
                    default=0,
                    metavar="N",
                    help="Stop after N epochs without a better validation score; 0 for never.",
                ),
            ]
            if patience
            else []
        ),
        options.option("--balance/--no-balance", default=True, help="Weigh all classes alike, whatever their numbers."),
        options.option(
            "--resample/--no-resample",
            default=True,
            help="Shuffle dinucleotide negatives afresh every epoch, or keep them.",
        ),
        options.option(
            "--precision",
            type=click.Choice(["float32", "bf16"]),
            default="float32",
            help="What is computed in: bf16 is faster on a CUDA device, and less exact.",
        ),
    )

"""Options of the tools of training: changes of the sequences, mixup, the loss, averages of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from seqcnn.cli import options

F = TypeVar("F", bound=Callable[..., Any])


def tools() -> Callable[[F], F]:
    """What else is done in training."""
    return options.stack(
        options.option(
            "--shift",
            type=click.IntRange(min=0),
            metavar="BP",
            help="Move each sequence by up to so many bases either way, anew every epoch; N comes in.",
            show_default="0",
        ),
        options.option(
            "--reverse-complement/--no-reverse-complement",
            default=None,
            help="Take every other sequence as its reverse complement, by chance, anew every epoch. For --strands one.",
            show_default="not",
        ),
        options.option(
            "--mutate-rate",
            type=click.FloatRange(0, 1, max_open=True),
            metavar="P",
            help="Share of the bases that become another one, anew every epoch.",
            show_default="0",
        ),
        options.option(
            "--erase",
            type=click.IntRange(min=0),
            metavar="BP",
            help="So many bases in a row become N in each sequence, elsewhere every epoch.",
            show_default="0",
        ),
        options.option(
            "--mixup",
            type=click.FloatRange(min=0),
            metavar="ALPHA",
            help="Train on mixtures of two examples' pooled features, in shares drawn from Beta(ALPHA, ALPHA).",
            show_default="0, none",
        ),
        options.option(
            "--loss",
            type=click.Choice(["cross-entropy", "hinge"]),
            help="What is made small, for classes. Scores of hinge are scaled to log-odds afterwards.",
            show_default="cross-entropy",
        ),
        options.option(
            "--weight-averaging",
            type=click.Choice(["none", "ema", "swa"]),
            help="Judge and keep an average of the weights: over steps, later ones counting more (ema), or over the "
            "last epochs (swa).",
            show_default="none",
        ),
        options.option(
            "--ema-decay",
            type=click.FloatRange(0, 1, max_open=True),
            metavar="B",
            help="What a step leaves of the average before it (ema).",
            show_default="0.99",
        ),
        options.option(
            "--swa-start",
            type=click.FloatRange(0, 1, max_open=True),
            metavar="F",
            help="Share of the epochs before the first that is averaged (swa).",
            show_default="0.75",
        ),
    )

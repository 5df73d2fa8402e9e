"""The settings of calibration trials: which are searched, within what ranges, and the draw of each trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seqcnn.errors import UsageError

SHAPE: Final = ("n_filters", "kernel_size", "hidden", "pooling", "batch_size")
"""Settings that members of one fit must share."""

SEARCHED: Final = (
    *SHAPE,
    "learning_rate",
    "momentum",
    "weight_decay",
    "filter_decay",
    "filter_scale",
    "weight_scale",
    "dropout",
)
"""Settings that can be searched."""

_WHOLE: Final = ("n_filters", "kernel_size", "hidden", "batch_size")


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two bounds, drawn uniformly or, with `log`, so that each order of magnitude is as likely."""

    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number."""
        if self.log:
            return float(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        return float(rng.uniform(self.low, self.high))


Space = Mapping[str, Range | tuple[Any, ...]]
"""For each setting that is searched a range, or its possible values."""

SPACES: Final[dict[str, Space]] = {
    "default": {
        "hidden": (0, 32),
        "learning_rate": Range(2e-3, 3e-2, log=True),
        "momentum": Range(0.8, 0.95),
        "weight_decay": Range(1e-4, 1e-1, log=True),
        "filter_scale": Range(0.02, 0.2, log=True),
        "weight_scale": Range(0.03, 0.3, log=True),
        "dropout": (0.0, 0.1, 0.25, 0.5),
    },
    "deepbind": {
        "hidden": (0, 32),
        "learning_rate": Range(5e-4, 5e-2, log=True),
        "momentum": Range(0.95, 0.99),
        "weight_decay": Range(1e-10, 1e-3, log=True),
        "filter_decay": Range(1e-15, 1e-3, log=True),
        "filter_scale": Range(1e-7, 1e-3, log=True),
        "weight_scale": Range(1e-5, 1e-2, log=True),
        "dropout": (0.0, 0.0, 0.25, 0.5),
    },
}
"""By preset. ``deepbind``: the ranges of Alipanahi et al. 2015 (doi:10.1038/nbt.3300) and of the code they released."""


def draw(space: Space, seed: int, number: int) -> dict[str, Any]:
    """Draw the settings of a trial, which depend on nothing but these three.

    Settings of the shape take their values in turn, so that each is tried as often as the others.

    Parameters
    ----------
    space : Space
    seed : int
    number : int
        Of the trial, from 0.
    """
    rng = np.random.default_rng([seed, 6, number])
    drawn: dict[str, Any] = {}
    turn = number
    for name, choice in space.items():
        if isinstance(choice, Range):
            value: Any = choice.draw(rng)
            drawn[name] = round(value) if name in _WHOLE else value
        elif name in SHAPE:
            drawn[name] = choice[turn % len(choice)]
            turn //= len(choice)
        else:
            drawn[name] = choice[int(rng.integers(len(choice)))]
    return drawn


def parse(text: str) -> tuple[str, Range | tuple[Any, ...]]:
    """Read ``NAME=LOW..HIGH`` or ``NAME=A,B,C``.

    A range of positive numbers of which the higher is ten times the lower, or more, is drawn by order of magnitude.

    Raises
    ------
    UsageError
    """
    name, _, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in SEARCHED:
        raise UsageError(f"{name!r} cannot be searched; there are: {', '.join(SEARCHED)}")
    try:
        if ".." in value:
            low, high = (float(part) for part in value.split(".."))
            if not low < high:
                raise UsageError(f"--search {text}: the first number must be the smaller one")
            return name, Range(low, high, log=low > 0 and high >= 10 * low)
        choices = tuple(_value(name, part.strip()) for part in value.split(","))
    except ValueError:
        raise UsageError(f"--search {text} is neither NAME=LOW..HIGH nor NAME=A,B,C") from None
    return name, choices


def _value(name: str, text: str) -> Any:
    if name == "pooling":
        return text
    return int(text) if name in _WHOLE else float(text)

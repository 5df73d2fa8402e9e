"""The settings of calibration trials: which are searched, within what ranges, and the draw of each trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seqcnn.errors import UsageError
from seqcnn.models import catalogue
from seqcnn.training.options import TrainOptions

OF_MEMBERS: Final = (
    "learning_rate",
    "momentum",
    "weight_decay",
    "filter_decay",
    "filter_scale",
    "weight_scale",
    "dropout",
)
"""Options in which members of one fit may differ; they must share all others."""


OF_FITS: Final = {
    **dict.fromkeys(("batch_size", "shift", "erase"), "int"),
    **dict.fromkeys(("mutate_rate", "mixup", "ema_decay", "swa_start"), "float"),
    **dict.fromkeys(("schedule", "loss", "weight_averaging"), "str"),
}
"""Options that all members of a fit share and that can be searched, and of what kind they are."""


def searchable() -> dict[str, str]:
    """Return what can be searched, and of what kind it is."""
    settings = {name: found[0][1].kind for name, found in catalogue.options().items()}
    return settings | OF_FITS | dict.fromkeys(OF_MEMBERS, "float")


def shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some settings that members of one fit must share."""
    return {name: value for name, value in settings.items() if name not in OF_MEMBERS}


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

    def draw_whole(self, rng: np.random.Generator) -> int:
        """Return a whole number; both bounds are as likely as those between."""
        drawn = round(Range(self.low - 0.5, self.high + 0.5, self.log).draw(rng))
        return int(min(max(drawn, self.low), self.high))


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
    turn, kinds = number, searchable()
    for name, choice in space.items():
        if isinstance(choice, Range):
            drawn[name] = choice.draw_whole(rng) if kinds.get(name) == "int" else choice.draw(rng)
        elif name not in OF_MEMBERS:
            drawn[name] = choice[turn % len(choice)]
            turn //= len(choice)
        else:
            drawn[name] = choice[int(rng.integers(len(choice)))]
    return drawn


def find_space(
    preset: str, searched: Sequence[str], said: Mapping[str, Any], architecture: str = catalogue.DEFAULT
) -> Space:
    """Return what is searched: what a preset says, but for what the user says.

    Parameters
    ----------
    preset : str
    searched : sequence of str
        See :func:`parse`.
    said : mapping
        Options that have a value, and so are not searched; None is no value.
    architecture : str
        What it has no setting for is not searched.

    Raises
    ------
    UsageError
        If an option is said twice, or nothing is left to search.
    """
    fixed = {name for name, value in said.items() if value is not None}
    fixed |= catalogue.options().keys() - catalogue.fields(architecture).keys()
    space = {name: choice for name, choice in SPACES[preset].items() if name not in fixed}
    names = set()
    for name, choice in map(parse, searched):
        option = name.replace("_", "-")
        if name in catalogue.options() and name not in catalogue.fields(architecture):
            raise UsageError(f"--search {option}: the architecture {architecture} has no {name}")
        if name in names or name in fixed:
            raise UsageError(f"--search {option} and {'another' if name in names else f'--{option}'}: give one of them")
        names.add(name)
        space[name] = choice
    if not space:
        raise UsageError("there is nothing to search, as every option has a value; see --search")
    return space


def check_space(space: Space, base: TrainOptions, check: Callable[[TrainOptions], None] | None = None) -> None:
    """Refuse values that cannot be trained with, before any is drawn.

    Parameters
    ----------
    space : Space
    base : TrainOptions
        What is not searched.
    check : callable, optional
        Raises UsageError for what the data do not go with.

    Raises
    ------
    UsageError
        Names the search.
    """
    for name, choice in space.items():
        for value in (choice.low, choice.high) if isinstance(choice, Range) else choice:
            try:
                changed = base.changed({name: value})
                if check is not None:
                    check(changed)
            except UsageError as error:
                raise UsageError(f"--search {name}={_spell(choice)}: {error}") from None


def parse(text: str) -> tuple[str, Range | tuple[Any, ...]]:
    """Read ``NAME=LOW..HIGH`` or ``NAME=A,B,C``.

    A range of positive numbers of which the higher is ten times the lower, or more, is drawn by order of magnitude.

    Raises
    ------
    UsageError
    """
    name, _, value = text.partition("=")
    name = name.strip().replace("-", "_")
    kinds = searchable()
    if name not in kinds:
        raise UsageError(f"{name!r} cannot be searched; there are: {', '.join(kinds)}")
    try:
        if ".." not in value:
            return name, tuple(_value(kinds[name], part.strip()) for part in value.split(","))
        low, high = (_value(kinds[name], part.strip()) for part in value.split(".."))
    except ValueError:
        whole = " of whole numbers" if kinds[name] == "int" else ""
        raise UsageError(f"--search {text} is neither NAME=LOW..HIGH nor NAME=A,B,C{whole}") from None
    if isinstance(low, str | bool):
        raise UsageError(f"--search {text}: {name} has no range; give NAME=A,B,C")
    if not low < high:
        raise UsageError(f"--search {text}: the first number must be the smaller one")
    return name, Range(low, high, log=low > 0 and high >= 10 * low)


def _value(kind: str, text: str) -> Any:
    """Read a value; ValueError if it is none."""
    if kind == "str":
        return text
    if kind == "bool":
        return {"true": True, "false": False, "yes": True, "no": False}.get(text.lower(), text)
    if kind == "int":
        return int(text)
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _spell(choice: Range | tuple[Any, ...]) -> str:
    """Write a choice as :func:`parse` reads it."""
    if isinstance(choice, Range):
        return f"{choice.low:g}..{choice.high:g}"
    return ",".join(map(str, choice))

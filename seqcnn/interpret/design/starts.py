"""Where design begins: templates, or random sequences; and which letters may stand where."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.bed import read_bed
from seqcnn.formats.stream import open_input
from seqcnn.formats.templates import Template
from seqcnn.interpret.design.rules import IS_GC, gc_bounds

LOWER: Final = "lower"
LETTERS: Final = "letters"

Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What stays as it is.

    Parameters
    ----------
    ranges : tuple of (int, int)
        Places of every sequence, 0-based, half-open.
    lower, letters : bool
        Letters in lower case; letters that are A, C, G, T or U.
    regions : dict of str to list of (int, int, str)
        Places of sequences by name, and where that is said.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    lower: bool = False
    letters: bool = False
    regions: dict[str, list[tuple[int, int, str]]] | None = None

    def places(self, template: Template) -> NDArray[np.bool_]:
        """Return what of a sequence stays, shape (length,).

        Raises
        ------
        UsageError, InputError
            If a place is beyond its end.
        """
        length = len(template.lower)
        stays = np.zeros(length, dtype=bool)
        for first, last in self.ranges:
            if last > length:
                raise UsageError(f"--fixed {first}-{last}: {template.name} has {length} bp")
            stays[first:last] = True
        for first, last, where in (self.regions or {}).get(template.name, []):
            if last > length:
                raise InputError(f"{where}: {first}-{last} is beyond the end of {template.name}, which has {length} bp")
            stays[first:last] = True
        if self.lower:
            stays |= template.lower
        if self.letters:
            stays |= template.choices.sum(1) == 1
        return stays


def parse_fixed(items: Sequence[str]) -> Fixed:
    """Read what stays: ranges such as 10-20 or 7, "lower", "letters", or BED files whose chromosomes are sequences.

    Raises
    ------
    UsageError, InputError
    """
    ranges: list[tuple[int, int]] = []
    regions: dict[str, list[tuple[int, int, str]]] = {}
    for item in items:
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", item)
        if found is not None:
            first = int(found[1])
            last = int(found[2]) if found[2] else first + 1
            if last <= first:
                raise UsageError(f"--fixed {item}: the end must be greater than the start (0-based, end not included)")
            ranges.append((first, last))
        elif item not in (LOWER, LETTERS):
            if not os.path.exists(item):
                raise UsageError(f"--fixed {item!r} is no range such as 10-20, no file, and neither lower nor letters")
            with open_input(item) as stream:
                bed = read_bed(stream, item)
            for name, start, end, line in zip(bed.chrom, bed.start, bed.end, bed.line, strict=True):
                regions.setdefault(str(name), []).append((int(start), int(end), f"{item}:{line}"))
    return Fixed(tuple(ranges), LOWER in items, LETTERS in items, regions)


@dataclass(frozen=True, slots=True)
class Start:
    """One sequence to begin with.

    Parameters
    ----------
    name : str
    codes : ndarray of uint8, shape (length,)
        0..3.
    allowed : ndarray of bool, shape (length, 4)
    """

    name: str
    codes: Codes
    allowed: NDArray[np.bool_]


def from_templates(
    templates: Sequence[Template], n: int, fixed: Fixed, gc: tuple[float, float], seed: int
) -> list[Start]:
    """Make so many starts of each template: ambiguity letters are drawn, anew for each, and limit what may stand there.

    Draws are made to fit the GC content as far as they can.

    Raises
    ------
    UsageError, InputError
        If what stays is not there.
    """
    unknown = set(fixed.regions or {}) - {template.name for template in templates}
    if unknown:
        name = min(unknown)
        where = (fixed.regions or {})[name][0][2]
        raise InputError(f"{where}: no sequence is called {name!r}")
    starts = []
    for number, template in enumerate(templates):
        stays = fixed.places(template)
        bounds = gc_bounds(*gc, len(stays))
        for copy in range(n):
            codes = _drawn(template.choices, bounds, np.random.default_rng([seed, number, copy]))
            own = codes[:, None] == np.arange(4)
            ambiguous = template.choices.sum(1, keepdims=True) > 1
            allowed = np.where(stays[:, None], own, np.where(ambiguous, template.choices, True))
            name = template.name if n == 1 else f"{template.name}_{copy + 1}"
            starts.append(Start(name, codes, allowed))
    return starts


def random_starts(n: int, length: int, fixed: Fixed, gc: tuple[float, float], seed: int) -> list[Start]:
    """Draw sequences: each base as likely as the others, but for bounds of the GC content.

    Raises
    ------
    UsageError, InputError
        See :func:`from_templates`.
    """
    anything = Template("design", np.ones((length, 4), dtype=bool), np.zeros(length, dtype=bool))
    starts = from_templates([anything], n, fixed, gc, seed)
    return [Start(f"design_{i + 1}", start.codes, start.allowed) for i, start in enumerate(starts)]


def _drawn(choices: NDArray[np.bool_], bounds: tuple[int, int], rng: np.random.Generator) -> Codes:
    """Draw one of the bases that may stand at each place, then others until the GC content is within its bounds."""
    weights = np.where(choices, rng.random(choices.shape), -1)
    codes: Codes = weights.argmax(1).astype(np.uint8)
    order = rng.permutation(len(codes))
    for is_gc, excess in ((True, IS_GC[codes].sum() - bounds[1]), (False, bounds[0] - IS_GC[codes].sum())):
        other = np.where(is_gc != IS_GC, weights, -1)
        movable = order[(IS_GC[codes[order]] == is_gc) & (other.max(1)[order] >= 0)][: max(0, int(excess))]
        codes[movable] = other[movable].argmax(1)
    return codes

"""The picture of a design: scores against edits, and the designed sequences with what was changed.

This file imports matplotlib; it is to be imported where a picture is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from seqcnn.report.mutation_map import COLOURS, glyph

MOST: Final = 25
"""Sequences whose letters are shown."""

PER_ROW: Final = 125
"""Most letters in a row; longer sequences take several."""

LONGEST: Final = 1000
"""Of longer sequences nothing but the scores is shown."""

_UNCHANGED: Final = "#9a9a9a"
_MARK: Final = "#fff2b8"
_LINE: Final = "#3b6ea5"
_INCH_PER_BASE: Final = 0.095
_INCH_PER_LINE: Final = 0.19
_PANEL: Final = 1.9
_LEFT: Final = 1.35


@dataclass(frozen=True, slots=True)
class Drawn:
    """A designed sequence.

    Parameters
    ----------
    name : str
    letters : str
    changed : ndarray of bool, shape (length,)
    scores : ndarray, shape (n_steps + 1, n_scores)
        Before the first and after each edit.
    """

    name: str
    letters: str
    changed: NDArray[np.bool_]
    scores: NDArray[np.float64]


def draw(designed: Sequence[Drawn], score_names: Sequence[str]) -> Figure:
    """Draw scores against edits, a panel for each score and a line for each sequence, over the sequences.

    Changed letters are coloured and marked; the others are grey. The first :data:`MOST` sequences are shown.
    """
    shown = [each for each in designed[:MOST] if len(each.letters) <= LONGEST]
    longest = max((len(each.letters) for each in shown), default=1)
    n_rows = -(-longest // PER_ROW)
    per_row = max(40, -(-longest // n_rows))
    n_lines = sum(-(-len(each.letters) // per_row) for each in shown) + (n_rows > 1) * len(shown)
    body = n_lines * _INCH_PER_LINE + 0.35 * bool(shown)
    width = _LEFT + per_row * _INCH_PER_BASE + 0.3
    height = len(score_names) * _PANEL + 0.2 + body
    figure = Figure(figsize=(width, height))
    for number, name in enumerate(score_names):
        bottom = height - 0.1 - (number + 1) * _PANEL + 0.35
        axes = figure.add_axes(
            (_LEFT / width, bottom / height, per_row * _INCH_PER_BASE / width, (_PANEL - 0.35) / height)
        )
        _draw_scores(axes, [each.scores[:, number] for each in designed], name, last=number == len(score_names) - 1)
    if shown:
        axes = figure.add_axes((0, 0.1 / height, 1, (body - 0.2) / height))
        axes.set_xlim(-_LEFT / _INCH_PER_BASE, (width - _LEFT) / _INCH_PER_BASE)
        axes.set_ylim(n_lines, 0)
        axes.axis("off")
        _draw_sequences(axes, shown, per_row, apart=n_rows > 1)
    return figure


def _draw_scores(axes: Axes, scores: Sequence[NDArray[np.float64]], name: str, *, last: bool) -> None:
    strength = max(0.15, min(0.8, 6 / len(scores)))
    for values in scores:
        axes.plot(range(len(values)), values, color=_LINE, alpha=strength, linewidth=1)
        axes.plot([len(values) - 1], values[-1:], "o", color=_LINE, alpha=strength, markersize=3)
    axes.set_ylabel(name, fontsize=8, parse_math=False)
    axes.set_xlabel("edits" if last else "", fontsize=8, labelpad=1)
    axes.tick_params(labelsize=7, length=2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(left=-0.3)
    axes.margins(y=0.08)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_sequences(axes: Axes, shown: Sequence[Drawn], per_row: int, *, apart: bool) -> None:
    """Draw a line, or some, for each sequence; letters of one kind and colour are one path."""
    paths: dict[tuple[str, bool], list[Path]] = {}
    line = 0
    for each in shown:
        label = each.name if len(each.name) <= 18 else f"{each.name[:17]}…"
        axes.text(-1, line + 0.5, label, ha="right", va="center_baseline", fontsize=7, parse_math=False)
        for first in range(0, len(each.letters), per_row):
            for column, letter in enumerate(each.letters[first : first + per_row]):
                changed = bool(each.changed[first + column])
                outline = glyph(letter)
                place = np.asarray(outline.vertices) * (0.8, -0.62) + (column + 0.1, line + 0.81)
                paths.setdefault((letter, changed), []).append(Path(place, outline.codes))
                if changed:
                    axes.add_patch(Rectangle((column, line + 0.05), 1, 0.9, color=_MARK, linewidth=0, zorder=1))
            line += 1
        line += apart
    for (letter, changed), parts in sorted(paths.items()):
        colour = COLOURS[letter] if changed else _UNCHANGED
        axes.add_patch(PathPatch(Path.make_compound_path(*parts), color=colour, linewidth=0, zorder=2))

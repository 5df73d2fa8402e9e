"""Mutation maps: a heat map of what every substitution does, over the sequence with letters as high as they matter.

After the mutation maps of Alipanahi et al. 2015 (doi:10.1038/nbt.3300, Figure 4). This file imports matplotlib; it is
to be imported where a map is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from os import PathLike
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from seqcnn.formats.output import atomic_path

FORMATS: Final = ("png", "svg", "pdf")

PER_ROW: Final = 125
"""Most bases in a row of the picture; longer sequences take several."""

LONGEST: Final = 2000
"""Longer sequences make pictures that nobody can look at."""

COLOURS: Final = {"A": "#1b9e3c", "C": "#2559c9", "G": "#e08a00", "T": "#d02f2f", "U": "#d02f2f", "N": "#808080"}
_MAP: Final = "RdBu_r"
_INCH_PER_BASE: Final = 0.13
_INCH_PER_LINE: Final = 0.17
_LETTER_INCHES: Final = 1.05
_INCH_PER_DIGIT: Final = 0.065
_TICKS_APART: Final = (1, 2, 5, 10, 20, 50)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sequence lies.

    Parameters
    ----------
    chrom : str
    start, end : int
        0-based, half-open.
    strand : str
        The sequence is the reverse complement where it is "-".
    """

    chrom: str
    start: int
    end: int
    strand: str = "+"


def draw(
    letters: str,
    change: Floats,
    *,
    alphabet: str = "dna",
    extra: Sequence[tuple[str, Floats]] = (),
    title: str = "",
    label: str = "change of the score",
    place: Place | None = None,
) -> Figure:
    """Draw the mutation map of a sequence.

    Parameters
    ----------
    letters : str
        The sequence.
    change : ndarray, shape (4, length)
        By the substitution of each base by A, C, G, T/U; whatever stands at the base itself is taken for 0.
    alphabet : {"dna", "rna"}
    extra : sequence of (str, ndarray of shape (length,))
        More lines of the heat map: deletions, insertions before each base.
    title, label : str
        Over the map, and beside its colours.
    place : Place, optional
        Where the sequence lies; else positions count from its first base. Both count from 0.
    """
    rows = "ACGU" if alphabet == "rna" else "ACGT"
    own = np.array([[letter == row for letter in letters] for row in rows])
    change = np.where(own, 0, change)
    cells = np.vstack([change, *(values for _, values in extra)])
    heights = importance(change, own)
    most = float(np.nanmax(np.abs(cells), initial=0)) or 1.0
    length = len(letters)
    n_rows = -(-length // PER_ROW)
    per_row = -(-length // n_rows)
    heat = _INCH_PER_LINE * len(cells)
    body = heat + _LETTER_INCHES + 0.45
    width = max(3.2, per_row * _INCH_PER_BASE)
    size = (width + 1.6, n_rows * body + 0.4)
    figure = Figure(figsize=size)
    for number in range(n_rows):
        first = number * per_row
        part = slice(first, min(first + per_row, length))
        top = size[1] - 0.4 - number * body
        share = width / per_row * (part.stop - part.start)
        above = figure.add_axes((0.75 / size[0], (top - heat) / size[1], share / size[0], heat / size[1]))
        below = figure.add_axes(
            (0.75 / size[0], (top - heat - _LETTER_INCHES) / size[1], share / size[0], _LETTER_INCHES / size[1])
        )
        _draw_heat(above, cells[:, part], own[:, part], [*rows, *(name for name, _ in extra)], most)
        _draw_letters(below, letters[part], heights[part], heights)
        _mark_positions(below, part, place)
    bar = figure.add_axes(
        ((0.75 + width + 0.15) / size[0], (size[1] - 0.4 - heat) / size[1], 0.12 / size[0], heat / size[1])
    )
    figure.colorbar(ScalarMappable(Normalize(-most, most), _MAP), cax=bar)
    bar.tick_params(labelsize=7, length=2)
    bar.set_ylabel(label, fontsize=7, parse_math=False)
    figure.text(0.75 / size[0], 1 - 0.27 / size[1], title, fontsize=9, parse_math=False)
    return figure


def importance(change: Floats, own: NDArray[np.bool_]) -> Floats:
    """Return the height of each letter: how much the score falls when it is replaced, on average."""
    alternatives = np.maximum((~own).sum(0), 1)
    heights: Floats = -np.where(own, 0, change).sum(0) / alternatives
    return heights


def save(figure: Figure, path: str | PathLike[str]) -> None:
    """Write a picture in the format that the name ends in: under its name when it is whole, the same bytes each time.

    Raises
    ------
    ValueError
        If the name does not end in one of :data:`FORMATS`.
    """
    kind = str(path).rsplit(".", 1)[-1]
    if kind not in FORMATS:
        raise ValueError(f"a picture ends in {', '.join(FORMATS)}, not {kind!r}")
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with (
        matplotlib.rc_context({"svg.hashsalt": "seqcnn", "svg.fonttype": "none", "pdf.fonttype": 42}),
        atomic_path(path) as temporary,
    ):
        figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)


def _draw_heat(axes: Axes, cells: Floats, own: NDArray[np.bool_], names: Sequence[str], most: float) -> None:
    length = cells.shape[1]
    edges = np.arange(length + 1) - 0.5, np.arange(len(cells) + 1) - 0.5
    axes.pcolormesh(*edges, cells, cmap=_MAP, vmin=-most, vmax=most, edgecolors="#e8e8e8", linewidth=0.3)
    line, base = np.nonzero(own)
    axes.plot(base, line, ".", color="#404040", markersize=2)
    if len(cells) > 4:
        axes.axhline(3.5, color="#404040", linewidth=0.6)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xticks([])
    axes.tick_params(length=0)


def _draw_letters(axes: Axes, letters: str, heights: Floats, every: Floats) -> None:
    for letter in sorted(set(letters)):
        outline = glyph(letter)
        parts = []
        for base in [i for i, other in enumerate(letters) if other == letter]:
            height = heights[base]
            corner = (base - 0.46, min(height, 0.0))
            parts.append(Path(np.asarray(outline.vertices) * (0.92, abs(height)) + corner, outline.codes))
        axes.add_patch(PathPatch(Path.make_compound_path(*parts), color=COLOURS[letter], linewidth=0))
    low, high = min(0.0, float(every.min())), max(0.0, float(every.max()))
    margin = 0.05 * ((high - low) or 1.0)
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(-0.5, len(letters) - 0.5)
    axes.axhline(0, color="black", linewidth=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=7, length=2)
    axes.locator_params(axis="y", nbins=4)
    axes.set_ylabel("importance", fontsize=7)


@cache
def glyph(letter: str) -> Path:
    """Return the outline of a letter, one wide and one high."""
    outline = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    vertices = np.asarray(outline.vertices)
    low, high = vertices.min(0), vertices.max(0)
    return Path((vertices - low) / (high - low), outline.codes)


def _mark_positions(axes: Axes, part: slice, place: Place | None) -> None:
    """Write positions under the letters, as round numbers of the genome where it is known."""
    base = np.arange(part.start, part.stop)
    number = base if place is None else place.end - 1 - base if place.strand == "-" else place.start + base
    room = _INCH_PER_DIGIT * (len(f"{number.max():,}") + 2) / _INCH_PER_BASE
    step = next((step for step in _TICKS_APART if step >= room), _TICKS_APART[-1])
    marked = np.flatnonzero(number % step == 0)
    axes.set_xticks(marked, [f"{value:,}" for value in number[marked]])
    name = "position in the sequence (0-based)"
    if place is not None:
        name = f"{place.chrom} (0-based{', minus strand' * (place.strand == '-')})"
    axes.set_xlabel(name, fontsize=7, labelpad=1, parse_math=False)

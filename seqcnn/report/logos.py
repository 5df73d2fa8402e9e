"""Sequence logos: one motif, or a sheet of all, as PNG, SVG or PDF at the size they are printed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from logomaker import Logo
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.formats.output import atomic_path
from seqcnn.sequence.alphabet import LETTERS
from seqcnn.sequence.contexts import CONTEXTS

COLOURS: Final = {"A": "#109648", "C": "#255C99", "G": "#F7A516", "T": "#D62839", "U": "#D62839"}
"""A green, C blue, G orange, T and U red."""

_OF_CONTEXTS: Final = ("#8C8C8C", "#0F8A8A", "#B5651D", "#7B4FA3", "#D6418F", "#2B2B2B")
CONTEXT_COLOURS: Final = dict(zip(CONTEXTS, _OF_CONTEXTS, strict=True))
"""External grey, hairpin teal, bulge brown, internal loop purple, multiloop pink, stem black: none that of a base."""

Shares = NDArray[np.float64]
"""Of contexts, shape (6, width)."""

PICTURE_FORMATS: Final = ("png", "svg", "pdf")
SCALES: Final = {"information": (2.0, "bits"), "probability": (1.0, "probability")}
"""What the height of a letter is: the top of its axis, and the axis's name."""

MOST_ON_SHEET: Final = 100
"""Motifs that a sheet of one page holds; a PDF has pages."""

_MM: Final = 1 / 25.4  # in inches, the unit of matplotlib
_FONT: Final = "DejaVu Sans"  # comes with matplotlib, so logos are the same everywhere
_PAPER: Final[dict[Any, Any]] = {
    "font.family": _FONT,
    "font.size": 7,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "seqcnn",
    "text.parse_math": False,
}


@dataclass(frozen=True, slots=True)
class LogoStyle:
    """How logos are drawn.

    Parameters
    ----------
    scale : {"information", "probability"}
        Letters are as high as their share of the position's information, 2 bits less its entropy (Schneider and
        Stephens 1990, doi:10.1093/nar/18.20.6097, without the correction for small samples), or as probable.
    width : float, optional
        Of the picture of one motif, in mm; by default 5 mm a position and the margins.
    height : float
        Of the picture of one motif, in mm.
    dpi : int
        Dots per inch of PNG.
    """

    scale: str = "information"
    width: float | None = None
    height: float = 30.0
    dpi: int = 300


def draw_logo(axes: Axes, motif: Motif, scale: str = "information") -> None:
    """Draw a motif into axes: letters, numbered positions, and an axis in bits or probability that ends at its top."""
    top, name = SCALES[scale]
    heights = motif.ppm * np.maximum(motif.information(), 0) if scale == "information" else motif.ppm
    _draw_letters(axes, heights, LETTERS[motif.alphabet][:4], COLOURS)
    axes.set(ylim=(0, top), ylabel=name)
    axes.set_yticks([0, top / 2, top], labels=[f"{tick:g}" for tick in (0, top / 2, top)])


def draw_contexts(axes: Axes, shares: Shares) -> None:
    """Draw the structural contexts of a motif into axes: letters as high as their shares, the largest on top."""
    _draw_letters(axes, shares, CONTEXTS, CONTEXT_COLOURS)
    axes.set(ylim=(0, 1), ylabel="structure")
    axes.set_yticks([0, 0.5, 1], labels=["0", "0.5", "1"])


def _draw_letters(axes: Axes, heights: NDArray[np.float64], letters: str, colours: dict[str, str]) -> None:
    """Draw a row of letters for each row of heights, shape (n_letters, width), and number the positions."""
    width = heights.shape[1]
    table = pd.DataFrame(heights.T, columns=list(letters), index=range(1, width + 1))
    scheme = {letter: colours[letter] for letter in letters}
    if heights.any():
        Logo(table, ax=axes, color_scheme=scheme, font_name=_FONT, font_weight="bold", width=0.95, vpad=0)
    axes.set(xlim=(0.5, width + 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    room = axes.get_position().width * axes.figure.get_figwidth() / _MM / width  # type: ignore[union-attr]
    step = next((step for step in (1, 2, 5, 10, 20, 50) if step * room >= 3.2), 100)
    shown = range(1, width + 1, step) if step < 5 else [1, *range(step, width + 1, step)]
    axes.set_xticks(list(shown))


def save_logo(
    motif: Motif,
    path: str | PathLike[str],
    style: LogoStyle | None = None,
    *,
    note: str = "",
    contexts: Shares | None = None,
) -> None:
    """Draw a motif into a file.

    Parameters
    ----------
    motif : Motif
    path : str or path
        Its suffix, .png, .svg or .pdf, is the format.
    style : LogoStyle, optional
    note : str
        Follows the name above the logo.
    contexts : ndarray, shape (6, width), optional
        Shares of structural contexts; they are drawn below, in a picture that is higher by as much.

    Raises
    ------
    ValueError
        If the suffix is another.
    OutputError
        If the file cannot be written.
    """
    style = style or LogoStyle()
    left, right, bottom, head = 10.0, 2.0, 5.0, 6.0
    width = max(40.0, left + right + 5.0 * motif.width) if style.width is None else style.width
    tall = style.height - bottom - head
    below = 0.0 if contexts is None else tall + bottom
    height = style.height + below
    with rc_context(_PAPER):
        figure = Figure(figsize=(width * _MM, height * _MM))
        FigureCanvasAgg(figure)
        room = (width - left - right) / width, tall / height
        if contexts is not None:
            draw_contexts(figure.add_axes((left / width, bottom / height, *room)), contexts)
        axes = figure.add_axes((left / width, (bottom + below) / height, *room))
        draw_logo(axes, motif, style.scale)
        _write_title(axes, motif.shown_name(), note, (width - left - right) * _MM)
        with atomic_path(path) as temporary:
            _save(figure, temporary, _format_of(path), style.dpi)


def save_sheet(
    motifs: Sequence[Motif],
    path: str | PathLike[str],
    style: LogoStyle | None = None,
    *,
    after_each: Callable[[int], object] | None = None,
    contexts: Sequence[Shares | None] = (),
) -> None:
    """Draw motifs into one file: DNA motifs beside their reverse complements, RNA motifs in as many columns as fit.

    RNA motifs with structures stand beside these.

    Parameters
    ----------
    motifs : sequence of Motif
        At least one; at most :data:`MOST_ON_SHEET` for PNG and SVG, which are as long as they must be. PDF has pages.
    path : str or path
        Its suffix, .png, .svg or .pdf, is the format.
    style : LogoStyle, optional
        Only scale and dpi count: all positions are equally wide, and rows 21 mm high.
    after_each : callable, optional
        Called with 1 when a logo is drawn.
    contexts : sequence of ndarray or None, optional
        Shares of structural contexts of each motif, shape (6, width).

    Raises
    ------
    ValueError
        If there are no motifs, too many, or the suffix is another.
    OutputError
        If the file cannot be written.
    """
    style = style or LogoStyle()
    kind = _format_of(path)
    if not motifs or (kind != "pdf" and len(motifs) > MOST_ON_SHEET):
        raise ValueError(f"{len(motifs)} motifs on a sheet that holds 1 to {MOST_ON_SHEET}")
    cells: list[Cell] = []
    for motif, structure in zip(motifs, contexts or [None] * len(motifs), strict=True):
        cells.append((motif, "", None))
        if motif.alphabet == "dna":
            cells.append((motif.reverse_complement(), " (reverse complement)", None))
        elif structure is not None:
            cells.append((motif, " (structure)", structure))
    page = _Page(motifs, in_pairs=len(cells) == 2 * len(motifs))
    with rc_context(_PAPER), atomic_path(path) as temporary:
        if kind == "pdf":
            on_page = page.n_columns * int((_HEIGHT_A4 - 2 * page.edge) / page.row)
            with PdfPages(temporary, metadata={"CreationDate": None}) as pages:
                for begin in range(0, len(cells), on_page):
                    part = cells[begin : begin + on_page]
                    pages.savefig(page.draw(part, _HEIGHT_A4, style.scale, after_each))
        else:
            height = 2 * page.edge + math.ceil(len(cells) / page.n_columns) * page.row
            _save(page.draw(cells, height, style.scale, after_each), temporary, kind, style.dpi)


Cell = tuple[Motif, str, Shares | None]
"""A motif, a note to its name, and what is drawn in its place if not the motif."""

_WIDTH_A4, _HEIGHT_A4 = 210.0, 297.0


class _Page:
    """A page of logos in columns, in mm; a position is as wide in all logos of the sheet."""

    edge, row = 12.0, 21.0
    left, bottom, head, between = 9.0, 4.0, 4.5, 4.0

    def __init__(self, motifs: Sequence[Motif], *, in_pairs: bool) -> None:
        widest = max(motif.width for motif in motifs)
        room = _WIDTH_A4 - 2 * self.edge + self.between
        wanted = max(35.0, 5.0 * widest) + self.left + self.between
        paired = in_pairs or any(motif.alphabet == "dna" for motif in motifs)
        self.n_columns = 2 if paired else max(2, int(room / wanted))
        self.column = room / self.n_columns - self.between
        self.position = min(5.0, (self.column - self.left) / widest)

    def draw(
        self,
        cells: Sequence[Cell],
        height: float,
        scale: str,
        after_each: Callable[[int], object] | None,
    ) -> Figure:
        """Draw motifs, each with a note to its name, row by row."""
        figure = Figure(figsize=(_WIDTH_A4 * _MM, height * _MM))
        FigureCanvasAgg(figure)
        for place, (motif, note, structure) in enumerate(cells):
            row, column = divmod(place, self.n_columns)
            x = self.edge + column * (self.column + self.between) + self.left
            y = height - self.edge - (row + 1) * self.row + self.bottom
            width, tall = self.position * motif.width, self.row - self.bottom - self.head
            axes = figure.add_axes((x / _WIDTH_A4, y / height, width / _WIDTH_A4, tall / height))
            if structure is None:
                draw_logo(axes, motif, scale)
            else:
                draw_contexts(axes, structure)
            _write_title(axes, motif.shown_name(), note, (self.column - self.left) * _MM)
            if after_each is not None:
                after_each(1)
        return figure


def save_logos(
    motifs: Sequence[Motif],
    folder: str | PathLike[str],
    formats: Sequence[str] = ("png",),
    style: LogoStyle | None = None,
    *,
    reverse_complements: bool = True,
    sheet: bool = True,
    contexts: Sequence[Shares | None] = (),
) -> Iterator[Path]:
    """Draw every motif, for DNA also its reverse complement, and a sheet of all; yield each file once it is there.

    A logo of 12 positions takes about 0.1 s.

    Parameters
    ----------
    motifs : sequence of Motif
    folder : str or path
        Exists. Files are NAME.png, NAME_rc.png and sheet.png; a name that was there is followed by a number.
    formats : sequence of {"png", "svg", "pdf"}
    style : LogoStyle, optional
    reverse_complements : bool
        Draw NAME_rc files. The sheet has both strands in any case.
    sheet : bool
        Draw the sheet; more than :data:`MOST_ON_SHEET` motifs are on a PDF whatever the formats.
    contexts : sequence of ndarray or None, optional
        Shares of structural contexts of each motif, shape (6, width), which are drawn with it.
    """
    folder = Path(folder)
    structures = contexts or [None] * len(motifs)
    for motif, structure, stem in zip(motifs, structures, file_stems(motifs), strict=True):
        for suffix in formats:
            path = folder / f"{stem}.{suffix}"
            save_logo(motif, path, style, contexts=structure)
            yield path
            if motif.alphabet == "dna" and reverse_complements:
                path = folder / f"{stem}_rc.{suffix}"
                save_logo(motif.reverse_complement(), path, style, note=" (reverse complement)")
                yield path
    if sheet and motifs:
        kinds = formats if len(motifs) <= MOST_ON_SHEET else ("pdf",)
        for suffix in kinds:
            save_sheet(motifs, folder / f"sheet.{suffix}", style, contexts=contexts)
            yield folder / f"sheet.{suffix}"


def file_stems(motifs: Sequence[Motif]) -> list[str]:
    """Return a file name for each motif, without suffix: letters, digits and ``.-+_``, each once in any case."""
    taken = {"sheet"}
    stems = []
    for motif in motifs:
        wanted = re.sub(r"[^A-Za-z0-9.+_-]+", "_", motif.name).strip("._")[:80] or "motif"
        stem, number = wanted, 1
        while {stem.lower(), f"{stem}_rc".lower()} & taken:
            number += 1
            stem = f"{wanted}_{number}"
        taken |= {stem.lower(), f"{stem}_rc".lower()}
        stems.append(stem)
    return stems


def _write_title(axes: Axes, name: str, note: str, room: float) -> None:
    """Write above the axes, from their left edge; shorten a name that does not fit into `room`, in inches."""
    room *= 0.9  # print may be wider than what is measured on the screen
    title = axes.set_title(f"{name}{note}", loc="left", fontsize=7.5, pad=3)
    width = title.get_window_extent().width / axes.figure.dpi
    if width > room:
        kept = max(3, int(len(f"{name}{note}") * room / width) - len(note) - 1)
        title.set_text(f"{name[:kept].rstrip()}…{note}")


def _format_of(path: str | PathLike[str]) -> str:
    suffix = Path(path).suffix[1:].lower()
    if suffix not in PICTURE_FORMATS:
        raise ValueError(f"{path}: pictures are {', '.join(PICTURE_FORMATS)}")
    return suffix


def _save(figure: Figure, path: Path, kind: str, dpi: int) -> None:
    """Write a figure without the time of day, so that the same motif makes the same file."""
    undated: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(path, format=kind, dpi=dpi, metadata=undated[kind])

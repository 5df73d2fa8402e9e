"""Sequence logos: one motif, or a sheet of all, as PNG, SVG or PDF at the size they are printed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
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

from seqcnn.formats.motif import Motif
from seqcnn.formats.output import atomic_path
from seqcnn.sequence.alphabet import LETTERS

COLOURS: Final = {"A": "#109648", "C": "#255C99", "G": "#F7A516", "T": "#D62839", "U": "#D62839"}
"""A green, C blue, G orange, T and U red."""

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
    letters = list(LETTERS[motif.alphabet][:4])
    table = pd.DataFrame(heights.T, columns=letters, index=range(1, motif.width + 1))
    colours = {letter: COLOURS[letter] for letter in letters}
    Logo(table, ax=axes, color_scheme=colours, font_name=_FONT, font_weight="bold", width=0.95, vpad=0.01)
    axes.set(xlim=(0.5, motif.width + 0.5), ylim=(0, top), ylabel=name)
    axes.set_yticks([0, top / 2, top], labels=[f"{tick:g}" for tick in (0, top / 2, top)])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    room = axes.get_position().width * axes.figure.get_figwidth() / _MM / motif.width  # type: ignore[union-attr]
    step = next((step for step in (1, 2, 5, 10, 20, 50) if step * room >= 3.2), 100)
    shown = range(1, motif.width + 1, step) if step < 5 else [1, *range(step, motif.width + 1, step)]
    axes.set_xticks(list(shown))


def save_logo(motif: Motif, path: str | PathLike[str], style: LogoStyle | None = None, *, note: str = "") -> None:
    """Draw a motif into a file.

    Parameters
    ----------
    motif : Motif
    path : str or path
        Its suffix, .png, .svg or .pdf, is the format.
    style : LogoStyle, optional
    note : str
        Follows the name above the logo.

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
    with rc_context(_PAPER):
        figure = Figure(figsize=(width * _MM, style.height * _MM))
        FigureCanvasAgg(figure)
        room = (width - left - right) / width, (style.height - bottom - head) / style.height
        axes = figure.add_axes((left / width, bottom / style.height, *room))
        draw_logo(axes, motif, style.scale)
        _write_title(axes, f"{motif.shown_name()}{note}", (width - left - right) * _MM)
        with atomic_path(path) as temporary:
            _save(figure, temporary, _format_of(path), style.dpi)


def save_sheet(motifs: Sequence[Motif], path: str | PathLike[str], style: LogoStyle | None = None) -> None:
    """Draw motifs into one file: DNA motifs beside their reverse complements, RNA motifs in two columns.

    Parameters
    ----------
    motifs : sequence of Motif
        At least one; at most :data:`MOST_ON_SHEET` for PNG and SVG, which are as long as they must be. PDF has pages.
    path : str or path
        Its suffix, .png, .svg or .pdf, is the format.
    style : LogoStyle, optional
        Only scale and dpi count: all positions are equally wide, and rows 21 mm high.

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
    cells: list[tuple[Motif, str]] = []
    for motif in motifs:
        cells.append((motif, ""))
        if motif.alphabet == "dna":
            cells.append((motif.reverse_complement(), " (reverse complement)"))
    per_page = 2 * _ROWS_A4 if kind == "pdf" else len(cells)
    with rc_context(_PAPER), atomic_path(path) as temporary:
        if kind == "pdf":
            with PdfPages(temporary, metadata={"CreationDate": None}) as pages:
                for begin in range(0, len(cells), per_page):
                    pages.savefig(_sheet(cells[begin : begin + per_page], motifs, style, _ROWS_A4))
        else:
            _save(_sheet(cells, motifs, style, math.ceil(len(cells) / 2)), temporary, kind, style.dpi)


_ROW: Final = 21.0
_EDGE: Final = 8.0
_ROWS_A4: Final = 13


def _sheet(cells: Sequence[tuple[Motif, str]], motifs: Sequence[Motif], style: LogoStyle, n_rows: int) -> Figure:
    """Return a page of two columns; positions are equally wide throughout."""
    left, between, bottom, head = 9.0, 4.0, 4.0, 4.5
    page_width, page_height = 210.0, 2 * _EDGE + n_rows * _ROW
    column = (page_width - 2 * _EDGE - between) / 2
    position = min(5.0, (column - left) / max(motif.width for motif in motifs))
    figure = Figure(figsize=(page_width * _MM, page_height * _MM))
    FigureCanvasAgg(figure)
    for place, (motif, note) in enumerate(cells):
        row, side = divmod(place, 2)
        x = _EDGE + side * (column + between) + left
        y = page_height - _EDGE - (row + 1) * _ROW + bottom
        size = position * motif.width, _ROW - bottom - head
        axes = figure.add_axes((x / page_width, y / page_height, size[0] / page_width, size[1] / page_height))
        draw_logo(axes, motif, style.scale)
        _write_title(axes, f"{motif.shown_name()}{note}", (column - left) * _MM)
    return figure


def save_logos(
    motifs: Sequence[Motif],
    folder: str | PathLike[str],
    formats: Sequence[str] = ("png",),
    style: LogoStyle | None = None,
    *,
    reverse_complements: bool = True,
    sheet: bool = True,
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
    """
    folder = Path(folder)
    for motif, stem in zip(motifs, file_stems(motifs), strict=True):
        for suffix in formats:
            path = folder / f"{stem}.{suffix}"
            save_logo(motif, path, style)
            yield path
            if motif.alphabet == "dna" and reverse_complements:
                path = folder / f"{stem}_rc.{suffix}"
                save_logo(motif.reverse_complement(), path, style, note=" (reverse complement)")
                yield path
    if sheet and motifs:
        kinds = formats if len(motifs) <= MOST_ON_SHEET else ("pdf",)
        for suffix in kinds:
            save_sheet(motifs, folder / f"sheet.{suffix}", style)
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


def _write_title(axes: Axes, text: str, room: float) -> None:
    """Write above the axes, from their left edge; shorten what is wider than `room`, in inches."""
    title = axes.set_title(text, loc="left", fontsize=7.5, pad=3)
    figure = axes.figure
    longest = len(text)
    while title.get_window_extent().width / figure.dpi > room and longest > 4:
        longest -= 1
        title.set_text(f"{text[: longest - 1].rstrip()}…")


def _format_of(path: str | PathLike[str]) -> str:
    suffix = Path(path).suffix[1:].lower()
    if suffix not in PICTURE_FORMATS:
        raise ValueError(f"{path}: pictures are {', '.join(PICTURE_FORMATS)}")
    return suffix


def _save(figure: Figure, path: Path, kind: str, dpi: int) -> None:
    """Write a figure without the time of day, so that the same motif makes the same file."""
    undated: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(path, format=kind, dpi=dpi, metadata=undated[kind])

"""Logos and mutation maps as small SVG: each letter is drawn once on the page and used wherever it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.sequence.alphabet import LETTERS
from seqcnn.sequence.contexts import CONTEXTS, NAMES

Array = NDArray[np.floating[Any]]

OUTLINES: Final = {
    "A": "M0 100L37 0H63L100 100H76L69 79H31L24 100ZM37 61H63L50 21Z",
    "C": "M97 31C90 11 73 0 52 0C20 0 0 20 0 50C0 80 20 100 52 100C74 100 91 88 97 68L75 62C72 74 64 81 52 81"
    "C35 81 24 70 24 50C24 30 35 19 52 19C63 19 71 25 74 37Z",
    "G": "M96 29C89 10 73 0 53 0C20 0 0 20 0 50C0 80 20 100 54 100C72 100 87 94 98 84V45H53V63H75V74"
    "C70 79 63 81 55 81C36 81 24 70 24 50C24 30 36 19 54 19C64 19 71 24 74 34Z",
    "T": "M0 0H100V19H62V100H38V19H0Z",
    "U": "M0 0H24V62C24 75 33 81 50 81C67 81 76 75 76 62V0H100V62C100 87 81 100 50 100C19 100 0 87 0 62Z",
    "N": "M0 0H25L76 64V0H100V100H75L24 36V100H0Z",
}
"""Letters, 100 wide and 100 high, from the top left."""

_LEAST_BITS: Final = 0.02
_LEVELS: Final = 10
_BASE, _LINE, _LETTERS, _LEFT = 9.0, 9.0, 44.0, 14.0


def definitions() -> str:
    """Return the letters, to stand on the page once before they are used."""
    paths = "".join(f'<path id="l{letter}" d="{path}"/>' for letter, path in OUTLINES.items())
    return f'<svg class="hidden" width="0" height="0" aria-hidden="true"><defs>{paths}</defs></svg>'


def logo(motif: Motif, *, position: float = 11.0, height: float = 44.0) -> str:
    """Return the logo of a motif, letters up to 2 bits high as in :mod:`seqcnn.report.logos`.

    Parameters
    ----------
    motif : Motif
    position, height : float
        Width of a position, height of 2 bits.
    """
    letters = LETTERS[motif.alphabet][:4]
    heights = motif.ppm * np.maximum(motif.information(), 0) * (height / 2)
    placed: dict[str, list[str]] = defaultdict(list)
    least = _LEAST_BITS * height / 2
    for i in range(motif.width):
        below = height
        for base in np.argsort(heights[:, i], kind="stable").tolist():
            tall = float(heights[base, i])
            below -= tall
            if tall >= least:
                placed[letters[base]].append(_use(letters[base], position * (i + 0.03), below, position * 0.94, tall))
    width = position * motif.width
    said = f"logo of {escape(motif.consensus())}"
    return (
        f'<svg class="logo" {_size(width, height + 1)} aria-label="{said}">{_grouped(placed)}'
        f'<path class="axis" d="M0 {height + 0.5:g}H{width:g}"/></svg>'
    )


def structure_bars(shares: Array, *, position: float = 11.0, height: float = 18.0) -> str:
    """Return the structural contexts of a motif's sites: at each position a bar, divided by their shares.

    Parameters
    ----------
    shares : ndarray, shape (6, width)
        In the order of :data:`seqcnn.sequence.contexts.CONTEXTS`.
    position, height : float
        Width of a position, as in its logo above; height of a share of 1.
    """
    ends = shares.cumsum(0)
    parts, said = [], []
    for letter, name, end, share in zip(CONTEXTS, NAMES, ends, shares, strict=True):
        path = "".join(
            f"M{position * (i + 0.03):.2f} {height * (1 - above):.2f}h{position * 0.94:.2f}v{height * tall:.2f}"
            f"h-{position * 0.94:.2f}z"
            for i, (above, tall) in enumerate(zip(end.tolist(), share.tolist(), strict=True))
            if height * tall >= 0.05
        )
        if path:
            parts.append(f'<path class="context{letter}" d="{path}"/>')
            said.append(f"{name} {share.mean():.0%}")
    width = position * shares.shape[1]
    return (
        f'<svg class="logo" {_size(width, height + 1)} aria-label="structure: {", ".join(said)}">{"".join(parts)}</svg>'
    )


def mutation_map(
    letters: str, change: Array, *, alphabet: str = "dna", first: int = 0, most: float | None = None
) -> str:
    """Return the mutation map of a stretch: letters as high as they matter, over what every substitution does.

    Parameters
    ----------
    letters : str
    change : ndarray, shape (4, length)
        By the substitution of each base by A, C, G, T/U.
    alphabet : {"dna", "rna"}
    first : int
        Position of the first base.
    most : float, optional
        Change of the fullest colour; the largest by default.
    """
    rows = LETTERS[alphabet][:4]
    own = np.array([[letter == row for letter in letters] for row in rows])
    change = np.nan_to_num(np.where(own, 0, change))
    heights = -change.sum(0) / np.maximum((~own).sum(0), 1)
    most = most or float(np.abs(change).max(initial=0)) or 1.0
    low, high = min(0.0, float(heights.min(initial=0))), max(0.0, float(heights.max(initial=0)))
    scale = _LETTERS / ((high - low) or 1.0)
    zero = high * scale
    length, top = len(letters), _LETTERS + 4
    placed: dict[str, list[str]] = defaultdict(list)
    for i, letter in enumerate(letters):
        tall = abs(float(heights[i])) * scale
        if tall >= 0.4:
            above = zero - tall if heights[i] > 0 else zero
            placed[letter].append(_use(letter, _LEFT + _BASE * (i + 0.04), above, _BASE * 0.92, tall))
    cells = _cells(change / most, own, top)
    names = "".join(
        f'<text x="{_LEFT - 5:g}" y="{top + _LINE * (i + 0.82):g}" text-anchor="end">{row}</text>'
        for i, row in enumerate(rows)
    )
    bottom = top + 4 * _LINE
    marks = [i for i in range(length) if (first + i) % 10 == 0]
    numbers = "".join(
        f'<text x="{_LEFT + _BASE * (i + 0.5):g}" y="{bottom + 12:g}" text-anchor="middle">{first + i}</text>'
        for i in marks
    )
    width = _LEFT + _BASE * length + 6
    frame = f"M{_LEFT:g} {top:g}h{_BASE * length:g}v{4 * _LINE:g}h-{_BASE * length:g}z"
    return (
        f'<svg class="map" {_size(width, bottom + 15)} aria-label="mutation map">{_grouped(placed)}'
        f'<path class="axis" d="M{_LEFT:g} {zero:.1f}h{_BASE * length:g}"/>{cells}'
        f'<path class="frame" d="{frame}"/><g class="ticks">{names}{numbers}</g></svg>'
    )


def _cells(share: Array, own: NDArray[np.bool_], top: float) -> str:
    """Return a path for each colour: losses and gains in ten strengths; the sequence itself is dotted."""
    levels = np.clip(np.round(np.abs(share) * _LEVELS), 0, _LEVELS).astype(int)
    parts = []
    for style, sign in (("loss", -1), ("gain", 1)):
        for level in range(1, _LEVELS + 1):
            places = np.argwhere((levels == level) & (np.sign(share) == sign) & ~own).tolist()
            path = "".join(
                f"M{_LEFT + _BASE * i:g} {top + _LINE * row:g}h{_BASE:g}v{_LINE:g}h-{_BASE:g}z" for row, i in places
            )
            if path:
                parts.append(f'<path class="{style}" fill-opacity="{level / _LEVELS:g}" d="{path}"/>')
    dots = "".join(
        f"M{_LEFT + _BASE * (i + 0.5):g} {top + _LINE * (row + 0.5):g}h0" for row, i in np.argwhere(own).tolist()
    )
    return "".join(parts) + f'<path class="own" d="{dots}"/>'


def sparkline(edges: Sequence[float], counts: Sequence[float], *, width: float = 96.0, height: float = 26.0) -> str:
    """Return where sites lie about the centre of their sequences, as bars; the centre is marked."""
    most = max(counts, default=0) or 1
    span = edges[-1] - edges[0]
    across = [(edge - edges[0]) / span * width for edge in edges]
    path = [f"M0 {height:g}"]
    for i, count in enumerate(counts):
        path.append(f"V{height - count / most * (height - 2):.1f}H{across[i + 1]:.1f}")
    centre = (0 - edges[0]) / span * width
    return (
        f'<svg class="spark" {_size(width, height + 1)} aria-label="distances of sites from the centre">'
        f'<path class="area c0" d="{"".join(path)}V{height:g}Z"/><path class="centre" d="M{centre:.1f} 0V{height:g}"/>'
        f'<path class="axis" d="M0 {height + 0.5:g}H{width:g}"/></svg>'
    )


def _size(width: float, height: float) -> str:
    return f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img"'


def _use(letter: str, x: float, y: float, wide: float, tall: float) -> str:
    name = letter if letter in OUTLINES else "N"
    return f'<use href="#l{name}" transform="translate({x:.2f} {y:.2f})scale({wide / 100:.4f} {tall / 100:.4f})"/>'


def _grouped(placed: dict[str, list[str]]) -> str:
    return "".join(f'<g class="base{letter}">{"".join(uses)}</g>' for letter, uses in sorted(placed.items()))

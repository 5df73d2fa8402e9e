"""Small plots as SVG: its text takes the page's font, and classes its colours, so that it follows light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 340.0, 250.0


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Parameters
    ----------
    label : str
    low, high : float
        Its ends; low < high.
    log : bool
        Logarithmic; both ends above 0.
    ticks : sequence of (float, str), optional
        Where something is written, and what; round numbers by default.
    """

    label: str
    low: float
    high: float
    log: bool = False
    ticks: Sequence[tuple[float, str]] | None = None

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return where values lie: 0 at the low end, 1 at the high end."""
        exact = np.asarray(values, dtype=np.float64)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return np.asarray((np.log(np.maximum(exact, 1e-300)) - low) / (high - low))
        return np.asarray((exact - self.low) / (self.high - self.low))

    def marks(self) -> Sequence[tuple[float, str]]:
        """Return where something is written."""
        if self.ticks is not None:
            return self.ticks
        if self.log:
            return [(value, number(value)) for value in _decades(self.low, self.high)]
        return [(value, number(value)) for value in rounds(self.low, self.high)]


@dataclass(slots=True)
class Plot:
    """A plot that is drawn bit by bit.

    Parameters
    ----------
    x, y : Axis
    title : str
        What a screen reader says of it.
    width, height : float
    left : float
        Room for what is written at the y axis.
    """

    x: Axis
    y: Axis
    title: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = 36.0
    _parts: list[str] = field(default_factory=list)

    _TOP, _RIGHT, _BOTTOM = 22.0, 10.0, 36.0

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return places in the picture."""
        across = self.width - self.left - self._RIGHT
        down = self.height - self._TOP - self._BOTTOM
        return self.left + self.x.place(x) * across, self._TOP + (1 - self.y.place(y)) * down

    def line(self, x: ArrayLike, y: ArrayLike, style: str, *, step: bool = False) -> None:
        """Draw a line through points that are numbers; it is broken at others."""
        across, down = self.at(x, y)
        parts, pen = [], False
        last = ""
        for a, b in zip(across.tolist(), down.tolist(), strict=True):
            if not (math.isfinite(a) and math.isfinite(b)):
                pen = False
                continue
            if step and pen:
                parts.append(f"H{_short(a)}")
            text = f"{_short(a)} {_short(b)}"
            if text != last:
                parts.append(("L" if pen else "M") + text)
            pen, last = True, text
        if parts:
            self._parts.append(f'<path class="line {style}" d="{"".join(parts)}"/>')

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, style: str) -> None:
        """Fill what lies between two lines."""
        if not len(np.asarray(low)):
            return
        across, top = self.at(x, high)
        _, bottom = self.at(x, low)
        there = np.isfinite(top) & np.isfinite(bottom)
        forth = [f"{_short(a)} {_short(b)}" for a, b in zip(across[there], top[there], strict=True)]
        back = [f"{_short(a)} {_short(b)}" for a, b in zip(across[there][::-1], bottom[there][::-1], strict=True)]
        self._parts.append(f'<path class="band {style}" d="M{"L".join([*forth, *back])}Z"/>')

    def bars(self, edges: ArrayLike, heights: ArrayLike, style: str) -> None:
        """Draw a histogram as one outline."""
        edges, heights = np.asarray(edges, float), np.asarray(heights, float)
        across, _ = self.at(edges, np.zeros(len(edges)))
        _, down = self.at(np.zeros(len(heights)), heights)
        _, base = self.at(0.0, self.y.low)
        path = [f"M{_short(across[0])} {_short(float(base))}"]
        for i, level in enumerate(down.tolist()):
            path.append(f"V{_short(level)}H{_short(across[i + 1])}")
        path.append(f"V{_short(float(base))}Z")
        self._parts.append(f'<path class="area {style}" d="{"".join(path)}"/>')

    def dots(self, x: ArrayLike, y: ArrayLike, style: str, radius: float = 3.0) -> None:
        """Draw points as one path; those that are no numbers are left out."""
        across, down = self.at(x, y)
        there = np.isfinite(across) & np.isfinite(down)
        pairs = zip(across[there].tolist(), down[there].tolist(), strict=True)
        path = "".join(f"M{_short(a)} {_short(b)}h0" for a, b in pairs)
        if path:
            self._parts.append(f'<path class="dots {style}" stroke-width="{2 * radius:g}" d="{path}"/>')

    def ring(self, x: float, y: float, style: str) -> None:
        """Draw a ring about a point."""
        across, down = self.at(x, y)
        self._parts.append(
            f'<circle class="ring {style}" cx="{_short(float(across))}" cy="{_short(float(down))}" r="6"/>'
        )

    def whiskers(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, style: str) -> None:
        """Draw upright lines."""
        across, top = self.at(x, high)
        _, bottom = self.at(x, low)
        path = "".join(
            f"M{_short(a)} {_short(b)}V{_short(c)}"
            for a, b, c in zip(across.tolist(), top.tolist(), bottom.tolist(), strict=True)
            if math.isfinite(a) and math.isfinite(b) and math.isfinite(c)
        )
        if path:
            self._parts.append(f'<path class="whisker {style}" d="{path}"/>')

    def cells(self, x_edges: ArrayLike, y_edges: ArrayLike, shades: NDArray[np.float64], style: str) -> None:
        """Fill cells, shape (n_x, n_y), each as opaque as it says, 0 to 1."""
        across, _ = self.at(x_edges, np.full(len(np.asarray(x_edges)), self.y.low))
        _, down = self.at(np.full(len(np.asarray(y_edges)), self.x.low), y_edges)
        levels = np.ceil(shades * 8).astype(int)
        for level in range(1, 9):
            path = "".join(
                f"M{_short(across[i])} {_short(down[j + 1])}"
                f"H{_short(across[i + 1])}V{_short(down[j])}H{_short(across[i])}z"
                for i, j in np.argwhere(levels == level).tolist()
            )
            if path:
                self._parts.append(f'<path class="cell {style}" fill-opacity="{level / 8:g}" d="{path}"/>')

    def upright(self, x: float, style: str = "mark") -> None:
        """Draw a line from bottom to top."""
        self.line([x, x], [self.y.low, self.y.high], style)

    def level(self, y: float, style: str = "mark") -> None:
        """Draw a line from side to side."""
        self.line([self.x.low, self.x.high], [y, y], style)

    def text(self, x: float, y: float, words: str, *, anchor: str = "start", up: float = 4.0) -> None:
        """Write beside a point."""
        across, down = self.at(x, y)
        self._parts.append(
            f'<text class="note" x="{_short(float(across))}" y="{_short(float(down) - up)}" '
            f'text-anchor="{anchor}">{escape(words)}</text>'
        )

    def render(self) -> str:
        """Return the SVG."""
        left, right, bottom = self.left, self.width - self._RIGHT, self.height - self._BOTTOM
        lines, words = [], []
        for value, text in self.y.marks():
            _, down = self.at(self.x.low, value)
            place = _short(float(down))
            lines.append(f"M{left:g} {place}H{right:g}")
            words.append(f'<text x="{left - 6:g}" y="{place}" dy=".35em" text-anchor="end">{escape(text)}</text>')
        lines_x = []
        for value, text in self.x.marks():
            across, _ = self.at(value, self.y.low)
            place = _short(float(across))
            lines_x.append(f"M{place} {bottom:g}v4")
            words.append(f'<text x="{place}" y="{bottom + 15:g}" text-anchor="middle">{escape(text)}</text>')
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.title)}">'
            f'<path class="grid" d="{"".join(lines)}"/><path class="axis" d="{"".join(lines_x)}"/>'
            f"{''.join(self._parts)}"
            f'<path class="axis" d="M{left:g} {bottom:g}H{right:g}"/>'
            f'<g class="ticks">{"".join(words)}</g>'
            f'<text class="label" x="0" y="11">{escape(self.y.label)}</text>'
            f'<text class="label" x="{right:g}" y="{self.height - 4:g}" text-anchor="end">{escape(self.x.label)}</text>'
            "</svg>"
        )


def spanning(values: Iterable[ArrayLike], *, margin: float = 0.04, zero: bool = False) -> tuple[float, float]:
    """Return ends that hold all values that are numbers, with a margin; 0 to 1 if there is none."""
    every = np.concatenate([np.asarray(each, np.float64).ravel() for each in values] or [np.zeros(0)])
    every = every[np.isfinite(every)]
    if not len(every):
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    if zero:
        low = min(low, 0.0)
    room = (high - low) * margin or max(abs(high) * margin, 0.5)
    return (low if zero and low == 0 else low - room), high + room


def rounds(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers within two ends."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    factors = (1,) if decades > 2.5 else (1, 3) if decades > 1.2 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [factor * 10.0**power for power in powers for factor in factors]
    return [value for value in every if low * 0.999 <= value <= high * 1.001]


def number(value: float) -> str:
    """Write a number in few characters, with a true minus."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        text = f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    else:
        text = f"{round(value, 10):,.6g}" if abs(value) < 10000 else f"{value:,.0f}"
    return text.replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

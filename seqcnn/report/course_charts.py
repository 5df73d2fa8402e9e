"""The plots of how a run came about: losses and scores of every epoch, and the trials of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.report.charts import Chart, Key
from seqcnn.report.svg_plot import Axis, Plot, spanning

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

MOST_LINES: Final = 40
"""Thin lines of a plot: networks, folds."""


def losses(history: pd.DataFrame, best: Sequence[int]) -> Chart | None:
    """Draw the losses of every network, and their means; the epochs that were kept are marked."""
    everything = [history[name] for name in ("training_loss", "validation_loss") if name in history]
    plot = _over_epochs(history, "loss", spanning([usual(each) for each in everything], zero=True))
    key = []
    for name, style, label in (("training_loss", "c7", "training"), ("validation_loss", "c0", "validation")):
        if _draw_networks(plot, history, name, style):
            key.append(Key(style, label))
    _mark_kept(plot, best)
    if not key:
        return None
    many = len(_networks(history)) > 1
    return Chart("Loss", plot.render(), key, "Thin: each network; bold: their mean." if many else "")


def validation(history: pd.DataFrame, best: Sequence[int], metric: str) -> Chart | None:
    """Draw the validation score of every network; None if there was no validation."""
    if "validation_score" not in history or not np.isfinite(history["validation_score"]).any():
        return None
    low, high = spanning([usual(history["validation_score"])])
    plot = _over_epochs(history, f"validation {metric}", (low, min(high, 1.0) if "AUROC" in metric else high))
    _draw_networks(plot, history, "validation_score", "c0")
    _mark_kept(plot, best)
    kept = f"epoch {best[0]}" if len(set(best)) == 1 else f"epochs {min(best)} to {max(best)}" if best else ""
    note = f"The weights of {kept} were kept (dashed)." if kept else ""
    return Chart("Validation score", plot.render(), [Key("c0", metric)], note)


def usual(column: Any) -> Array:
    """Return the values but those that an early or lost epoch left far away."""
    numbers: Array = column.to_numpy(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < 8:
        return numbers
    low, high = np.percentile(numbers, [1, 99])
    room = high - low
    return np.asarray(numbers[(numbers >= low - room) & (numbers <= high + room)])


def _networks(history: pd.DataFrame) -> list[pd.DataFrame]:
    by = [name for name in ("fold", "member") if name in history]
    return [rows for _, rows in history.groupby(by)] if by else [history]


def _over_epochs(history: pd.DataFrame, label: str, ends: tuple[float, float]) -> Plot:
    return Plot(epochs(max(2, int(history["epoch"].max()))), Axis(label, *ends), label, left=40)


def epochs(last: int) -> Axis:
    """Return an axis from the first epoch to the last."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if last / step <= 6)
    ticks = [
        (float(epoch), f"{epoch:,}") for epoch in [1, *range(step, last + 1, step)] if epoch == 1 or epoch > step / 2
    ]
    ticks = [tick for tick in dict.fromkeys(ticks) if tick[0] == 1 or tick[0] > 1 + last / 20]
    return Axis("epoch", 1, last, ticks=ticks)


def _draw_networks(plot: Plot, history: pd.DataFrame, name: str, style: str) -> bool:
    """Draw a thin line for each network and a bold one for their mean, within the plot's ends."""
    if name not in history or not np.isfinite(history[name]).any():
        return False
    networks = _networks(history)
    ends = plot.y.low, plot.y.high
    if len(networks) > 1:
        for rows in networks[:MOST_LINES]:
            plot.line(rows["epoch"], rows[name].clip(*ends), f"{style} thin")
    mean = history.groupby("epoch")[name].mean()
    plot.line(mean.index, mean.clip(*ends), style)
    return True


def _mark_kept(plot: Plot, best: Sequence[int]) -> None:
    for epoch in sorted(set(best))[:MOST_LINES]:
        if plot.x.low < epoch < plot.x.high:
            plot.upright(float(epoch))


def trials(table: pd.DataFrame, metric: str) -> list[Chart]:
    """Draw the mean score of each trial against each setting that was searched; the best is ringed."""
    names = [name for name in table.columns if name not in ("rank", "trial", "epochs", "mean", "sd")]
    folds = [name for name in names if name.startswith("fold_")]
    means = table["mean"].to_numpy(np.float64)
    spread = table[folds].to_numpy(np.float64)
    low, high = spanning([usual(table["mean"])], margin=0.08)
    charts = []
    for name in [name for name in names if name not in folds]:
        column = table[name]
        numeric = np.array([_as_number(value) for value in column])
        axis, places = _setting(column.astype(str).tolist(), numeric)
        if axis is None:
            continue
        plot = Plot(axis, Axis(f"mean {metric}", low, high), f"{metric} against {name}", height=210, left=44)
        inside = (means >= low) & (means <= high)
        plot.whiskers(
            places[inside],
            spread.min(1)[inside].clip(low, high),
            spread.max(1)[inside].clip(low, high),
            "c7",
        )
        plot.dots(places[inside], means[inside], "c0", 3.0)
        best = int(np.nanargmax(means)) if np.isfinite(means).any() else 0
        if inside[best] and np.isfinite(places[best]):
            plot.ring(float(places[best]), float(means[best]), "c1")
        charts.append(Chart(name.replace("_", " "), plot.render()))
    return charts


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _setting(texts: list[str], numeric: Array) -> tuple[Axis | None, Array]:
    """Return the axis of a setting and where each trial lies: by value where it is a number, else by name."""
    known = numeric[np.isfinite(numeric)]
    distinct = sorted(set(texts), key=lambda text: (_as_number(text) != _as_number(text), _as_number(text), text))
    if len(distinct) < 2:
        return None, numeric
    if len(distinct) > 7 and len(known) >= len(numeric) * 0.7:
        low, high = float(known.min()), float(known.max())
        if low > 0 and high / low > 20:
            return Axis("", low / 1.15, high * 1.15, log=True), numeric
        room = (high - low) * 0.05
        return Axis("", low - room, high + room), numeric
    shift = np.random.default_rng(0).uniform(-0.18, 0.18, len(texts))
    distinct = distinct[:12]
    ticks = [(float(i), text[:12]) for i, text in enumerate(distinct)]
    places = np.array([distinct.index(text) if text in distinct else np.nan for text in texts]) + shift
    return Axis("", -0.5, len(distinct) - 0.5, ticks=ticks), places

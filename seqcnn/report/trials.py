"""The picture of a calibration: the score of every trial against each setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from seqcnn.training.search import Range, Space
from seqcnn.training.trials import Trial


def draw_trials(trials: Sequence[Trial], space: Space, metric: str, path: str | PathLike[str]) -> None:
    """Draw a panel for each setting that was searched; each point is a trial, with its spread over folds.

    Parameters
    ----------
    trials : sequence of Trial
        Done; those that were lost are left out.
    space : Space
    metric : str
    path : str or path
        PNG.
    """
    known = [trial for trial in trials if not math.isnan(trial.best_checkpoint()[1])]
    highest = max((trial.best_checkpoint()[1] for trial in known), default=math.nan)
    n_columns = min(3, len(space))
    n_rows = math.ceil(len(space) / n_columns)
    figure = Figure(figsize=(3.2 * n_columns, 2.5 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    for panel, (name, choice) in zip(axes.flat, space.items(), strict=False):
        _draw_setting(panel, known, name, choice, highest)
    for panel in axes.flat[len(space) :]:
        panel.set_visible(False)
    for row in axes:
        row[0].set_ylabel(f"{metric}, mean of folds")
    figure.savefig(path, format="png", dpi=150)


def _draw_setting(
    axes: Axes, trials: Sequence[Trial], name: str, choice: Range | tuple[Any, ...], highest: float
) -> None:
    """Draw the trials that have a value of this setting that the axis can show; the best trial of all is circled."""
    lowest = 0.0 if isinstance(choice, Range) and choice.log else -math.inf
    trials = [trial for trial in trials if _is_drawn(trial.settings[name], lowest)]
    scores = np.array([trial.best_checkpoint()[1] for trial in trials])
    spread = np.array([_spread(trial) for trial in trials]).T.reshape(2, -1)
    if isinstance(choice, Range):
        places = np.array([float(trial.settings[name]) for trial in trials])
        low, high = min([choice.low, *places]), max([choice.high, *places])
        margin = 0.05
        if choice.log:
            axes.set_xscale("log")
            decades = math.log10(high / low)
            axes.xaxis.set_major_locator(
                LogLocator(subs=(1,) if decades > 2.5 else (1, 3) if decades > 1.2 else (1, 2, 5), numticks=6)
            )
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlim(low / 10 ** (margin * decades), high * 10 ** (margin * decades))
        else:
            axes.set_xlim(low - margin * (high - low), high + margin * (high - low))
    else:
        values = sorted(set(choice) | {trial.settings[name] for trial in trials})
        rng = np.random.default_rng(0)  # points of one value beside each other
        places = np.array([values.index(trial.settings[name]) for trial in trials]) + rng.uniform(
            -0.2, 0.2, len(trials)
        )
        axes.set_xticks(range(len(values)), [str(value) for value in values], parse_math=False)
        axes.set_xlim(-0.5, len(values) - 0.5)
    axes.vlines(places, spread[0], spread[1], color="0.8", linewidth=1, zorder=1)
    axes.scatter(places, scores, s=16, color="#3b6ea5", zorder=2)
    for best in np.flatnonzero(scores == highest)[:1]:
        axes.scatter(places[best], scores[best], s=48, facecolors="none", edgecolors="#c0392b", linewidth=1.5, zorder=3)
    axes.set_xlabel(name.replace("_", " "))
    axes.spines[["top", "right"]].set_visible(False)


def _number(value: float) -> str:
    """Write a number in few characters: 0.001, 1e-4."""
    return f"{value:g}" if value > 9e-4 else f"{value:.0e}".replace("e-0", "e-")


def _is_drawn(value: Any, lowest: float) -> bool:
    return value is not None and (isinstance(value, str) or value > lowest)


def _spread(trial: Trial) -> tuple[float, float]:
    """Return the lowest and the highest score of a fold at the trial's checkpoint."""
    at = trial.best_checkpoint()[0]
    scores = [trial.scores[fold][at] for fold in trial.scores]
    return min(scores), max(scores)

"""The plots of a report: from numbers to SVG with a key and a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.report import curves
from seqcnn.report.svg_plot import Axis, Plot, number, rounds, spanning

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

N_COLOURS: Final = 8
MOST_LINES: Final = 40
"""Thin lines of a plot: networks, folds."""
MOST_DOTS: Final = 1500
"""Points of a scatter plot; more are drawn as a density."""


@dataclass(frozen=True, slots=True)
class Key:
    """A line of a plot's key: class of the colour (none for no colour), what it is, and its number."""

    style: str
    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot with what stands about it.

    Parameters
    ----------
    title, svg : str
    key : list of Key
    note : str
    """

    title: str
    svg: str
    key: list[Key] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scores of a binary question: the name of who is judged, colour, and whether it is thin and without a band."""

    label: str
    truth: Array
    scores: Array
    weights: Array | None = None
    style: str = "c0"
    thin: bool = False
    said: Mapping[str, Any] | None = None


SQUARE: Final = 290.0
"""Height of plots of shares against shares."""

SHARE: Final = ((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1"))


def interval(value: Mapping[str, Any] | None) -> str:
    """Write a value with its interval; nothing if it is not known."""
    if not value or value.get("value") is None:
        return ""
    text = f"{value['value']:.3f}"
    if value.get("low") is None or value.get("high") is None:
        return text.replace("-", "−")
    return f"{text} ({value['low']:.3f} to {value['high']:.3f})".replace("-", "−")


def roc_and_pr(judged: Sequence[Ranked], *, prevalence: bool = True, bands: bool = True) -> list[Chart]:
    """Draw the ROC and the precision-recall curves; those that are thin come first, and without bands."""
    share = Axis("false positive rate", 0, 1, ticks=SHARE), Axis("true positive rate", 0, 1, ticks=SHARE)
    roc = Plot(*share, "ROC curve", height=SQUARE)
    of_pr = Axis("recall", 0, 1, ticks=SHARE), Axis("precision", 0, 1, ticks=SHARE)
    pr = Plot(*of_pr, "precision-recall curve", height=SQUARE)
    roc.line([0, 1], [0, 1], "mark")
    for each in sorted(judged, key=lambda ranked: not ranked.thin):
        found = curves.roc_and_pr(each.truth, each.scores, each.weights, bands=bands and not each.thin)
        if found is None:
            continue
        style = each.style + " thin" * each.thin
        roc.band(curves.GRID, found[0].low, found[0].high, each.style)
        pr.band(curves.GRID, found[1].low, found[1].high, each.style)
        roc.line(found[0].x, found[0].y, style)
        pr.line(found[1].x, found[1].y, style)
    if prevalence:
        for level in _levels([share for each in judged if not each.thin for share in _share(each)]):
            pr.level(level)
            pr.text(0.01, level, f"share of positives {level:.2g}", up=4 if level < 0.93 else -12)
    of_roc = f"{'Bands are 95 % intervals; the' if bands else 'The'} dashed line is chance."
    of_pr_curve = "The dashed line is what chance would reach." if prevalence else ""
    return [
        Chart("ROC", roc.render(), _keys(judged, "auroc"), of_roc),
        Chart("Precision and recall", pr.render(), _keys(judged, "auprc"), of_pr_curve),
    ]


def _keys(judged: Sequence[Ranked], metric: str) -> list[Key]:
    return [
        Key(each.style + " thin" * each.thin, each.label, interval((each.said or {}).get(metric)))
        for each in judged
        if each.label
    ]


def _share(each: Ranked) -> list[float]:
    return [float(np.average(each.truth > 0.5, weights=each.weights))] if len(each.truth) else []


def _levels(shares: Sequence[float]) -> list[float]:
    """Return shares of positives that lie apart."""
    kept: list[float] = []
    for share in sorted(shares):
        if not kept or share - kept[-1] > 0.06:
            kept.append(share)
    return kept[:3]


def distributions(truth: Array, scores: Array, label: str) -> Chart | None:
    """Draw the scores of positives and of negatives."""
    positives, negatives = scores[truth > 0.5], scores[truth <= 0.5]
    bins = curves.histogram([negatives, positives])
    if bins is None:
        return None
    top = max(float(shares.max()) for shares in bins.shares) * 1.08 or 1.0
    axes = Axis(label, *bins.edges[[0, -1]].tolist()), _percent("share of each class", top)
    plot = Plot(*axes, "scores by class", height=SQUARE)
    plot.bars(bins.edges, bins.shares[0], "c7")
    plot.bars(bins.edges, bins.shares[1], "c0")
    if bins.edges[0] < 0 < bins.edges[-1]:
        plot.upright(0.0)
    key = [Key("c0 box", "positives", f"{len(positives):,}"), Key("c7 box", "negatives", f"{len(negatives):,}")]
    return Chart("Scores by class", plot.render(), key, "The further apart, the better; the dashed line is even odds.")


def thresholds(truth: Array, scores: Array, label: str) -> Chart:
    """Draw which share of positives, and of negatives, scores at least so much."""
    low, high = np.percentile(scores, [0.5, 99.5]).tolist()
    low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
    percent = Axis("share at or above the threshold", 0, 1, ticks=[(value, f"{100 * value:g} %") for value, _ in SHARE])
    axis = Axis(f"threshold: {label}", low, high)
    plot = Plot(axis, percent, "positives found and false alarms", height=SQUARE, left=40)
    at = np.linspace(low, high, 201)
    for values, style in ((scores[truth <= 0.5], "c7"), (scores[truth > 0.5], "c0")):
        ordered = np.sort(values)
        plot.line(at, 1 - np.searchsorted(ordered, at, side="left") / max(1, len(ordered)), style)
    key = [Key("c0", "positives found"), Key("c7", "negatives taken for positives")]
    return Chart("What a threshold gives", plot.render(), key, "Choose by the false alarms that you can bear.")


def _percent(label: str, top: float) -> Axis:
    return Axis(label, 0, top, ticks=[(value, f"{number(100 * value)} %") for value in rounds(0, top, 4)])


def calibration(truth: Array, probability: Array, title: str = "Are probabilities true?") -> Chart | None:
    """Draw how often what is given a probability is true."""
    found = curves.reliability(truth, probability)
    if found is None:
        return None
    axes = Axis("predicted probability", 0, 1, ticks=SHARE), Axis("share that is positive", 0, 1, ticks=SHARE)
    plot = Plot(*axes, title, height=SQUARE)
    plot.line([0, 1], [0, 1], "mark")
    plot.whiskers(found.said, found.low, found.high, "c0")
    plot.line(found.said, found.seen, "c0 thin")
    plot.dots(found.said, found.seen, "c0", 3.5)
    note = (
        f"{len(found.n)} groups of {int(found.n.min()):,} or more, with 95 % intervals; on the dashed line all is true."
    )
    return Chart(title, plot.render(), [Key("", "mean error", f"{found.error:.3f}")], note)


def correlation(truth: Array, predicted: Array, said: Mapping[str, Any], *, counts: bool = False) -> Chart:
    """Draw predictions against measurements; counts on a scale of log(1 + x)."""
    label = "rate" if counts else "value"
    shown = (np.log1p(truth), np.log1p(predicted)) if counts else (truth, predicted)
    low, high = spanning(shown, margin=0.03)
    ticks = None
    if counts:
        steps = [0, *(10.0**power * factor for power in range(7) for factor in (1, 3))]
        ticks = [(float(np.log1p(step)), number(step)) for step in steps if low <= np.log1p(step) <= high]
    plot = Plot(
        Axis(f"predicted {label}", low, high, ticks=ticks),
        Axis("measured", low, high, ticks=ticks),
        "scatter plot",
        height=SQUARE,
    )
    if len(truth) <= MOST_DOTS:
        plot.dots(shown[1], shown[0], "c0 faint", 2.0)
        note = "Each point is a sequence that was held out."
    else:
        edges = np.linspace(low, high, 51)
        density, _, _ = np.histogram2d(shown[1], shown[0], [edges, edges])
        plot.cells(edges, edges, np.sqrt(density / density.max()), "c0")
        note = f"{len(truth):,} sequences that were held out; the darker, the more."
    plot.line([low, high], [low, high], "mark")
    key = [Key("", name, interval(said.get(name.lower()))) for name in ("Pearson", "Spearman")]
    return Chart("Predicted and measured", plot.render(), [each for each in key if each.value], note)


def trend(truth: Array, predicted: Array) -> Chart | None:
    """Draw the mean of what was measured in groups of like predictions."""
    found = curves.reliability(truth, predicted, shares=False)
    if found is None:
        return None
    low, high = spanning([found.said, found.low, found.high])
    axes = Axis("mean prediction", low, high), Axis("mean measured", low, high)
    plot = Plot(*axes, "mean measured by prediction", height=SQUARE)
    plot.line([low, high], [low, high], "mark")
    plot.whiskers(found.said, found.low, found.high, "c0")
    plot.line(found.said, found.seen, "c0 thin")
    plot.dots(found.said, found.seen, "c0", 3.5)
    note = "Groups of like predictions, with 95 % intervals of their means; on the dashed line all is true."
    return Chart("Calibration", plot.render(), [Key("", "mean error", number(float(f"{found.error:.3g}")))], note)


def values(truth: Array, predicted: Array) -> Chart | None:
    """Draw how measurements and predictions are distributed."""
    bins = curves.histogram([truth, predicted])
    if bins is None:
        return None
    top = max(float(shares.max()) for shares in bins.shares) * 1.08 or 1.0
    axes = Axis("value", *bins.edges[[0, -1]].tolist()), _percent("share", top)
    plot = Plot(*axes, "distributions", height=SQUARE)
    plot.bars(bins.edges, bins.shares[0], "c7")
    plot.bars(bins.edges, bins.shares[1], "c0")
    return Chart("Distributions", plot.render(), [Key("c0 box", "predicted"), Key("c7 box", "measured")])


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
    plot = _over_epochs(history, f"validation {metric}", (low, min(high, 1.0) if metric.endswith("AUROC") else high))
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


def words_for(name: str, most: int) -> str:
    """Return a name that is not too long for a plot."""
    return name if len(name) <= most else name[: most - 1] + "…"


def dot_plot(rows: Sequence[tuple[str, str, Mapping[str, Any]]], label: str) -> Chart:
    """Draw values with their intervals under each other: name, class of the colour, value."""
    known = [(name, style, value) for name, style, value in rows if value.get("value") is not None]
    ends = [float(each[2][key]) for each in known for key in ("value", "low", "high") if each[2].get(key) is not None]
    low, high = spanning([ends], margin=0.12)
    height = 58.0 + 36 * len(known)
    plot = Plot(Axis(label, low, high), Axis("", 0, len(known), ticks=[]), label, height=height, left=8)
    for i, (name, style, value) in enumerate(known):
        y = len(known) - 0.68 - i
        if value.get("low") is not None and value.get("high") is not None:
            plot.line([value["low"], value["high"]], [y, y], style)
        plot.dots([value["value"]], [y], style, 4.0)
        plot.text(low, y, words_for(name, 44), up=9)
    return Chart(label, plot.render())

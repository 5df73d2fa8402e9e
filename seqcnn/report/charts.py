"""The plots of a judgement: from numbers to SVG with a key and a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.report import curves
from seqcnn.report.svg_plot import Axis, Plot, number, rounds, spanning

Array = NDArray[np.float64]

N_COLOURS: Final = 8
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

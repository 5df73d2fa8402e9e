"""The part of a report that says how good a model is on what was held out: tables and plots of each target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.models.tasks import respond
from seqcnn.report import charts, curves
from seqcnn.report.cautions import judged
from seqcnn.report.charts import Chart, Ranked, interval
from seqcnn.report.run_files import Part, Run
from seqcnn.report.words import BASES, METRICS, NAMES, PARTS

MOST_TARGETS: Final = 6
"""Targets of which plots are drawn."""
MOST_ROWS: Final = 300
MOST_CLASSES: Final = 30
"""Classes in a confusion table."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: header, and rows of cells of which the first is a name; the rest are numbers."""

    header: list[str]
    rows: list[list[str]]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Plots:
    """The plots of a target."""

    target: str
    charts: list[Chart]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which class is taken for which: for each true class a name, and for each a count and its share of the row."""

    names: list[str]
    rows: list[tuple[str, list[tuple[int, float]]]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a report shows of the judgement.

    Parameters
    ----------
    part : str
        What the plots are of: test, valid or folds.
    tables : list of (str, Table)
        With the name of the part.
    plots : list of Plots
    left_out : int
        Targets without plots.
    confusion : Confusion or None
    classes : Table or None
    bases : Table or None
        How well bound bases are told from others, where a network scores bases.
    """

    part: str
    tables: list[tuple[str, Table]]
    plots: list[Plots]
    left_out: int = 0
    confusion: Confusion | None = None
    classes: Table | None = None
    bases: Table | None = None


def judge(run: Run) -> Judgement:
    """Lay out the figures of all parts, and the plots of the part that counts."""
    part, metrics = judged(run)
    tables = [(name, table(run.metrics[name], run.task)) for name in ("test", "valid") if run.metrics.get(name)]
    if run.metrics.get("cross_validation"):
        tables.append(("folds", _folds_table(run)))
    scores = shown_part(run, part)
    plots = [] if scores is None else _plots(run, scores, part, metrics)
    left_out = max(0, len(run.columns) - MOST_TARGETS) if scores is not None else 0
    of_classes: Mapping[str, Any] = next(iter(metrics.values()), {}) if run.task == "multiclass" else {}
    return Judgement(part, tables, plots, left_out, _confusion(of_classes), _classes(of_classes), _bases(run))


def shown_part(run: Run, part: str) -> Part | None:
    """Return the scores of a part; of folds all together, each scored by a network that has not seen it."""
    if part != "folds":
        return run.held_out.get(part)
    folds = run.folds
    if not folds:
        return None
    weights = [each.weights for each in folds if each.weights is not None]
    return Part(
        np.concatenate([each.names for each in folds]),
        np.concatenate([each.truth for each in folds]),
        np.concatenate([each.scores for each in folds]),
        np.concatenate(weights) if len(weights) == len(folds) else None,
    )


def table(metrics: Mapping[str, Mapping[str, Any]], task: str) -> Table:
    """Lay out metrics with their intervals, a row a target."""
    keys = METRICS[task]
    binary = task == "binary"
    header = ["target", "n", *(["positive", "share"] if binary else []), *(NAMES[key] for key in keys)]
    rows = []
    for target, values in list(metrics.items())[:MOST_ROWS]:
        cells = [target, f"{values.get('n', 0):,}"]
        if "problem" in values:
            rows.append([*cells, values["problem"], *[""] * (len(header) - 3)])
            continue
        if binary:
            cells += [f"{values.get('positives', 0):,}", f"{values.get('prevalence') or 0:.3f}"]
        rows.append([*cells, *(interval(values.get(key)) for key in keys)])
    return Table(header, rows, max(0, len(metrics) - MOST_ROWS))


def of_bases(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table | None:
    """Lay out metrics of bases, a row for each name, those without such left out; None if there are none."""
    known = [(name, values) for name, values in rows if BASES[0] in values]
    if not known:
        return None
    cells = []
    for name, values in known:
        share = values.get("bases_prevalence")
        counted = [f"{values['bases_n']:,}" if "bases_n" in values else "", "" if share is None else f"{share:.3f}"]
        cells.append([name, *counted, *(interval(values.get(key)) for key in BASES)])
    return Table(["", "bases", "share bound", "AUROC", "AUPRC"], cells)


def _bases(run: Run) -> Table | None:
    """Lay out metrics of bases of all parts; only one target can have such."""
    parts = [(name, values) for name in ("test", "valid") for values in (run.metrics.get(name) or {}).values()]
    parts += [("folds", values) for values in judged_folds(run).values()]
    return of_bases([(PARTS[name], values) for name, values in parts])


def _folds_table(run: Run) -> Table:
    """Lay out means over folds, with intervals, and each fold's value of the first metric."""
    keys = [key for key in METRICS[run.task] if any(key in each for each in run.metrics["cross_validation"].values())]
    rows = []
    for target, values in list(run.metrics["cross_validation"].items())[:MOST_ROWS]:
        cells = [target]
        for key in keys:
            value = values.get(key) or {}
            mean = {"value": value.get("mean"), "low": value.get("low"), "high": value.get("high")}
            cells.append(interval(mean))
        each = (values.get(keys[0]) or {}).get("folds") or []
        cells.append("  ".join("–" if fold is None else f"{fold:.3f}" for fold in each))
        rows.append(cells)
    first = NAMES[keys[0]] if keys else ""
    return Table(["target", *(f"mean {NAMES[key]}" for key in keys), f"{first} of each fold"], rows)


def _plots(run: Run, part: Part, called: str, metrics: Mapping[str, Mapping[str, Any]]) -> list[Plots]:
    if run.task == "multiclass":
        return [Plots(run.columns[0], _of_classes(run, part, metrics.get(run.columns[0]) or {}))]
    found = []
    for i, target in enumerate(run.target_names[:MOST_TARGETS]):
        rows = curves.known(part.truth[:, i], part.scores[:, i], part.weights)
        truth, scores = part.truth[rows, i], part.scores[rows, i]
        weights = None if part.weights is None else part.weights[rows]
        said = metrics.get(target) or {}
        if run.task == "binary":
            plots = _of_binary(run, i, called, (truth, scores, weights), said)
        else:
            plots = _of_numbers(truth, respond(run.task, scores), said, counts=run.task == "poisson")
        if plots:
            found.append(Plots(target, plots))
    return found


def _of_binary(run: Run, i: int, called: str, own: tuple[Any, Any, Any], said: Mapping[str, Any]) -> list[Chart]:
    truth, scores, weights = own
    if len(np.unique(truth)) < 2:
        return []
    target = run.target_names[i]
    ranked = [Ranked("test" if called == "test" else "validation", truth, scores, weights, said=said)]
    if called == "folds":
        ranked = [_of_part(fold, i, "each fold" if number == 0 else "", said) for number, fold in enumerate(run.folds)]
    elif called == "test" and "valid" in run.held_out:
        of_valid = (run.metrics.get("valid") or {}).get(target) or {}
        ranked.append(_of_part(run.held_out["valid"], i, "validation", of_valid, "c7"))
    elif called == "test" and run.folds:
        of_folds = judged_folds(run).get(target) or {}
        ranked += [_of_part(fold, i, "folds" if k == 0 else "", of_folds, "c7") for k, fold in enumerate(run.folds)]
    drawn = charts.roc_and_pr(ranked)
    extra = [
        charts.distributions(truth, scores, "score (log-odds)"),
        charts.thresholds(truth, scores, "score (log-odds)"),
        charts.calibration(truth, respond("binary", scores)),
    ]
    return [*drawn, *(chart for chart in extra if chart is not None)]


def judged_folds(run: Run) -> dict[str, dict[str, Any]]:
    """Return the means over folds with their intervals, by target."""
    return {
        target: {key: {"value": v.get("mean"), "low": v.get("low"), "high": v.get("high")} for key, v in values.items()}
        for target, values in (run.metrics.get("cross_validation") or {}).items()
    }


def _of_part(part: Part, i: int, label: str, said: Mapping[str, Any], style: str = "c0") -> Ranked:
    rows = curves.known(part.truth[:, i], part.scores[:, i], part.weights)
    weights = None if part.weights is None else part.weights[rows]
    return Ranked(label, part.truth[rows, i], part.scores[rows, i], weights, style, thin=True, said=said)


def _of_numbers(
    truth: NDArray[np.float64], predicted: NDArray[np.float64], said: Mapping[str, Any], *, counts: bool
) -> list[Chart]:
    if len(truth) < 2:
        return []
    extra = [charts.trend(truth, predicted), charts.values(truth, predicted)]
    first = charts.correlation(truth, predicted, said, counts=counts)
    return [first, *(chart for chart in extra if chart is not None)]


def _of_classes(run: Run, part: Part, said: Mapping[str, Any]) -> list[Chart]:
    """Draw each class against the others, the first eight, and how often the likeliest class is right."""
    rows = curves.known(part.truth[:, 0], part.scores[:, 0], part.weights)
    truth, probability = part.truth[rows, 0], respond("multiclass", part.scores[rows])
    weights = None if part.weights is None else part.weights[rows]
    if len(np.unique(truth)) < 2:
        return []
    of_each = said.get("classes") or {}
    ranked = [
        Ranked(name[:30], (truth == i).astype(float), probability[:, i], weights, f"c{i}", said=of_each.get(name))
        for i, name in enumerate(run.target_names[: charts.N_COLOURS])
    ]
    drawn = charts.roc_and_pr([each for each in ranked if each.truth.any()], prevalence=False)
    sure = probability.max(1)
    right = (probability.argmax(1) == truth).astype(float)
    calibrated = charts.calibration(right, sure, "Is the likeliest class right?")
    return drawn if calibrated is None else [*drawn, calibrated]


def _confusion(values: Mapping[str, Any]) -> Confusion | None:
    counts = values.get("confusion") or {}
    if not 2 <= len(counts) <= MOST_CLASSES:
        return None
    rows = []
    for name, row in counts.items():
        total = sum(row.values())
        rows.append((name, [(n, n / total if total else 0.0) for n in row.values()]))
    return Confusion(list(counts), rows)


def _classes(values: Mapping[str, Any]) -> Table | None:
    of_each: Mapping[str, Mapping[str, Any]] = values.get("classes") or {}
    if not of_each:
        return None
    rows = [
        [name, f"{each.get('positives', 0):,}", f"{each.get('prevalence') or 0:.3f}"]
        + [interval(each.get(key)) for key in ("auroc", "auprc")]
        for name, each in list(of_each.items())[:MOST_ROWS]
    ]
    return Table(["class", "n", "share", "AUROC", "AUPRC"], rows, max(0, len(of_each) - MOST_ROWS))


def split_table(run: Run) -> Table:
    """Lay out how many examples each part has, and of classes how many of each."""
    split: Mapping[str, Any] = run.about.get("training", {}).get("split") or {}
    names: Sequence[str] = run.target_names[:8] if run.task in ("binary", "multiclass") else []
    share = run.about.get("training", {}).get("prevalence") or []
    rows = []
    for part, label in (("train", "training"), ("valid", "validation"), ("test", "test")):
        n = split.get(part) or len(run.held_out[part].names if part in run.held_out else ())
        if not n:
            continue
        cells = [label, f"{n:,}"]
        for i in range(len(names)):
            if part == "train":
                cells.append(f"{share[i] * n:,.0f}" if i < len(share) else "")
            else:
                cells.append(_count(run, part, i))
        rows.append(cells)
    if not rows:
        return Table([], [])
    one = run.task == "binary" and len(run.target_names) == 1
    return Table(["part", "sequences", *(["positive"] if one else names)], rows)


def _count(run: Run, part: str, i: int) -> str:
    held = run.held_out.get(part)
    if held is None:
        return ""
    if run.task == "multiclass":
        return f"{int((held.truth[:, 0] == i).sum()):,}"
    return f"{int((held.truth[:, i] == 1).sum()):,}"

"""Several runs beside each other on one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seqcnn.errors import InputError
from seqcnn.models.tasks import respond
from seqcnn.report import charts, course_charts, curves, words
from seqcnn.report.cautions import judged
from seqcnn.report.charts import Chart, Ranked, interval
from seqcnn.report.judgement import MOST_TARGETS, Plots, Table, shown_part
from seqcnn.report.page import environment, shared
from seqcnn.report.run_files import Part, Run
from seqcnn.report.svg_plot import Axis, Plot, spanning
from seqcnn.training.metrics import auroc, pearson

MOST_RUNS: Final = 20
_RESAMPLES: Final = 500
_WORK: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Named:
    """A run with the name and the colour that it has on the page."""

    name: str
    style: str
    run: Run


def render_comparison(runs: Sequence[Run]) -> str:
    """Return a page that sets runs beside each other.

    Raises
    ------
    InputError
        If they predict different kinds of targets.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.task != first.task:
            raise InputError(
                f"predicts {run.task} targets, but {first.path} {first.task} ones: they cannot be compared", run.path
            )
    named = [
        Named(name, f"c{i % charts.N_COLOURS}", run)
        for i, (name, run) in enumerate(zip(_names(runs), runs, strict=True))
    ]
    targets = list(dict.fromkeys(target for run in runs for target in run.columns))
    shown = targets[:MOST_TARGETS]
    metric = words.validation(first)
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            title=f"{len(runs)} runs compared",
            named=named,
            summary=_summary(named, targets),
            cautions=_cautions(named),
            figures=[(target, _figures(named, target)) for target in shown],
            plots=[plots for target in shown if (plots := _plots(named, target)).charts],
            differences=[(target, rows) for target in shown if (rows := _differences(named, target)) is not None],
            left_out=len(targets) - len(shown),
            course=_course(named, metric),
            options=_options(named),
            **shared(),
        )
    )


def _names(runs: Sequence[Run]) -> list[str]:
    """Return the folders' names, with those above them where they are alike."""
    names = [run.name for run in runs]
    paths = [run.path.resolve() for run in runs]
    for depth in range(1, 4):
        if len(set(names)) == len(names):
            break
        names = ["/".join(path.parts[-depth - 1 :]) for path in paths]
    return [words.short(name if names.count(name) == 1 else f"{name} ({i})", 60) for i, name in enumerate(names, 1)]


def _summary(named: Sequence[Named], targets: Sequence[str]) -> str:
    """Say which run is ahead, and whether that is sure."""
    key = words.METRICS[named[0].run.task][0]
    if len(targets) != 1:
        return f"{len(named)} runs of {len(targets)} targets."
    values = []
    for each in named:
        part, metrics = judged(each.run)
        value = (metrics.get(targets[0]) or {}).get(key) or {}
        if value.get("value") is not None:
            values.append((float(value["value"]), each.name, part))
    if len(values) < 2:
        return f"{len(named)} runs; too few of them were tested to say which is best."
    values.sort(reverse=True)
    best, second = values[0], values[1]
    if f"{best[0]:.3f}" == f"{second[0]:.3f}":
        return f"{best[1]} and {second[1]} have the highest {words.NAMES[key]}, {best[0]:.3f}."
    return (
        f"{best[1]} has the highest {words.NAMES[key]}, {best[0]:.3f} ({words.PARTS[best[2]]}); "
        f"next is {second[1]} with {second[0]:.3f}."
    )


def _cautions(named: Sequence[Named]) -> list[tuple[str, str]]:
    """Say what makes figures of these runs no fair comparison."""
    found = []
    parts = {judged(each.run)[0] for each in named}
    if len(parts) > 1:
        said = ", ".join(sorted(words.PARTS[part] for part in parts))
        found.append(("They were not judged in the same way", f"Figures are of {said}."))
    tested = [_tested(each.run) for each in named]
    known = [each for each in tested if each is not None]
    if len(known) == len(named) and any(not _same(known[0], other) for other in known[1:]):
        text = "A difference may come from the sequences. Name the same --test-chroms, or give one --split-file to all."
        found.append(("They were not tested on the same sequences", text))
    made = {str(each.run.record.get("negatives")) for each in named}
    if len(made) > 1:
        text = f"{', '.join(sorted(made))}: figures on different negatives answer different questions."
        found.append(("They have different negatives", text))
    versions = {str(each.run.record.get("seqcnn")) for each in named}
    if len(versions) > 1:
        found.append(("They were made by different versions", ", ".join(sorted(versions))))
    return found


def _tested(run: Run) -> Part | None:
    return shown_part(run, judged(run)[0])


def _same(one: Part, other: Part) -> bool:
    """Say whether two parts hold the same examples, in whatever order; truths decide where names are alike."""
    if len(one.names) != len(other.names) or one.truth.shape != other.truth.shape:
        return False
    rows, others = _order(one), _order(other)
    if not np.array_equal(one.names[rows], other.names[others]):
        return False
    return bool(np.array_equal(one.truth[rows], other.truth[others], equal_nan=True))


def _order(part: Part) -> Any:
    return np.lexsort((*part.truth.T[::-1], part.names.astype(str)))


def _figures(named: Sequence[Named], target: str) -> Table:
    task = named[0].run.task
    keys: tuple[str, ...] = words.METRICS[task]
    if any(words.BASES[0] in (judged(each.run)[1].get(target) or {}) for each in named):
        keys += words.BASES
    rows = []
    for each in named:
        part, metrics = judged(each.run)
        values = metrics.get(target) or {}
        n = values.get("n")
        rows.append(
            [each.name, words.PARTS[part], "" if n is None else f"{n:,}"]
            + [interval(values.get(key)) or str(values.get("problem") or "") for key in keys]
            + [words.duration(each.run.record.get("seconds"))]
        )
    return Table(["run", "judged by", "n", *(words.NAMES[key] for key in keys), "time"], rows)


def _plots(named: Sequence[Named], target: str) -> Plots:
    task = named[0].run.task
    key = words.METRICS[task][0]
    rows = [(each.name, each.style, (judged(each.run)[1].get(target) or {}).get(key) or {}) for each in named]
    found = [charts.dot_plot(rows, words.NAMES[key])] if any(row[2] for row in rows) else []
    if task == "binary":
        found += _curves(named, target)
    return Plots(target, found)


def _curves(named: Sequence[Named], target: str) -> list[Chart]:
    ranked = []
    for each in named:
        part, metrics = judged(each.run)
        scores = _tested(each.run)
        if scores is None or target not in each.run.target_names:
            continue
        i = each.run.target_names.index(target)
        rows = curves.known(scores.truth[:, i], scores.scores[:, i], scores.weights)
        weights = None if scores.weights is None else scores.weights[rows]
        truth = scores.truth[rows, i]
        said = metrics.get(target) or {}
        name = f"{each.name} ({words.PARTS[part]})" if part != "test" else each.name
        ranked.append(Ranked(name, truth, scores.scores[rows, i], weights, each.style, said=said))
    return charts.roc_and_pr(ranked, bands=len(ranked) <= 3) if ranked else []


def _differences(named: Sequence[Named], target: str) -> Table | None:
    """Lay out by how much runs differ from the first, where they were judged on the same examples.

    Both are measured on the same resampled examples, so that what is hard for both counts for neither.
    """
    task = named[0].run.task
    if task not in ("binary", "regression", "poisson"):
        return None
    measure = auroc if task == "binary" else pearson
    first, base = _aligned(named[0], target), _tested(named[0].run)
    rows = []
    for each in named[1:]:
        other, part = _aligned(each, target), _tested(each.run)
        if first is None or other is None or base is None or part is None or not _same(base, part):
            continue
        there = ~np.isnan(first[0]) & ~np.isnan(first[1]) & ~np.isnan(other[1])
        truth, one, two = first[0][there], first[1][there], other[1][there]
        if len(truth) < 2:
            continue
        rng = np.random.default_rng([0, 97])
        n_drawn = int(np.clip(_WORK // len(truth), 20, _RESAMPLES))
        drawn = []
        for _ in range(n_drawn):
            rows_drawn = rng.integers(0, len(truth), len(truth))
            sample = truth[rows_drawn]
            drawn.append(measure(sample, two[rows_drawn]) - measure(sample, one[rows_drawn]))
        known = np.array(drawn)[~np.isnan(drawn)]
        if not len(known):
            continue
        low, high = np.percentile(known, [2.5, 97.5])
        value = measure(truth, two) - measure(truth, one)
        verdict = "better" if low > 0 else "worse" if high < 0 else "no sure difference"
        rows.append([each.name, _signed(value), f"{_signed(low)} to {_signed(high)}", verdict])
    if not rows:
        return None
    name = words.NAMES["auroc" if task == "binary" else "pearson"]
    return Table(["run", f"{name} less that of {named[0].name}", "95 % interval", ""], rows)


def _signed(value: float) -> str:
    text = f"{value:+.3f}"
    return "0.000" if text[1:] == "0.000" else text.replace("-", "−")


def _aligned(each: Named, target: str) -> tuple[Any, Any] | None:
    """Return truths and predictions of a target in an order that the same examples have in every run."""
    part = _tested(each.run)
    if part is None or target not in each.run.target_names:
        return None
    i, rows = each.run.target_names.index(target), _order(part)
    predicted = part.scores[rows, i]
    return part.truth[rows, i], respond("poisson", predicted) if each.run.task == "poisson" else predicted


def _course(named: Sequence[Named], metric: str) -> list[Chart]:
    """Draw the mean course of each run."""
    found = []
    for column, label in (
        ("training_loss", "training loss"),
        ("validation_loss", "validation loss"),
        ("validation_score", f"validation {metric}"),
    ):
        lines = []
        for each in named:
            history = each.run.history
            if history is not None and column in history and np.isfinite(history[column]).any():
                lines.append((each, history.groupby("epoch")[column].mean()))
        if lines:
            last = max(2, *(int(mean.index.max()) for _, mean in lines))
            low, high = spanning([course_charts.usual(mean) for _, mean in lines])
            plot = Plot(course_charts.epochs(last), Axis(label, low, high), label, left=40)
            for each, mean in lines:
                plot.line(mean.index, mean.clip(low, high), each.style)
            key = [charts.Key(each.style, each.name) for each, _ in lines]
            found.append(Chart(label[0].upper() + label[1:], plot.render(), key))
    return found


def _options(named: Sequence[Named]) -> Table:
    """Lay out the options in which the runs differ."""
    given: list[Mapping[str, Any]] = [dict(words.options_table(each.run.record)) for each in named]
    names = sorted({name for each in given for name in each} - {"--device", "--threads"})
    rows = [["data", *(words.file_names(each.run.record) for each in named)]]
    rows.append(["command", *(str(each.run.record.get("command")) for each in named)])
    for name in names:
        cells = [each.get(name, "–") for each in given]
        if len(set(cells)) > 1:
            rows.append([name, *cells])
    rows = [row for row in rows if len(set(row[1:])) > 1]
    return Table(["", *(each.name for each in named)], rows)

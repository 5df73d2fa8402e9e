"""The report of a run as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seqcnn.errors import InputError
from seqcnn.report import course_charts, words
from seqcnn.report.cautions import find
from seqcnn.report.judgement import Table, judge, of_bases, split_table, table
from seqcnn.report.motif_section import Motifs, is_accession
from seqcnn.report.mutation_section import Mutations
from seqcnn.report.run_files import Run, read_json
from seqcnn.report.svg_letters import definitions
from seqcnn.sequence.contexts import CONTEXTS, NAMES
from seqcnn.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_TRIALS: Final = 10
MOST_NOTES: Final = 40
MOST_INPUTS: Final = 40


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate --output` wrote.

    Parameters
    ----------
    path, data : str
        The file; what was judged on.
    metrics : mapping
        By target.
    table : Table
    bases : Table or None
        How well bound bases are told from others.
    """

    path: str
    data: str
    metrics: Mapping[str, Mapping[str, Any]]
    table: Table
    bases: Table | None = None


def read_evaluation(path: Path, task: str) -> Evaluation:
    """Read a file that evaluate has written.

    Raises
    ------
    InputError
        If it is something else.
    """
    record = read_json(path)
    if record.get("command") != "evaluate" or not isinstance(record.get("metrics"), Mapping):
        raise InputError("is not what evaluate --output has written", path)
    data = words.file_names({"inputs": [each for each in record.get("inputs") or [] if each.get("sha256")]})
    chroms = (record.get("options") or {}).get("chroms")
    if chroms:
        data += f", {', '.join(map(str, chroms))}"
    metrics: Mapping[str, Mapping[str, Any]] = record["metrics"]
    return Evaluation(str(path), data, metrics, table(metrics, task), of_bases(list(metrics.items())))


def render_report(
    run: Run,
    motifs: Motifs | None = None,
    mutations: Mutations | None = None,
    evaluations: Sequence[Evaluation] = (),
) -> str:
    """Return the page.

    Parameters
    ----------
    run : Run
    motifs : Motifs, optional
    mutations : Mutations, optional
    evaluations : sequence of Evaluation
        A run of which nothing was held out is judged by the first.
    """
    if evaluations:
        run = replace(run, metrics={**run.metrics, "elsewhere": evaluations[0].metrics})
    best = [epoch for row in run.record.get("best_epoch") or [] for epoch in (row if isinstance(row, list) else [row])]
    metric = words.validation(run)
    course = []
    if run.history is not None:
        found = (course_charts.losses(run.history, best), course_charts.validation(run.history, best, metric))
        course = [chart for chart in found if chart is not None]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=run.name,
            headline=words.headline(run),
            tiles=words.tiles(run),
            facts=words.facts(run),
            cautions=find(run, motifs),
            judgement=judge(run),
            course=course,
            motifs=motifs,
            contexts=tuple(zip(CONTEXTS, NAMES, strict=True)),
            mutations=mutations,
            trials=_trials(run, metric),
            evaluations=evaluations,
            split=split_table(run),
            details=_details(run),
            **shared(),
        )
    )


def shared() -> dict[str, Any]:
    """Return what every page has: letters, style, script, version, date."""
    return {
        "letters": definitions(),
        "style": _text("style.css"),
        "script": _text("page.js"),
        "parts": words.PARTS,
        "version": __version__,
        "today": date.today().isoformat(),
        "is_accession": is_accession,
    }


def _trials(run: Run, metric: str) -> dict[str, Any] | None:
    if run.trials is None:
        return None
    shown = run.trials.drop(columns=[name for name in map(str, run.trials) if name.startswith("fold_")]).head(
        MOST_TRIALS
    )
    rows = [[_cell(name, value) for name, value in line.items()] for line in shown.to_dict("records")]
    header = [str(name).replace("_", " ") for name in shown.columns]
    return {"charts": course_charts.trials(run.trials, metric), "header": header, "rows": rows, "n": len(run.trials)}


def _cell(name: object, value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value != value:
            return "–"
        return f"{value:.4f}" if name in ("mean", "sd") else f"{value:.3g}"
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return words.short(value, 40)


def _details(run: Run) -> dict[str, Any]:
    """Return what stands at the end: how to do it again."""
    record = run.record
    counts = {name: n for name, n in (record.get("counts") or {}).items() if n}
    notes = [words.short(note, 300) for note in record.get("notes") or []]
    return {
        "command": words.command_line(record),
        "options": words.options_table(record),
        "counts": [(name, f"{n:,}" if isinstance(n, int) else words.short(n, 200)) for name, n in counts.items()],
        "notes": notes[:MOST_NOTES],
        "inputs": [
            (words.short(each.get("path"), 200), each.get("sha256") or "")
            for each in (record.get("inputs") or [])[:MOST_INPUTS]
        ],
        "path": words.short(run.path, 200),
    }


@cache
def environment() -> Environment:
    """Return what templates are read with: all that is not marked as HTML is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("seqcnn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["short"] = words.short
    found.filters["compact"] = compact
    return found


def compact(value: float | None, digits: int = 3) -> str:
    """Write a number in a table's cell: three significant figures, a true minus, a dash for nothing."""
    if value is None:
        return "–"
    if value and abs(value) < 1e-3:
        text = f"{value:.0e}".replace("e-0", "e-")
    else:
        text = f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


def _text(name: str) -> str:
    return (resources.files("seqcnn.report") / "templates" / name).read_text(encoding="utf-8")

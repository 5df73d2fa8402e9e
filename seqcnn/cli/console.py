"""Messages and progress on standard error."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from seqcnn.dataset.sources import Tally


class Reporter:
    """Says what is done on standard error; progress is shown on a terminal only.

    Parameters
    ----------
    quiet, verbose : bool
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        self.on_terminal = sys.stderr.isatty() and not quiet
        self._said = 0

    def say(self, text: str) -> None:
        """Write a line."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def detail(self, text: str) -> None:
        """Write a line if asked for more."""
        if self.verbose:
            self.say(text)

    def notes(self, tally: Tally) -> None:
        """Write the notes of reading that have not been said, and what was left out or changed."""
        for note in tally.notes[self._said :]:
            self.say(note)
        self._said = len(tally.notes)

    def counts(self, tally: Tally) -> None:
        """Write the counts that a user should know of; with --verbose, all."""
        for name, count in changed(tally.counts).items():
            self.say(f"{count:,} {name}")
        if self.verbose:
            for name, count in tally.counts.items():
                self.say(f"  {name}: {count:,}")

    @contextmanager
    def progress(self, what: str, total: int | None = None, unit: str = "sequences") -> Iterator[Advance]:
        """Show how far a long work is, with rate and time left."""
        with Advance(self, what, total, unit) as advance:
            yield advance


def changed(counts: Counter[str]) -> dict[str, int]:
    """Return the counts of what was left out, filled up or read as something else."""
    words = ("left out", "read as N", "filled up", "equal to their positive")
    return {name: n for name, n in counts.items() if n and any(word in name for word in words)}


class Advance:
    """A progress line: units done, rate, time left."""

    def __init__(self, reporter: Reporter, what: str, total: int | None, unit: str = "sequences") -> None:
        columns: list[ProgressColumn] = [TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(bar_width=24), MofNCompleteColumn()]
        else:
            columns += [TextColumn("{task.completed:,}")]
        columns += [_Rate(unit), TimeElapsedColumn()]
        if total is not None:
            columns += [TextColumn("left"), TimeRemainingColumn()]
        self._shown = reporter.on_terminal
        self._progress = Progress(
            *columns, console=reporter.console, transient=True, disable=not self._shown, refresh_per_second=4
        )
        self._task = self._progress.add_task(what, total=total)
        self._completed = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def to(self, completed: int, description: str | None = None) -> None:
        """Move to this many."""
        self._completed = completed
        if self._shown:  # a step of a small fit takes less than a millisecond
            self._progress.update(self._task, completed=completed, description=description)

    def by(self, n: int) -> None:
        """Move on by this many."""
        self.to(self._completed + n)


class _Rate(ProgressColumn):
    """Units a second, found only when the line is drawn."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} {self._unit}/s" if task.speed else "")


def align(rows: Iterable[tuple[str, Any]]) -> str:
    """Lay names and values out in two columns."""
    rows = [(name, str(value)) for name, value in rows]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out the metrics of each target, with 95% intervals."""
    rows: list[tuple[str, Any]] = []
    for target, values in metrics.items():
        rows.append(("target", target))
        for name, value in values.items():
            if name == "confusion":
                rows.append(("  true class", "taken for"))
                rows += [(f"    {truth}", _taken_for(counts)) for truth, counts in value.items()]
            elif name == "classes":
                for called, of_class in value.items():
                    rows += [(f"  {metric} of {called}", _shown(of_class[metric])) for metric in ("auroc", "auprc")]
            else:
                rows.append((f"  {name}", _shown(value)))
    return align(rows)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['value']:.4f}  ({value['low']:.4f} to {value['high']:.4f})"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _taken_for(counts: Mapping[str, int]) -> str:
    """Say how many examples of a class are taken for which, most first."""
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{n:,} {name}" for name, n in ordered if n) or "0"


def folds_table(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out each metric's mean over folds, with its 95% interval, and each fold's value."""
    rows: list[tuple[str, Any]] = []
    for target, metrics in summary.items():
        rows.append(("target", target))
        for name, value in metrics.items():
            each = " ".join(f"{fold:.4f}" for fold in value["folds"])
            rows.append((f"  {name}", f"{value['mean']:.4f}  ({value['low']:.4f} to {value['high']:.4f})  of {each}"))
    return align(rows)

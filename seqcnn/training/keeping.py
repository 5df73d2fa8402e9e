"""When a fit is saved: at intervals, and when the process is told to stop."""

from __future__ import annotations

import glob
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Final

import torch

from seqcnn.errors import InputError, Interrupted, OutputError
from seqcnn.formats.output import describe, remove_unfinished
from seqcnn.signals import listening
from seqcnn.training import checkpoint, parallel
from seqcnn.training.fingerprint import fingerprint
from seqcnn.training.fit import Fit

MOST_TIME: Final = 0.01
"""Share of the time that saving may take; where it takes more, it is done less often."""


class Keeper:
    """Keeps a fit in a file while it runs, and has it go on from there.

    Parameters
    ----------
    path : str or path
        The checkpoint; whoever has made something lasting of the fit removes it with :meth:`remove`.
    seconds : float
        Time between two checkpoints; 0 to write one only when told to stop. More where writing takes more than
        :data:`MOST_TIME` of it.
    resume : bool
        Go on from the checkpoint if there is one; else one that is there is removed.
    also : mapping, optional
        See :func:`seqcnn.training.fingerprint.fingerprint`.
    lasting : bool
        Write one at the end too: whoever has several fits to do need not do again those that are done.
    name : str
        Which of several fits it is.
    on_resume : callable, optional
        Called with a fit that has been restored, and its name.
    warn : callable, optional
        Told in one line of a checkpoint that could not be written; the fit goes on.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        seconds: float = 60.0,
        resume: bool = False,
        also: Mapping[str, Any] | None = None,
        lasting: bool = False,
        name: str = "",
        on_resume: Callable[[Fit, str], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.path, self.seconds, self.resume, self.also = Path(path), seconds, resume, also
        self.lasting, self.name, self.on_resume, self.warn = lasting, name, on_resume, warn
        self._signal = 0
        self._due = math.inf
        self.writes = True
        """Whether this is the one process, of those that do a fit together, that writes."""
        self._fingerprint: dict[str, Any] = {}

    def part(self, name: str) -> Keeper:
        """Return what keeps one of several fits, such as "fold 2": with a file of its own, until all are removed."""
        path = self.path.with_name(f"{self.path.stem}.{name.replace(' ', '-')}{self.path.suffix}")
        return Keeper(
            path,
            seconds=self.seconds,
            resume=self.resume,
            also=self.also,
            lasting=True,
            name=name,
            on_resume=self.on_resume,
            warn=self.warn,
        )

    @contextmanager
    def keeping(self, fit: Fit) -> Iterator[Callable[[Fit], None]]:
        """Restore a fit, and yield what :meth:`seqcnn.training.fit.Fit.run` is to call after every step.

        Raises
        ------
        Interrupted
            When the process was told to stop, and the fit has been saved.
        InputError, UsageError
            If the checkpoint cannot be gone on from.
        """
        group = parallel.current()
        self.writes = group.rank == 0
        self._fingerprint = fingerprint(fit, self.also)
        if self.writes:
            remove_unfinished(self.path)
        if self.resume and self.path.exists():
            checkpoint.restore(fit, self.path, self._fingerprint)
            if self.on_resume is not None:
                self.on_resume(fit, self.name)
        elif self.writes:
            self.path.unlink(missing_ok=True)
        _check_together(fit, group)
        self._signal = 0
        self._set_due(0.0)
        with listening(self._hear):
            try:
                yield self._on_step
            except Exception as error:
                if self._signal and not self.writes and not isinstance(error, Interrupted):
                    raise self._stop(fit) from error  # the process that writes has stopped first
                raise
            if self._signal or (self.writes and (self.lasting or self.path.exists())):
                self._save(fit)  # what comes now may take long too

    def remove(self) -> None:
        """Remove the checkpoint, and those of parts."""
        if parallel.current().rank == 0:
            for path in find(self.path):
                path.unlink(missing_ok=True)

    def _hear(self, number: int) -> bool:
        """Take note of the first signal; the second one is for whoever listened before."""
        first = not self._signal
        self._signal = self._signal or number
        return first

    def _on_step(self, fit: Fit) -> None:
        if self.writes and (self._signal or time.monotonic() >= self._due):
            self._save(fit)

    def _save(self, fit: Fit) -> None:
        """Save the fit; then stop if told to."""
        began, problem = time.monotonic(), ""
        if self.writes:
            try:
                checkpoint.save(fit, self.path, self._fingerprint)
            except OutputError as error:
                problem = str(error)
            except OSError as error:  # such as a file server that does not answer; it may, next time
                problem = f"{self.path}: cannot write ({describe(error)})"
            self._set_due(time.monotonic() - began)
        if self._signal:
            raise self._stop(fit, problem)
        if problem and self.warn is not None:
            self.warn(f"{problem}; training goes on without a new checkpoint")

    def _set_due(self, took: float) -> None:
        self._due = time.monotonic() + max(self.seconds, took / MOST_TIME) if self.seconds > 0 else math.inf

    def _stop(self, fit: Fit, problem: str = "") -> Interrupted:
        where = place(fit) + f" ({self.name})" * bool(self.name)
        if not problem:
            return Interrupted(f"interrupted {where}; the same command with --resume goes on from there", self._signal)
        further = "goes on from the checkpoint before" if self.path.exists() else "begins anew"
        return Interrupted(f"interrupted {where}; {problem}; the same command with --resume {further}", self._signal)


def _check_together(fit: Fit, group: parallel.Group) -> None:
    """Refuse to go on if another process of the group is elsewhere.

    Raises
    ------
    InputError
        Where only the first process can read the checkpoint.
    """
    theirs = torch.tensor(fit.optimiser.steps_done, device=fit.optimiser.weights.device)
    group.agree(theirs)
    if int(theirs) != fit.optimiser.steps_done:
        raise InputError(
            f"process {group.rank + 1} of {group.size} has not the checkpoint of the first one; put --output where all "
            "hosts can read it"
        )


def find(path: Path) -> list[Path]:
    """Return the checkpoints that there are under this name: itself, and those of parts."""
    return [path] * path.exists() + sorted(path.parent.glob(f"{glob.escape(path.stem)}.*{path.suffix}"))


def place(fit: Fit) -> str:
    """Say in words where a fit is."""
    if fit.over or fit.epoch == fit.plan.epochs:
        return "after the last epoch"
    if not fit.losses:
        return f"after epoch {fit.epoch} of {fit.plan.epochs}"
    return f"in epoch {fit.epoch + 1} of {fit.plan.epochs}, after batch {len(fit.losses)} of {fit.feed.n_batches}"

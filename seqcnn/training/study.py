"""A calibration shared by any number of workers: processes, on any hosts, that see one journal.

Settings are drawn as in a calibration of one process; the journal says who trains which, and what came of it. To claim
a setting a worker begins an attempt at it: of several that run, the first in the journal counts, and the others are
given up. What a lost worker has begun is given up for it, so that it can be claimed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from seqcnn.training.fingerprint import check_same
from seqcnn.training.journal import Attempt, Journal
from seqcnn.training.ledger import to_json, to_scores
from seqcnn.training.search import Space
from seqcnn.training.signs import Signs, shown
from seqcnn.training.trials import Trial

MODEL: Final = "model"
"""The last piece of work: training the best settings on everything."""

_BEGUN: Final = "calibration of "


class Holder(NamedTuple):
    """Who trains the model.

    Parameters
    ----------
    worker : str
        Host and process.
    output : str
        Folder that the model is written to.
    done : bool
        Whether it is there.
    """

    worker: str
    output: str
    done: bool


class Study:
    """One worker's view of a study; to be entered to take part.

    Parameters
    ----------
    path : str or path
        Its journal, which is made if it is not there.
    fingerprint : mapping
        Of the calibration, see :func:`seqcnn.training.calibrate.fingerprint`.
    trials : sequence of Trial
        All of the calibration. Scores come into those that this worker claims.
    space : Space
    lost_after : float
        Seconds without a sign of life after which a worker is lost.

    Raises
    ------
    InputError, OutputError
        If the file is not a journal, or cannot be read or written.
    UsageError
        If it is the study of another calibration; says what differs. Or optuna is not installed.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        fingerprint: Mapping[str, Any],
        trials: Sequence[Trial],
        space: Space,
        *,
        lost_after: float,
    ) -> None:
        self.journal, self.space = Journal(path), space
        self.signs = Signs(self.journal, lost_after)
        shapes = list(dict.fromkeys(trial.shape for trial in trials))
        in_order = sorted(trials, key=lambda trial: (shapes.index(trial.shape), trial.number))
        self.trials = {_name(trial): trial for trial in in_order}
        self._claimed: dict[str, int] = {}
        if not self._begun():
            self.journal.say(_BEGUN + self.signs.worker, dict(fingerprint))
        check_same(self._begun()[0], fingerprint, path, otherwise="name another file with --study")

    def _begun(self) -> list[Any]:
        """Return the fingerprints of workers that found none before; the first one is the study's."""
        return [value for name, value in self.journal.said().items() if name.startswith(_BEGUN)]

    def __enter__(self) -> Self:
        self.signs.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave; what was claimed and is not done can be claimed by others at once."""
        self.signs.__exit__(kind, error, at)
        with suppress(OSError):  # others find out that we are lost
            for each in self.journal.attempts():
                if each.state == "RUNNING" and each.notes.get("worker") == self.signs.worker:
                    self.journal.end(each.number, "FAIL")

    def claim(self, n: int, on_wait: Callable[[Sequence[str]], None] | None = None) -> list[Trial]:
        """Return at most `n` trials that this worker is to do, with the scores that they have; none if all are done.

        Waits while others do all that is left.

        Parameters
        ----------
        n : int
            Trials of one shape come together, as far as they can.
        on_wait : callable, optional
            Called once if it waits, with the workers that it waits for.
        """
        while True:
            attempts = self._attempts()
            holders = {name: _holder(attempts.get(name, ())) for name in self.trials}
            free = [name for name, holder in holders.items() if holder is None][:n]
            if free:
                if won := [name for name in free if self._begin(name, {}, attempts.get(name, ()))]:
                    return [self.trials[name] for name in won]
                continue
            running = [holder for holder in holders.values() if holder is not None and not holder.done]
            if not running:
                return []
            if not self._give_up_lost(running):
                if on_wait is not None:
                    on_wait(sorted({shown(each.notes["worker"]) for each in running}))
                    on_wait = None
                self.signs.wait()

    def record(self, trial: Trial) -> None:
        """Write the scores that a claimed trial has so far, which stay if this worker is lost."""
        number = self._claimed.get(_name(trial))
        if number is not None and not self.journal.note(number, "scores", to_json(trial.scores)):
            del self._claimed[_name(trial)]

    def finish(self, trial: Trial) -> bool:
        """Write that a claimed trial is done; return False if it was taken away, as no sign of life was seen."""
        self.record(trial)
        number = self._claimed.pop(_name(trial), None)
        mean = trial.best_checkpoint()[1]
        state, value = ("COMPLETE", mean) if mean == mean else ("PRUNED", None)
        return number is not None and self.journal.end(number, state, value)

    def load(self) -> None:
        """Put the scores of all trials, whoever did them, into the trials."""
        attempts = self._attempts()
        for name, trial in self.trials.items():
            trial.scores |= _scores(attempts.get(name, ()))

    def claim_model(self, output: str, *, again: bool = False) -> Holder | None:
        """Return who trains the model, or None if this worker is to.

        What another has claimed is his if a sign of life comes, for which this waits.

        Parameters
        ----------
        output : str
            Folder that this worker would write it to.
        again : bool
            It is to be trained again if it is done.
        """
        past = {each.number for each in self._attempts().get(MODEL, ()) if again and each.done}
        while True:
            attempts = [each for each in self._attempts().get(MODEL, ()) if each.number not in past]
            holder = _holder(attempts)
            if holder is None:
                if self._begin(MODEL, {"output": output}, (), past):
                    return None
            elif holder.done or self.signs.is_alive(holder.notes["worker"]):
                return Holder(shown(holder.notes["worker"]), str(holder.notes["output"]), holder.done)
            elif not self._give_up_lost([holder]):
                self.signs.wait()

    def finish_model(self, score: float) -> None:
        """Write that the model is there."""
        number = self._claimed.pop(MODEL, None)
        if number is not None:
            self.journal.end(number, "COMPLETE", score)

    def _attempts(self) -> dict[str, list[Attempt]]:
        """Return the attempts at each piece of work."""
        found: dict[str, list[Attempt]] = {}
        for attempt in self.journal.attempts():
            found.setdefault(str(attempt.notes.get("work")), []).append(attempt)
        return found

    def _begin(
        self,
        name: str,
        notes: Mapping[str, Any],
        before: Iterable[Attempt],
        past: Set[int] = frozenset(),
    ) -> bool:
        """Begin an attempt; return whether it counts."""
        trial = self.trials.get(name)
        settings = {} if trial is None else trial.settings
        known = {} if trial is None else {"settings": settings, "scores": to_json(trial.scores | _scores(before))}
        notes = {"work": name, "worker": self.signs.worker, **known, **notes}
        number = self.journal.begin(notes, settings, self.space)
        holder = _holder(each for each in self._attempts()[name] if each.number not in past)
        if holder is None or holder.number != number:
            self.journal.end(number, "FAIL")
            return False
        if trial is not None:
            trial.scores |= _scores(before)
        self._claimed[name] = number
        return True

    def _give_up_lost(self, running: Iterable[Attempt]) -> bool:
        """Give up what lost workers have begun; return whether there was such."""
        lost = [each for each in running if self.signs.is_lost(each.notes["worker"])]
        for each in lost:
            self.journal.end(each.number, "FAIL")
        return bool(lost)


def find_outputs(path: str | PathLike[str]) -> list[str]:
    """Return the folders that a study's model was, or is to be, written to."""
    attempts = Journal(path).attempts()
    return [str(each.notes["output"]) for each in attempts if "output" in each.notes]


def _name(trial: Trial) -> str:
    return f"trial {trial.number + 1}"


def _holder(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the attempt that counts: the first that was not given up."""
    return next((each for each in attempts if each.state != "FAIL"), None)


def _scores(attempts: Iterable[Attempt]) -> dict[int, list[float]]:
    """Return the scores that attempts have left, whether they were given up or not."""
    found: dict[int, list[float]] = {}
    for each in attempts:
        found |= to_scores(each.notes.get("scores", {}))
    return found

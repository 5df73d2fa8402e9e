"""What workers write of the pieces of a common work, in a file that all of them see: an optuna journal.

This is all of seqcnn that knows optuna. A piece of work is a trial there, and so is every further attempt at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seqcnn.errors import InputError, OutputError, UsageError
from seqcnn.formats.output import describe
from seqcnn.signals import held
from seqcnn.training.search import Range, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import JournalStorage

NAME: Final = "seqcnn calibration"

_NO_JOURNAL: Final = (ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What reading a file that is no journal may raise."""


class Attempt(NamedTuple):
    """An attempt at a piece of work.

    Parameters
    ----------
    number : int
        Later ones have higher numbers.
    state : str
        RUNNING; COMPLETE, or PRUNED where it has no value; FAIL if it was given up.
    notes : mapping
    """

    number: int
    state: str
    notes: Mapping[str, Any]

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self.state in ("COMPLETE", "PRUNED")


class Journal:
    """A study in a file; what is being read or written when a signal comes is read or written first.

    Parameters
    ----------
    path : str or path
        Is made if it is not there.

    Raises
    ------
    InputError, OutputError
        If the file is not a journal, or cannot be read or written.
    UsageError
        If optuna is not installed.
    """

    @held()
    def __init__(self, path: str | PathLike[str]) -> None:
        self.storage = _open(fspath(path))
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        with suppress(DuplicatedStudyError):
            self.storage.create_new_study([StudyDirection.MAXIMIZE], NAME)
        self.study = self.storage.get_study_id_from_name(NAME)

    @held()
    def say(self, name: str, value: Any) -> None:
        """Write something that is not of one attempt; what JSON has."""
        self.storage.set_study_user_attr(self.study, name, value)

    @held()
    def said(self) -> dict[str, Any]:
        """Return what was said, what was said first before what was said later; of a name the last value."""
        return dict(self.storage.get_study_user_attrs(self.study))

    @held()
    def begin(self, notes: Mapping[str, Any], settings: Mapping[str, Any], space: Space) -> int:
        """Write that an attempt begins, with notes and settings; return its number."""
        from optuna.trial import TrialState, create_trial

        fits = [name for name, value in settings.items() if name in space and _holds(space[name], value)]
        trial = create_trial(
            state=TrialState.RUNNING,
            params={name: settings[name] for name in fits},
            distributions={name: _distribution(space[name]) for name in fits},
            user_attrs=dict(notes),
        )
        return self.storage.get_trial(self.storage.create_new_trial(self.study, trial)).number

    @held()
    def attempts(self) -> list[Attempt]:
        """Return all attempts, in order."""
        trials = self.storage.get_all_trials(self.study, deepcopy=False)
        return [Attempt(trial.number, trial.state.name, trial.user_attrs) for trial in trials]

    @held()
    def note(self, number: int, name: str, value: Any) -> bool:
        """Write something to a running attempt; return False if it is over."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self.storage.set_trial_user_attr(self._id(number), name, value)
        except UpdateFinishedTrialError:
            return False
        return True

    @held()
    def end(self, number: int, state: str, value: float | None = None) -> bool:
        """Write that a running attempt is over; return False if it was already: of several who try, one succeeds."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        values = None if value is None else [value]
        try:
            self.storage.set_trial_state_values(self._id(number), TrialState[state], values)
        except UpdateFinishedTrialError:
            return False
        return True

    def _id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study, number)


def _open(path: str) -> JournalStorage:
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise UsageError("--study needs optuna, which is not installed: pip install 'seqcnn[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return JournalStorage(JournalFileBackend(path))
    except OSError as error:
        raise OutputError(f"{path}: cannot read and write it ({describe(error)}); see --study") from error
    except _NO_JOURNAL as error:
        raise InputError(
            f"is not an optuna journal, or is damaged ({type(error).__name__}: {error})",
            path,
            hint="name another file with --study",
        ) from error


def _distribution(choice: Range | tuple[Any, ...]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(choice, Range):
        return CategoricalDistribution(tuple(dict.fromkeys(choice)))
    if isinstance(choice.low, int):
        return IntDistribution(choice.low, int(choice.high), log=choice.log)
    return FloatDistribution(choice.low, choice.high, log=choice.log)


def _holds(choice: Range | tuple[Any, ...], value: Any) -> bool:
    """Say whether a value can be drawn; the first trial's need not."""
    if isinstance(choice, Range):
        return value is not None and choice.low <= value <= choice.high
    return value in choice

"""The exception tree: every error a user can cause, as one line that says what, where and what to do.

SeqcnnError              exit 1
├── InputError           something is wrong in a file or in the data
│   └── ModelFileError   a file is not a model, or a damaged one
├── OutputError          a result cannot be written
├── TrainingError        the fit cannot go on (NaN loss, one class only)
├── DeviceError          the device that was asked for is not there
├── Interrupted          exit 128 + signal: told to stop, and what was done is kept
└── UsageError           exit 2: options that contradict each other or the input
"""

from __future__ import annotations

from os import PathLike, fspath


class SeqcnnError(Exception):
    """Base of all errors that are reported to the user as one line."""

    exit_code = 1


class InputError(SeqcnnError):
    """A file or the data in it cannot be used.

    Parameters
    ----------
    message : str
        What was found, in one line.
    path : str or path, optional
        The file.
    line : int, optional
        1-based line in that file.
    hint : str, optional
        What to do about it.
    """

    def __init__(
        self, message: str, path: str | PathLike[str] | None = None, line: int | None = None, hint: str | None = None
    ) -> None:
        where = ""
        if path is not None:
            where = fspath(path) + (f":{line}" if line is not None else "") + ": "
        super().__init__(where + message + (f"; {hint}" if hint else ""))


class ModelFileError(InputError):
    """A file is not a seqcnn model, or is damaged."""


class OutputError(SeqcnnError):
    """A result cannot be written."""


class TrainingError(SeqcnnError):
    """The fit cannot start or go on."""


class DeviceError(SeqcnnError):
    """The device that was asked for is not there."""


class Interrupted(SeqcnnError):  # noqa: N818 (nothing went wrong)
    """The process was told to stop by a signal, and what was done is kept.

    Parameters
    ----------
    message : str
        Where, and how to go on.
    number : int
        The signal.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class UsageError(SeqcnnError):
    """Options that contradict each other or the input."""

    exit_code = 2

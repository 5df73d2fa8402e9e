"""The scores of finished trials in a file, so that a calibration that was killed need not do them again."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from seqcnn.errors import InputError
from seqcnn.formats.output import atomic_path, remove_unfinished, sync
from seqcnn.training.fingerprint import check_same
from seqcnn.training.trials import Trial

FORMAT: Final = "seqcnn trials"
VERSION: Final = 1
FILE_NAME: Final = "calibration.json"


class Ledger:
    """Keeps scores.

    Parameters
    ----------
    path : str or path
    fingerprint : mapping
        Of the calibration, see :func:`seqcnn.training.calibrate.fingerprint`.
    """

    def __init__(self, path: str | PathLike[str], fingerprint: Mapping[str, Any]) -> None:
        self.path, self.fingerprint = Path(path), fingerprint

    def read(self, trials: Sequence[Trial]) -> int:
        """Put the scores that are kept into trials; return of how many fits of one trial on one fold there are such.

        Raises
        ------
        InputError
            If the file is damaged.
        UsageError
            If it is of another calibration; says what differs.
        """
        if not self.path.exists():
            return 0
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if (content["format"], content["version"]) != (FORMAT, VERSION):
                raise ValueError(f"{content['format']}, version {content['version']}, is not what this seqcnn reads")
            before = dict(content["fingerprint"])
            kept = [to_scores(content["scores"].get(str(trial.number + 1), {})) for trial in trials]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"is not what a calibration keeps, or is damaged ({error})", self.path, hint="begin anew with --force"
            ) from error
        check_same(before, self.fingerprint, self.path)
        for trial, scores in zip(trials, kept, strict=True):
            trial.scores |= scores
        return sum(map(len, kept))

    def write(self, trials: Sequence[Trial]) -> None:
        """Keep the scores of trials; the file before stays until this one is safe on the disk.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        scores = {str(trial.number + 1): to_json(trial.scores) for trial in trials if trial.scores}
        content = {"format": FORMAT, "version": VERSION, "fingerprint": dict(self.fingerprint), "scores": scores}
        with atomic_path(self.path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            sync(temporary)
        sync(Path(os.path.realpath(self.path)).parent)

    def remove(self) -> None:
        """Remove the file, as it is not needed any more."""
        remove_unfinished(self.path)
        self.path.unlink(missing_ok=True)


def to_json(scores: Mapping[int, Sequence[float]]) -> dict[str, list[float | None]]:
    """Return a trial's scores as JSON has them: folds from 1 as text, null for NaN."""
    return {str(fold + 1): [None if math.isnan(score) else score for score in scores[fold]] for fold in sorted(scores)}


def to_scores(found: Mapping[str, Sequence[float | None]]) -> dict[int, list[float]]:
    """Return a trial's scores from JSON."""
    return {
        int(fold) - 1: [math.nan if score is None else float(score) for score in scores]
        for fold, scores in found.items()
    }

"""What calibration leaves of its trials: a table, a picture, and the options of each."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from seqcnn.dataset.negatives import METHODS
from seqcnn.formats.output import atomic_path
from seqcnn.report.trials import draw_trials
from seqcnn.training.trials import CalibrateOptions, Trial, rank

_NOT_OF_A_TRIAL: Final = (
    *("trials", "search", "trial_epochs", "trial_filters", "best", "restarts", "keep", "at_once"),
    *("study", "lost_after", "resume", "checkpoint_seconds"),
    *("device", "threads", "quiet", "verbose", "steps", "epochs"),
)
_FILES: Final = ("genome", "negatives", "split_file", "bias")
"""Options that may be names of files."""


def write_trials(
    folder: Path, trials: Sequence[Trial], calibration: CalibrateOptions, given: Mapping[str, Any], metric: str
) -> None:
    """Write trials.tsv, trials.png and trials/trial_N.yaml; of the latter remove those of other trials.

    Parameters
    ----------
    folder : Path
    trials : sequence of Trial
        Done.
    calibration : CalibrateOptions
    given : mapping
        The options of the command.
    metric : str
        What the score is.
    """
    names = list(calibration.space)
    ranked = rank(trials)
    columns = ["rank", "trial", *names, "epochs", *(f"fold_{i + 1}" for i in range(calibration.folds)), "mean", "sd"]
    lines = ["\t".join(columns)]
    for place, trial in enumerate(ranked, 1):
        at, mean = trial.best_checkpoint()
        scores = [trial.scores[fold][at] for fold in range(calibration.folds)]
        sd = float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan
        settings = [_shown(trial.settings[name]) for name in names]
        numbers = [f"{value:.6f}" for value in (*scores, mean, sd)]
        lines.append("\t".join([str(place), str(trial.number + 1), *settings, str(calibration.checks()[at]), *numbers]))
    with atomic_path(folder / "trials.tsv") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "trials").mkdir(exist_ok=True)
    for former in (folder / "trials").glob("trial_*.yaml"):
        former.unlink()
    for trial in trials:
        with atomic_path(folder / "trials" / f"trial_{trial.number + 1:02d}.yaml") as path:
            path.write_text(_config(trial, calibration, given, metric), encoding="utf-8")
    with atomic_path(folder / "trials.png") as path:
        draw_trials(trials, calibration.space, metric, path)


def _shown(value: Any) -> str:
    if value is None:
        return "usual"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _config(trial: Trial, calibration: CalibrateOptions, given: Mapping[str, Any], metric: str) -> str:
    """Return the options with which ``seqcnn train --config`` does this trial again."""
    at, mean = trial.best_checkpoint()
    said = {name.rstrip("_"): _value(name, value) for name, value in given.items() if name not in _NOT_OF_A_TRIAL}
    said = {name: value for name, value in said.items() if value not in (None, [])}
    if calibration.trial_filters is not None:
        said["n_filters"] = calibration.trial_filters
    said |= {name: value for name, value in trial.settings.items() if value is not None}
    said |= {
        "members": 1,
        "epochs": calibration.checks()[at],
        "folds": calibration.folds,
        "valid_fraction": 0.0,
    }
    text: str = yaml.safe_dump({name.replace("_", "-"): value for name, value in said.items()}, sort_keys=True)
    return f"# Trial {trial.number + 1}: mean {metric} {mean:.4f} over {calibration.folds} folds.\n{text}"


def _value(name: str, value: Any) -> Any:
    """Return an option's value as YAML has it; files by their full paths, so that it does not matter where one is."""
    if isinstance(value, tuple):
        return [_value(name, each) for each in value]
    is_file = name in _FILES and isinstance(value, str) and value not in METHODS and os.path.exists(value)
    return os.path.abspath(value) if is_file else value

"""What a report reads of a run: the files that train and calibrate leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from csv import QUOTE_NONE
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

COMMANDS: Final = ("train", "calibrate")


@dataclass(frozen=True, slots=True)
class Part:
    """Scores of a part that was held out.

    Parameters
    ----------
    names : ndarray of str (object), shape (n,)
    truth : ndarray of float64, shape (n, n_targets)
        Class numbers for several classes; NaN where missing.
    scores : ndarray of float64, shape (n, n_scores)
    weights : ndarray of float64, shape (n,), or None
    """

    names: NDArray[Any]
    truth: Array
    scores: Array
    weights: Array | None


@dataclass(frozen=True, slots=True)
class Run:
    """What a run folder holds.

    Parameters
    ----------
    path : Path
    name : str
        Of the folder.
    record : mapping
        run.json.
    metrics : mapping
        metrics.json.
    history : DataFrame or None
        history.tsv.
    held_out : dict of str to Part
        held_out.tsv: valid, test, ``fold 1`` and so on.
    trials : DataFrame or None
        trials.tsv.
    about : mapping
        What the model file says of itself, with the number of parameters a member as ``parameters``.
    missing : list of str
        Files that are not there.
    """

    path: Path
    name: str
    record: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: pd.DataFrame | None
    held_out: dict[str, Part]
    trials: pd.DataFrame | None
    about: Mapping[str, Any]
    missing: list[str] = field(default_factory=list)

    @property
    def task(self) -> str:
        """One of :data:`seqcnn.models.tasks.TASKS`."""
        return str(self.about.get("task") or "binary")

    @property
    def target_names(self) -> list[str]:
        """Of the scores: targets, or classes."""
        return [str(name) for name in self.about.get("target_names", ())]

    @property
    def columns(self) -> list[str]:
        """Of the targets: what metrics are by."""
        if self.task == "multiclass":
            return [str(self.about.get("training", {}).get("class_column", "class"))]
        return self.target_names

    @property
    def folds(self) -> list[Part]:
        """The parts of cross-validation, in order."""
        return [part for name, part in self.held_out.items() if name.startswith("fold ")]


def read_run(path: str | Path) -> Run:
    """Read a run folder.

    Raises
    ------
    InputError
        If it is none, or a file of it is damaged. Files other than run.json, metrics.json and model.safetensors may be
        missing.
    """
    folder = Path(path)
    if not (folder / "run.json").is_file() or not (folder / "model.safetensors").is_file():
        raise InputError("is no folder that train or calibrate has written (run.json, model.safetensors)", path)
    record = read_json(folder / "run.json")
    if record.get("command") not in COMMANDS:
        said = record.get("command")
        raise InputError(f"was written by seqcnn {said}, not by {' or '.join(COMMANDS)}", folder / "run.json")
    about = read_about(folder / "model.safetensors")
    missing = [name for name in ("history.tsv", "held_out.tsv") if not (folder / name).is_file()]
    metrics = read_json(folder / "metrics.json")
    history = None if "history.tsv" in missing else read_table(folder / "history.tsv", ("epoch", "training_loss"))
    scores = {} if "held_out.tsv" in missing else _read_held_out(folder / "held_out.tsv", about)
    trials = None
    if record["command"] == "calibrate":
        if (folder / "trials.tsv").is_file():
            trials = read_table(folder / "trials.tsv", ("rank", "trial", "mean"))
        else:
            missing.append("trials.tsv")
    name = folder.resolve().name
    return Run(folder, name, record, metrics, history, scores, trials, about, missing)


def read_json(path: Path) -> dict[str, Any]:
    """Read an object; InputError if the file is not there or holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("cannot be read", path, hint="is this the folder of a run that has ended?") from error
    except ValueError as error:
        raise InputError(f"is not JSON ({error})", path) from error
    if not isinstance(content, dict):
        raise InputError("is not a JSON object", path)
    return content


def read_table(path: Path, needed: tuple[str, ...], **how: Any) -> pd.DataFrame:
    """Read a table with a header line; InputError if it is damaged or lacks a column."""
    import pandas as pd

    try:
        table: pd.DataFrame = pd.read_csv(path, sep="\t", quoting=QUOTE_NONE, encoding="utf-8", **how)
    except (ValueError, OSError) as error:
        raise InputError(f"cannot be read as a table ({str(error).splitlines()[0]})", path) from error
    for name in needed:
        if name not in table.columns:
            raise InputError(f"has no column {name!r}", path)
    return table


def read_about(path: Path) -> dict[str, Any]:
    """Read what a model file says of itself, without its weights.

    Raises
    ------
    InputError
        If it is no model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("seqcnn", "null"))
            sizes = [int(np.prod(file.get_slice(name).get_shape())) for name in file.keys()]  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError("is damaged, or no model", path) from error
    if not isinstance(about, dict):
        raise InputError("is no model of seqcnn", path)
    about["parameters"] = sum(sizes) // max(1, int(about.get("settings", {}).get("n_members", 1)))
    return about


def _read_held_out(path: Path, about: Mapping[str, Any]) -> dict[str, Part]:
    names = [str(name) for name in about.get("target_names", ())]
    several = about.get("task") == "multiclass"
    if several:
        truths, scores = ["truth"], [f"{name}_score" for name in names]
    elif len(names) == 1:
        truths, scores = ["truth"], ["score"]
    else:
        truths, scores = [f"{name}_truth" for name in names], [f"{name}_score" for name in names]
    numbers = [*(() if several else truths), *scores]
    table = read_table(
        path,
        ("part", "name", *truths, *scores),
        dtype={"part": str, "name": str} | ({"truth": str} if several else {}),
        keep_default_na=False,
        na_values={name: ["nan"] for name in numbers},
    )
    weights = table["weight"].to_numpy(np.float64) if "weight" in table else None
    try:
        given = table[scores].to_numpy(np.float64)
        if several:
            numbered = {name: float(i) for i, name in enumerate(names)}
            truth = np.array([numbered.get(name, np.nan) for name in table["truth"]]).reshape(-1, 1)
        else:
            truth = table[truths].to_numpy(np.float64)
    except ValueError as error:
        raise InputError(f"holds something that is no number ({error})", path) from error
    found, called = table["part"].to_numpy(object), table["name"].to_numpy(object)
    parts = {}
    for part in dict.fromkeys(found.tolist()):
        rows = found == part
        parts[part] = Part(called[rows], truth[rows], given[rows], None if weights is None else weights[rows])
    return parts

"""The model file: weights in safetensors, everything else as JSON in its header. Nothing in it can run code."""

from __future__ import annotations

import dataclasses
import json
from os import PathLike
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from seqcnn.errors import ModelFileError, OutputError, UsageError
from seqcnn.formats.output import atomic_path, describe
from seqcnn.models import architectures
from seqcnn.models.network import RULES, Network
from seqcnn.models.tasks import TASKS
from seqcnn.sequence.alphabet import LETTERS
from seqcnn.sequence.contexts import N_CONTEXTS

FORMAT: Final = "seqcnn model"
VERSION: Final = 1
FILE_NAME: Final = "model.safetensors"


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """A trained network and what has to be known to use it.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    architecture : str
    alphabet : {"dna", "rna"}
    task : str
        One of :data:`seqcnn.models.tasks.TASKS`.
    target_names : tuple of str
        One a score: of the targets, or of the classes (multiclass).
    length : int or None
        Windows around summits or midpoints that it was trained on, bp; None if sequences were used as they are.
    training : dict
        What it was trained on and how: options, counts, metrics on held-out data, version.
    """

    network: Network
    architecture: str
    alphabet: str
    task: str
    target_names: tuple[str, ...]
    length: int | None
    training: dict[str, Any]

    @property
    def structure(self) -> dict[str, Any] | None:
        """How the RNA structures that it reads came about, see :mod:`seqcnn.dataset.structure`; None if none."""
        return self.training.get("structure") if self.network.settings.contexts else None

    @property
    def target_columns(self) -> tuple[str, ...]:
        """What the columns of targets are called in data: one of class names for several classes, else the targets."""
        if self.task == "multiclass":
            return (str(self.training.get("class_column", "class")),)
        return self.target_names


def save(model: Model, path: str | PathLike[str]) -> None:
    """Write a model under its name only when it is whole."""
    network = model.network
    settings = dataclasses.asdict(network.settings)
    if not settings["contexts"]:
        del settings["contexts"]
    about = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": model.architecture,
        "settings": settings,
        "alphabet": model.alphabet,
        "padding": "N (0.25 in every one-hot row) beyond both ends",
        "rule": network.rule,
        "task": model.task,
        "target_names": list(model.target_names),
        "length": model.length,
        "training": model.training,
    }
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    with atomic_path(path) as temporary:
        write_tensors(tensors, temporary, {"seqcnn": json.dumps(about)}, path)


def write_tensors(
    tensors: dict[str, Tensor], temporary: Path, metadata: dict[str, str], path: str | PathLike[str]
) -> None:
    """Write safetensors to the temporary name of a path.

    Raises
    ------
    OutputError
        If it cannot be written, as where there is no space; names the path.
    """
    try:
        # Not save_file: it writes to a name of its own first, which would stay where it is killed.
        temporary.write_bytes(to_bytes(tensors, metadata))
    except OSError as error:
        raise OutputError(f"{path}: cannot write ({describe(error)})") from error


def load(path: str | PathLike[str], device: torch.device | str = "cpu", *, structure: bool = False) -> Model:
    """Read a model.

    Parameters
    ----------
    path : str or path
        The file, or the run folder that holds it.
    device : torch.device or str
    structure : bool
        The caller can give it RNA structure, if it reads such.

    Raises
    ------
    ModelFileError
        If it is not a model, is damaged, or was written by a later version.
    UsageError
        If it reads RNA structure, and the caller has none.
    """
    file = _find(Path(path))
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            if "seqcnn" not in metadata:
                raise ModelFileError("is a safetensors file, but not a seqcnn model", file)
            about = json.loads(metadata["seqcnn"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"is not a seqcnn model, or is truncated ({error})", file, hint=_hint(file)) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT or not isinstance(about.get("version"), int):
        raise ModelFileError("is a safetensors file, but not a seqcnn model", file)
    if about["version"] > VERSION:
        raise ModelFileError(
            f"is a model of version {about['version']}; this seqcnn reads up to {VERSION}",
            file,
            hint="update seqcnn",
        )
    try:
        network = architectures.create(about["architecture"], about["settings"])
        _check(about, network)
        network.rule = about.get("rule", network.rule)
        network.load_state_dict(tensors)
        model = Model(
            network.to(device).eval().requires_grad_(False),
            about["architecture"],
            about["alphabet"],
            about["task"],
            tuple(about["target_names"]),
            about["length"],
            about["training"],
        )
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        last = str(error).splitlines()[-1].strip()
        raise ModelFileError(f"the model's description and weights do not fit together ({last})", file) from error
    if network.settings.contexts and not structure:
        raise UsageError(
            f"{file}: the model reads RNA structure, which only predict, evaluate, motifs, mutate and train can give it"
        )
    return model


def _check(about: dict[str, Any], network: Network) -> None:
    """Raise ValueError if the description says what no seqcnn writes."""
    for field in dataclasses.fields(network.settings):
        value = getattr(network.settings, field.name)
        kind = getattr(field.type, "__name__", str(field.type)).partition("[")[0]
        if not isinstance(value, int | float) if kind == "float" else type(value).__name__ != kind:
            raise ValueError(f"setting {field.name} is {value!r}")
    names, length = about["target_names"], about["length"]
    known = {
        "alphabet": about["alphabet"] in LETTERS,
        "task": about["task"] in TASKS,
        "target_names": isinstance(names, list) and len(names) == network.settings.n_targets,
        "length": length is None or (isinstance(length, int) and length > 0),
        "training": isinstance(about["training"], dict),
        "settings": network.settings.contexts in (0, N_CONTEXTS),
        "rule": about.get("rule", "whole") in (RULES if network.detector_length else ("whole",)),
    }
    for name, right in known.items():
        if not right:
            raise ValueError(f"{name} is {about[name]!r}")


def _hint(file: Path) -> str | None:
    """Say what else a file may be."""
    try:
        with open(file, "rb") as opened:
            is_published = opened.read(10) == b"# deepbind"
    except OSError:
        return None
    return "seqcnn import deepbind makes a model of it" if is_published else None


def _find(path: Path) -> Path:
    if path.is_dir():
        if not (path / FILE_NAME).is_file():
            raise ModelFileError(f"is a folder without {FILE_NAME}", path, hint="name a run folder or a model file")
        return path / FILE_NAME
    if not path.exists():
        raise ModelFileError("no such file or folder", path)
    return path

"""A fit in one file, from which it goes on as if it had never stopped: bit for bit on the CPU.

Tensors are in safetensors, all else is JSON in the file's header; nothing in it can run code. A checksum over both
tells a damaged file. The tensors are those of the CPU, so a fit may go on elsewhere, with other dropout from there on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from seqcnn.errors import InputError
from seqcnn.formats.output import atomic_path, sync
from seqcnn.models.modelfile import write_tensors
from seqcnn.models.network import Network
from seqcnn.training.fingerprint import check_same
from seqcnn.training.fit import Fit
from seqcnn.training.history import Epoch
from seqcnn.version import __version__

FORMAT: Final = "seqcnn checkpoint"
VERSION: Final = 1
FILE_NAME: Final = "checkpoint.safetensors"

_TAKEN: Final = (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError, RuntimeError, OverflowError)
"""What reading a file that is no checkpoint may raise."""


def save(fit: Fit, path: str | PathLike[str], fingerprint: Mapping[str, Any]) -> None:
    """Write a fit that is between two steps; the file before it stays until this one is safe on the disk.

    Parameters
    ----------
    fit : Fit
    path : str or path
    fingerprint : mapping
        See :func:`seqcnn.training.fingerprint.fingerprint`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    tensors = _tensors(fit)
    about = json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "seqcnn": __version__,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "fingerprint": dict(fingerprint),
            "epoch": fit.epoch,
            "over": fit.over,
            "steps_done": fit.optimiser.steps_done,
            "averaged": fit.average and fit.average.n,
            "lost": {str(member): epoch for member, epoch in fit.history.lost.items()},
            "on_cpu": fit.network.on_cpu,
            "dropout": [generator.bit_generator.state for generator in fit.network.dropout_generators],
        }
    )
    metadata = {"seqcnn": about, "checksum": _checksum(about, tensors)}
    with atomic_path(path) as temporary:
        write_tensors(tensors, temporary, metadata, path)
        sync(temporary)
    sync(Path(os.path.realpath(path)).parent)


def restore(fit: Fit, path: str | PathLike[str], fingerprint: Mapping[str, Any]) -> None:
    """Bring a new fit to where a saved one was.

    Raises
    ------
    InputError
        If the file is not a checkpoint, or is damaged.
    UsageError
        If it is a checkpoint of something else; says what differs.
    """
    try:
        about, tensors = _read(path)
        before = dict(about["fingerprint"])
    except _TAKEN as error:
        raise _damaged(path, error) from error
    check_same(before, fingerprint, path)
    try:
        _take(fit, about, tensors)
    except _TAKEN as error:
        raise _damaged(path, error) from error


def _damaged(path: str | PathLike[str], error: Exception) -> InputError:
    return InputError(f"is not a checkpoint of seqcnn, or is damaged ({error})", path, hint="begin anew with --force")


def _read(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what is in a file; ValueError if it is not a whole checkpoint of this version."""
    with safe_open(path, framework="pt") as opened:
        metadata = opened.metadata() or {}
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    text = metadata.get("seqcnn", "")
    if metadata.get("checksum") != _checksum(text, tensors):
        raise ValueError("its checksum is another" if "checksum" in metadata else "there is no checksum in it")
    about = json.loads(text)
    if about["format"] != FORMAT or about["version"] != VERSION:
        raise ValueError(f"{about['format']}, version {about['version']}, is not what this version of seqcnn reads")
    return about, tensors


def _checksum(about: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _tensors(fit: Fit) -> dict[str, Tensor]:
    """Return the numbers of a fit, on the CPU; losses and scores of epochs in double precision, as they are kept."""
    n_members, epochs, best = fit.network.settings.n_members, fit.history.epochs, fit.best
    curves = [(e.training_loss, e.validation_loss, e.validation_score) for e in epochs]
    on_device = {
        "weights": fit.optimiser.weights,
        "best.weights": best.weights,
        "losses": fit.losses.all().clone(),
        **{f"moment.{name}": moment for name, moment in fit.optimiser.state().items()},
    }
    if fit.average is not None:
        on_device["average"] = fit.average.weights
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in on_device.items()}
    tensors["history"] = torch.tensor(curves, dtype=torch.float64).reshape(len(epochs), 3, n_members)
    tensors["pace"] = torch.tensor([(e.seconds, e.sequences_per_second) for e in epochs], dtype=torch.float64).reshape(
        -1, 2
    )
    tensors["best"] = torch.tensor([best.score, best.loss, best.epoch], dtype=torch.float64)
    return tensors


def _take(fit: Fit, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Put what was saved in its place."""
    n_members = fit.network.settings.n_members
    history, losses, n_epochs = tensors["history"], tensors["losses"], int(about["epoch"])
    wanted = {
        "best": (3, n_members),
        "history": (n_epochs, 3, n_members),
        "pace": (n_epochs, 2),
        "losses": (about["steps_done"] - n_epochs * fit.feed.n_batches, n_members),
    }
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensors[name].shape)}, not {shape}")
    if about["lost"].keys() - set(map(str, range(n_members))):
        raise ValueError("a member is lost that there is not")
    fit.history.lost = {int(member): int(epoch) for member, epoch in about["lost"].items()}
    for member in fit.history.lost:
        fit.optimiser.stop(member)
    fit.optimiser.steps_done = int(about["steps_done"])
    _fill(fit.optimiser.weights, tensors["weights"])
    _fill(fit.best.weights, tensors["best.weights"])
    if fit.average is not None:
        _fill(fit.average.weights, tensors["average"])
        fit.average.n = int(about["averaged"])
    for name, moment in fit.optimiser.state().items():
        _fill(moment, tensors[f"moment.{name}"])
    score, loss, epoch = tensors["best"].tolist()
    fit.best.score, fit.best.loss, fit.best.epoch = score, loss, [int(number) for number in epoch]
    fit.history.epochs = [
        Epoch(number, *curves, *pace)
        for number, (curves, pace) in enumerate(zip(history.tolist(), tensors["pace"].tolist(), strict=True), 1)
    ]
    fit.losses.set(losses)
    fit.epoch, fit.over = n_epochs, bool(about["over"])
    _set_dropout(fit.network, about)


def _fill(place: Tensor, saved: Tensor) -> None:
    if place.shape != saved.shape:
        raise ValueError(f"{saved.numel()} numbers where there are {place.numel()} weights")
    place.copy_(saved)


def _set_dropout(network: Network, about: Mapping[str, Any]) -> None:
    """Set the generators of the CPU. On a GPU dropout is a function of the step; from there on they begin with it."""
    if not network.on_cpu:
        return
    if about["on_cpu"]:
        for generator, state in zip(network.dropout_generators, about["dropout"], strict=True):
            generator.bit_generator.state = state
    else:
        entropy = [[seed, 1, int(about["steps_done"])] for seed in network.seeds]
        network.dropout_generators = [np.random.default_rng(each) for each in entropy]

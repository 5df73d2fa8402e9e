"""Run folders as train and calibrate leave them, made up in a moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from safetensors.numpy import save_file

from seqcnn.sequence.ragged import from_text
from seqcnn.training.held_out import FILE_NAME, HeldOut, write
from seqcnn.training.judging import binary_metrics, multiclass_metrics, regression_metrics

JUDGED = {"binary": binary_metrics, "regression": regression_metrics, "poisson": regression_metrics}


def held_out(part: str, task: str, n_targets: int, n: int, seed: int = 0, shift: float = 2.0) -> HeldOut:
    """Return scores that tell something of a truth."""
    rng = np.random.default_rng([seed, len(part)])
    if task == "multiclass":
        truth = rng.integers(0, n_targets, (n, 1)).astype(float)
        scores = rng.normal(size=(n, n_targets)) + shift * (truth == np.arange(n_targets))
    elif task == "binary":
        truth = rng.integers(0, 2, (n, n_targets)).astype(float)
        scores = rng.normal(size=truth.shape) + shift * (truth - 0.5)
    else:
        truth = rng.normal(3, 1, (n, n_targets)).clip(0)
        scores = truth + rng.normal(size=truth.shape) / max(shift, 1e-9)
    names = from_text([f"{part}_{i}" for i in range(n)])
    return HeldOut(part, names, truth.astype(np.float32), scores.astype(np.float32))


def metrics_of(part: HeldOut, task: str, names: Sequence[str]) -> dict[str, Any]:
    """Judge a part as train does."""
    if task == "multiclass":
        return {"class": multiclass_metrics(part.truth[:, 0], part.scores, names)}
    return {name: JUDGED[task](part.truth[:, i], part.scores[:, i]) for i, name in enumerate(names)}


def make_run(
    folder: Path,
    *,
    task: str = "binary",
    names: Sequence[str] = ("bound",),
    parts: Mapping[str, int] | None = None,
    shift: float = 2.0,
    seed: int = 0,
    record: Mapping[str, Any] | None = None,
    losses: Sequence[tuple[float, float]] = ((0.7, 0.7), (0.5, 0.55), (0.4, 0.5)),
    prevalence: Sequence[float] | None = None,
    trials: str | None = None,
) -> Path:
    """Write a run folder."""
    folder.mkdir(parents=True)
    scored = [
        held_out(name, task, len(names), n, seed, shift) for name, n in (parts or {"valid": 120, "test": 240}).items()
    ]
    write(scored, folder / FILE_NAME, names, task)
    with mock.patch("seqcnn.training.judging.N_BOOTSTRAP", 25):
        metrics = {part.part: metrics_of(part, task, names) for part in scored}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    lines = ["epoch\tmember\ttraining_loss\tvalidation_loss\tvalidation_score\tseconds\tsequences_per_second"]
    lines += [f"{i}\t{m}\t{a}\t{b + m / 100}\t0.8\t1\t100" for i, (a, b) in enumerate(losses, 1) for m in (1, 2)]
    (folder / "history.tsv").write_text("\n".join(lines) + "\n")
    content = {"command": "train", "seqcnn": "1", "argv": ["seqcnn", "train", "x.fa"], "seconds": 75.2, "device": "cpu"}
    content |= {"options": {"test_chroms": ["chr4"], "valid_fraction": 0.1}, "best_epoch": [3, 3], "epochs": 3}
    content |= {
        "inputs": [{"path": "data/x.fa", "sha256": "00"}],
        "counts": {},
        "notes": [],
        "started": "2026-01-02T03:04:05",
    }
    (folder / "run.json").write_text(json.dumps(content | dict(record or {})))
    training: dict[str, Any] = {"split": {"train": 900, "valid": 120, "test": 240}}
    training["prevalence"] = list(prevalence or [0.5] * len(names)) if task in ("binary", "multiclass") else None
    about = {"architecture": "deepbind", "task": task, "target_names": list(names), "length": 101, "training": training}
    about["settings"] = {"n_members": 2, "n_filters": 16, "kernel_size": 24, "both_strands": True}
    save_file({"w": np.zeros((2, 10), np.float32)}, folder / "model.safetensors", {"seqcnn": json.dumps(about)})
    if trials is not None:
        (folder / "trials.tsv").write_text(trials)
    return folder

"""Sets of training options that go together, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

PRESETS: Final[dict[str, dict[str, Any]]] = {
    "default": {
        "n_filters": 64,
        "kernel_size": 24,
        "hidden": 32,
        "pooling": "max",
        "dropout": 0.1,
        "members": 4,
        "optimiser": "adamw",
        "schedule": "one-cycle",
        "learning_rate": 0.008,
        "weight_decay": 0.0,
        "momentum": 0.9,
        "batch_size": 128,
        "decay_from": 0,
    },
    "deepbind": {
        "n_filters": 16,
        "kernel_size": 24,
        "hidden": 32,
        "pooling": "max",
        "dropout": 0.25,
        "members": 1,
        "optimiser": "sgd",
        "schedule": "constant",
        "learning_rate": 0.01,
        "weight_decay": 1e-6,
        "momentum": 0.98,
        "batch_size": 64,
        "decay_from": 100,
    },
}
"""``default``: what reached the best held-out AUROC on published sets at a bearable cost: four wide networks, averaged.
``deepbind``: the published shape and optimiser (Alipanahi et al. 2015, doi:10.1038/nbt.3300), at the middle of the
ranges that its authors searched."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a preset's options are calibrated, see :class:`seqcnn.training.calibrate.CalibrateOptions`.

    Parameters
    ----------
    trial_share : float
        Length of a trial, as a share of a training.
    steps : int or None
        Length of a training, if another than usual.
    trial_filters : int or None
        Motif detectors of a trial, if fewer than those of the model: what serves narrow networks serves wide ones.
    incumbent : bool
        The first trial has the preset's own settings.
    checkpoints, best, restarts, keep
        See there.
    """

    trial_share: float
    trial_filters: int | None
    incumbent: bool
    steps: int | None
    checkpoints: int
    best: int
    restarts: int
    keep: str


CALIBRATION: Final = {
    "default": Calibration(0.25, 16, True, steps=None, checkpoints=1, best=4, restarts=2, keep="ensemble"),
    "deepbind": Calibration(1.0, None, False, steps=20_000, checkpoints=5, best=1, restarts=6, keep="best"),
}
"""``deepbind``: as published: 20,000 steps judged at five points, the best setting trained six times for as long as was
best, the network with the lowest training loss kept."""

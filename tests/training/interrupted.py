"""Small fits of every kind, what they become, and what they become when they are broken off and gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models import architectures
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.averaging import Averaging
from seqcnn.training.checkpoint import restore, save
from seqcnn.training.fingerprint import fingerprint
from seqcnn.training.fit import Fit, Plan
from seqcnn.training.optimiser import Rates

MOTIF = np.array([2, 0, 1, 3, 1, 0, 2], dtype=np.uint8)


@dataclass(frozen=True)
class Kind:
    """A kind of fit."""

    network: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    ragged: bool = False
    n_valid: int = 12
    weighted: bool = False
    missing: bool = False


LOSES = [Rates(0.02), Rates(1e30), Rates(0.01)]
KINDS = {
    "usual": Kind(),
    "unequal lengths": Kind({"dropout": 0.3}, ragged=True),
    "sgd with momenta": Kind(
        {"pooling": "max-average", "dropout": 0.2},
        {"optimiser": "sgd", "rates": [Rates(0.05, 0.1, 0.5), Rates(0.02, 0.0, 0.9, 0.3, False)]},
    ),
    "decay from the middle on": Kind({"hidden": 0}, {"decay_from": 7, "schedule": "constant"}),
    "fresh negatives": Kind({"dropout": 0.1}, {"resample": True}),
    "fresh negatives of other lengths": Kind({}, {"resample": True}, ragged=True),
    "numbers": Kind({}, {"task": "regression"}, missing=True),
    "counts": Kind({}, {"task": "poisson", "optimiser": "sgd", "rates": [Rates(0.01)] * 2}),
    "classes": Kind({"n_targets": 3}, {"task": "multiclass"}, weighted=True),
    "weights": Kind({"dropout": 0.5}, {}, weighted=True, missing=True),
    "out of patience": Kind(
        {}, {"patience": 2, "epochs": 12, "schedule": "constant", "rates": [Rates(1.0), Rates(0.5)]}
    ),
    "nothing held out": Kind({"dropout": 0.2}, n_valid=0),
    "not always checked": Kind({}, {"checks": (1, 3)}),
    "one is lost": Kind(
        {"n_members": 3},
        {"task": "regression", "optimiser": "sgd", "schedule": "constant", "rates": LOSES, "bears_loss": True},
    ),
    "one is lost, adamw": Kind(
        {"n_members": 3},
        {"task": "regression", "schedule": "constant", "rates": [Rates(1e38), *LOSES[::2]], "bears_loss": True},
    ),
    "all are lost": Kind(
        {},
        {"task": "regression", "optimiser": "sgd", "schedule": "constant", "rates": LOSES[1:2] * 2, "bears_loss": True},
    ),
    "changed sequences": Kind({}, {"augmentation": Augmentation(4, True, 0.1, 3)}),
    "changed sequences of other lengths": Kind(
        {"dropout": 0.2}, {"augmentation": Augmentation(4, True, 0.1, 3), "resample": True}, ragged=True
    ),
    "mixup": Kind({"dropout": 0.2}, {"mixup": 0.4}, weighted=True, missing=True),
    "mixup, mean pooling, unequal lengths": Kind(
        {"pooling": "max-average"}, {"mixup": 0.4, "batch_size": 9}, ragged=True
    ),
    "hinge loss": Kind({}, {"loss": "hinge"}),
    "hinge loss, classes": Kind({"n_targets": 3}, {"task": "multiclass", "loss": "hinge", "mixup": 0.4}),
    "average of steps": Kind({"dropout": 0.2}, {"averaging": Averaging("ema", 0.9)}),
    "average of epochs": Kind({}, {"averaging": Averaging("swa", start=0.4), "schedule": "constant"}),
    "average, nothing held out": Kind({}, {"averaging": Averaging("ema", 0.9)}, n_valid=0),
    "average, one is lost": Kind(
        {"n_members": 3},
        {
            "task": "regression",
            "optimiser": "sgd",
            "schedule": "constant",
            "rates": LOSES,
            "bears_loss": True,
            "averaging": Averaging("ema", 0.9),
        },
    ),
    "one batch an epoch": Kind({"dropout": 0.2}, {"batch_size": 100}),
}


def draw(n: int, seed: int, kind: Kind) -> Examples:
    """Return examples, every other one with a motif."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        row = rng.integers(0, 4, rng.integers(12, 30) if kind.ragged else 20).astype(np.uint8)
        if i % 2 == 0:
            row[3 : 3 + len(MOTIF)] = MOTIF
        rows.append(row)
    targets = (np.arange(n) % 2 == 0).astype(np.float32)
    if kind.plan.get("task") == "multiclass":
        targets = (np.arange(n) % 3).astype(np.float32)
    if kind.plan.get("task") == "regression":
        targets = targets + rng.normal(size=n).astype(np.float32)
    if kind.missing:
        targets[4::7] = np.nan
    origin = np.where(np.arange(n) % 2 == 0, Origin.GIVEN, Origin.DINUCLEOTIDE).astype(np.uint8)
    weights = rng.random(n).astype(np.float32) if kind.weighted else None
    return Examples(from_rows(rows), from_text(f"s{i}" for i in range(n)), targets[:, None], origin, weights=weights)


def begin(kind: Kind = KINDS["usual"], *, n: int = 44, seeds: int = 0, device: str = "cpu", **changes: Any) -> Fit:
    """Return a fit that has not begun: three batches an epoch."""
    settings = {"n_members": 2, "n_filters": 4, "kernel_size": 7, "hidden": 3} | kind.network
    network = architectures.create("deepbind", settings).to(device)
    network.seed([seeds + member for member in range(settings["n_members"])])
    usual = Plan("binary", 4, 16, "adamw", "one-cycle", [Rates(0.02, 0.01)] * settings["n_members"], 0, False, 5)
    plan = replace(usual, **kind.plan | changes)
    weight = torch.tensor([1.5], device=device) if plan.task == "binary" else None
    return Fit(network, draw(n, 1, kind), draw(kind.n_valid, 2, kind) if kind.n_valid else None, plan, weight)


def result(fit: Fit) -> tuple[Any, ...]:
    """Return all that a fit has become, but for the time it took."""
    history = fit.history
    curves = [np.array([e.training_loss, e.validation_loss, e.validation_score]).tobytes() for e in history.epochs]
    tensors = [*fit.network.state_dict().values(), *fit.optimiser.state().values()]
    return (
        [tensor.numpy().tobytes() for tensor in tensors],
        curves,
        [epoch.number for epoch in history.epochs],
        history.best_epoch,
        repr(history.best_score),
        history.lost,
        [generator.bit_generator.state for generator in fit.network.dropout_generators],
    )


class Off(Exception):  # noqa: N818
    """The fit is broken off."""


def break_off(fit: Fit, steps: int, path: Path, prints: dict[str, Any] | None = None) -> bool:
    """Run a fit for so many steps at most, then save it; return whether it came to its end."""
    prints, left = prints or fingerprint(fit), steps

    def count(fit: Fit) -> None:
        nonlocal left
        left -= 1
        if not left:
            save(fit, path, prints)
            raise Off

    try:
        fit.run(on_step=count)
    except Off:
        return False
    return True


def go_on(path: Path, kind: Kind, device: str = "cpu") -> Fit:
    """Return a fit where the saved one was."""
    fit = begin(kind, device=device)
    restore(fit, path, fingerprint(fit))
    return fit

"""Fits that processes are to do together as one does them alone.

python -m torch.distributed.run --nproc-per-node 2 tests/training/parallel_cases.py OUT.npz
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models import architectures
from seqcnn.models.network import Network
from seqcnn.sequence.ragged import from_rows, from_text
from seqcnn.training import parallel
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.averaging import Averaging
from seqcnn.training.fit import Fit, Plan
from seqcnn.training.optimiser import Rates

CASES: dict[str, dict[str, Any]] = {
    "binary": {},
    "regression": {"task": "regression"},
    "dropout": {"dropout": 0.4},
    "unequal lengths": {"ragged": True, "dropout": 0.4},
    "fresh negatives": {"resample": True},
    "missing targets": {"missing": True, "n_targets": 2},
    "weights of examples": {"weighted": True},
    "mean pooling": {"pooling": "max-average", "dropout": 0.2, "optimiser": "sgd"},
    "batches of 7": {"batch_size": 7, "ragged": True, "dropout": 0.2},
    "changed sequences": {"tools": {"augmentation": Augmentation(5, True, 0.1, 4)}, "resample": True},
    "mixup": {"tools": {"mixup": 0.4}, "weighted": True, "dropout": 0.2},
    "mixup in batches of 7": {"tools": {"mixup": 0.4}, "batch_size": 7, "ragged": True},
    "hinge loss, averages": {"tools": {"loss": "hinge", "averaging": Averaging("ema", 0.9)}},
    "tools as on a GPU": {
        "device": True,
        "dropout": 0.4,
        "missing": True,
        "tools": {"augmentation": Augmentation(5), "mixup": 0.4, "averaging": Averaging("swa", start=0.3)},
    },
    "as on a GPU": {"device": True, "dropout": 0.4, "weighted": True},
    "as on a GPU, unequal lengths": {"device": True, "ragged": True, "missing": True, "n_targets": 2, "dropout": 0.4},
}
N_TRAIN, N_VALID = 101, 43  # the last batch leaves the second process nothing


def simulate(n: int, seed: int, case: dict[str, Any]) -> Examples:
    """Return examples whose positives are rich in a letter."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(15, 60, n) if case.get("ragged") else np.full(n, 40)
    positive = np.arange(n) % 2 == 0
    letters = [[0.25] * 4, [0.4, 0.2, 0.3, 0.1]]
    rows = [
        rng.choice(4, length, p=letters[int(p)]).astype(np.uint8) for length, p in zip(lengths, positive, strict=True)
    ]
    targets = np.repeat(positive.astype(np.float32)[:, None], case.get("n_targets", 1), axis=1)
    if case.get("task") == "regression":
        targets += rng.normal(size=targets.shape).astype(np.float32)
    if case.get("missing"):
        targets[rng.random(targets.shape) < 0.3] = np.nan
    origin = np.where(positive, Origin.GIVEN, Origin.DINUCLEOTIDE).astype(np.uint8)
    weights = rng.random(n).astype(np.float32) * 2 if case.get("weighted") else None
    return Examples(from_rows(rows), from_text(f"s{i}" for i in range(n)), targets, origin, weights=weights)


@contextmanager
def pretended(device: bool) -> Iterator[None]:
    """Have the work be done in the way of a GPU, but on the CPU."""
    before = Network.on_cpu
    if device:
        Network.on_cpu = property(lambda _: False)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Network.on_cpu = before  # type: ignore[method-assign]


def run(case: dict[str, Any]) -> NDArray[np.float64]:
    """Return the weights and the course of a fit."""
    settings = {name: case[name] for name in ("dropout", "pooling", "n_targets") if name in case}
    with pretended(case.get("device", False)):
        network = architectures.create(
            "deepbind", {"n_members": 2, "n_filters": 6, "kernel_size": 8, "hidden": 4} | settings
        )
        network.seed([3, 4])
        plan = Plan(
            case.get("task", "binary"),
            epochs=6,
            batch_size=case.get("batch_size", 16),
            optimiser=case.get("optimiser", "adamw"),
            schedule="one-cycle",
            rates=[Rates(0.01, 0.01), Rates(0.02, 0.001)],
            patience=0,
            resample=case.get("resample", False),
            seed=5,
            **case.get("tools", {}),
        )
        weight = torch.full((case.get("n_targets", 1),), 1.5) if "task" not in case else None
        fit = Fit(network, simulate(N_TRAIN, 0, case), simulate(N_VALID, 1, case), plan, weight)
        history = fit.run()
    curves = [(e.training_loss, e.validation_loss, e.validation_score) for e in history.epochs]
    return np.concatenate([fit.optimiser.weights.numpy(), np.ravel(curves)])


def main() -> None:
    torch.set_num_threads(1)
    with parallel.joined(torch.device("cpu")) as group:
        results = {name: run(case) for name, case in CASES.items()}
        if group.rank == 0:
            np.savez(sys.argv[1], size=group.size, **results)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

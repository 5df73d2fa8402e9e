"""Sets of training options that go together, by name."""

from __future__ import annotations

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
    },
}
"""``default``: what reached the best held-out AUROC on published sets at a bearable cost: four wide networks, averaged.
``deepbind``: the published shape and optimiser (Alipanahi et al. 2015, doi:10.1038/nbt.3300), at the middle of the
ranges that its authors searched."""

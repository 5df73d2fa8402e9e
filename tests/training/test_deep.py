"""Fits of networks of several layers: gone on with bit for bit, and statistics kept with the best weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.dataset.split import Split
from seqcnn.models import architectures, deep
from seqcnn.training.fingerprint import fingerprint
from seqcnn.training.fit import Fit, Plan
from seqcnn.training.optimiser import Rates
from seqcnn.training.options import combine
from seqcnn.training.train import train
from tests.training.conftest import sites
from tests.training.interrupted import Kind, break_off, draw, restore, result

KIND = Kind(ragged=True)


def begin(name: str, **settings: Any) -> Fit:
    """Return a fit that has not begun: three batches an epoch."""
    network = architectures.create(
        name, {"n_members": 2, "n_filters": 4, "kernel_size": 7, "hidden": 3, "dropout": 0.2} | settings
    )
    network.seed([1, 2])
    plan = Plan("binary", 3, 16, "adamw", "one-cycle", [Rates(0.02, 0.01)] * 2, 0, True, 5)
    return Fit(network, draw(44, 1, KIND), draw(12, 2, KIND), plan, torch.tensor([1.5]))


@pytest.mark.parametrize("name", ["resnet", "danq"])
def test_broken_off_and_gone_on_with(name: str, tmp_path: Path) -> None:
    whole = begin(name)
    whole.run()
    for steps in (2, 5):
        path = tmp_path / f"{steps}.safetensors"
        fit = begin(name)
        assert not break_off(fit, steps, path, fingerprint(fit))
        again = begin(name)
        restore(again, path, fingerprint(again))
        again.run()
        assert result(again) == result(whole)


def test_statistics_are_of_the_best_epoch() -> None:
    """Running means are weights as others: those of the epoch that is kept, and no decay or step moves them."""
    fit, seen = begin("basset"), []
    assert isinstance(fit.network, deep.Model)
    norm = fit.network.first_norm
    assert norm is not None
    fit.run(on_epoch=lambda epoch: seen.append(norm.running_mean.clone()))
    for member, epoch in enumerate(fit.history.best_epoch):
        assert torch.equal(norm.running_mean[member], seen[epoch - 1][member])
    assert not torch.equal(seen[0], seen[1])
    assert norm.running_mean.abs().max() > 0


def test_it_learns_sites() -> None:
    small = {"n_filters": 16, "kernel_size": 11, "hidden": 8, "members": 1, "n_blocks": 1}
    options = combine("default", small | {"architecture": "resnet", "epochs": 12, "batch_size": 32, "dropout": 0.0})
    examples = sites(400)
    part = np.array(["valid" if i % 5 == 0 else "train" for i in range(len(examples))], dtype=object)
    split = Split(part, {name: int((part == name).sum()) for name in ("train", "valid", "test")})
    trained = train(
        examples, split, options, target_names=["bound"], alphabet="dna", length=None, device=torch.device("cpu")
    )
    assert trained.model.network.settings.n_blocks == 1
    assert trained.metrics["valid"]["bound"]["auroc"]["value"] > 0.85

"""Every preset is a whole set of options, and trains."""

from __future__ import annotations

import time
from dataclasses import fields

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from seqcnn.models.predict import predict
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from tests.training.conftest import sites, train_on

FIELDS = {field.name for field in fields(TrainOptions)}


@pytest.mark.parametrize("name", PRESETS)
def test_keys_are_training_options(name: str) -> None:
    assert set(PRESETS[name]) <= FIELDS
    assert set(PRESETS[name]) == set(PRESETS["default"])
    TrainOptions(**PRESETS[name])


def test_the_published_preset_is_within_what_was_published() -> None:
    preset = PRESETS["deepbind"]
    assert (preset["n_filters"], preset["batch_size"], preset["optimiser"]) == (16, 64, "sgd")
    assert preset["hidden"] in (0, 32)
    assert preset["dropout"] in (0, 0.25, 0.5)
    assert 5e-4 <= preset["learning_rate"] <= 5e-2
    assert 0.95 <= preset["momentum"] <= 0.99


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", PRESETS)
def test_learns_a_motif(name: str, seed: int) -> None:
    held_out = sites(300, seed=99)
    began = time.process_time()
    trained = train_on(sites(300, seed=seed), preset=name, seed=seed, epochs=20)
    assert time.process_time() - began < 20  # far above what it takes
    scores = predict(trained.model.network, held_out.sequences)[:, 0]
    assert held_out.targets is not None
    assert roc_auc_score(held_out.targets[:, 0], scores) > 0.9
    assert np.isfinite(scores).all()

"""A collection refuses what does not fit together, from files too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from seqcnn.errors import ModelFileError, UsageError
from seqcnn.models import architectures, modelfile, published
from seqcnn.models.architectures import collection
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import from_rows
from tests.models.test_deepbind import random_rows
from tests.models.test_published import SHAPES, draw


@pytest.fixture
def model() -> modelfile.Model:
    return published.build({f"D{i}": draw(i, **shape) for i, shape in enumerate(SHAPES)}, {})


def test_it_cannot_be_trained(model: modelfile.Model) -> None:
    with pytest.raises(UsageError, match="it cannot be trained"):
        architectures.create("collection", {"n_members": 2, "n_targets": 3})
    with pytest.raises(UsageError, match="it cannot be trained"):
        model.network.seed([0])


GROUP = {"targets": [0, 1], "both_strands": True, "n_filters": 2, "kernel_size": 4, "hidden": 0, "pooling": "max"}


@pytest.mark.parametrize(
    "change",
    [
        {"targets": [0]},
        {"targets": [0, 0]},
        {"targets": [0, 2]},
        {"targets": []},
        {"targets": "01"},
        {"targets": [0, True]},
        {"both_strands": 1},
        {"n_filters": 0},
        {"kernel_size": -1},
        {"hidden": -1},
        {"hidden": 1.0},
        {"pooling": "min"},
        {"pooling": None},
        {"colour": "red"},
    ],
)
def test_wrong_groups(change: dict[str, Any]) -> None:
    architectures.create("collection", {"n_targets": 2, "groups": [GROUP]})
    with pytest.raises((ValueError, UsageError)):
        architectures.create("collection", {"n_targets": 2, "groups": [GROUP | change]})


@pytest.mark.parametrize("groups", [[], {}, "x", [1], [[]], [None], 5])
def test_files_with_wrong_groups(model: modelfile.Model, tmp_path: Path, groups: Any) -> None:
    path = tmp_path / "m.safetensors"
    modelfile.save(model, path)
    with safe_open(path, framework="pt") as opened:
        about = json.loads(opened.metadata()["seqcnn"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    about["settings"]["groups"] = groups
    save_file(tensors, path, metadata={"seqcnn": json.dumps(about)})
    with pytest.raises(ModelFileError, match="do not fit together"):
        modelfile.load(path)


def test_rescale(model: modelfile.Model) -> None:
    rows = from_rows(random_rows(0, [10, 20, 30]))
    before = predict(model.network, rows)
    scale, shift = torch.linspace(0.5, 2, len(SHAPES)), torch.linspace(-1, 1, len(SHAPES))
    for parameter in model.network.parameters():
        parameter.requires_grad_(False)
    model.network.rescale(scale, shift)
    np.testing.assert_allclose(predict(model.network, rows), before * scale.numpy() + shift.numpy(), atol=1e-5)


def test_windows_of_one_length(model: modelfile.Model) -> None:
    codes = random_rows(1, [120])[0]
    starts = np.arange(80)
    with torch.inference_mode():
        wanted = Network.score_windows(model.network, codes, starts, 41)
        np.testing.assert_allclose(model.network.score_windows(codes, starts, 41), wanted, atol=1e-5)


def test_some_targets(model: modelfile.Model) -> None:
    assert isinstance(model.network, collection.Model)
    rows = from_rows(random_rows(2, [10, 20, 30]))
    scores = predict(model.network, rows)
    taken = list(model.network.take([5, 0, 2]))
    assert sorted(target for _, targets in taken for target in targets) == [0, 2, 5]
    for network, targets in taken:
        assert network.rule == "window"
        found = network.score_by_windows(rows)
        np.testing.assert_allclose(found[:, :, 0].T, scores[:, targets], atol=1e-6)

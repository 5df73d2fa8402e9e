"""Published models against the published algorithm written out in float64, and against published scores."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcnn.formats.deepbind_parameters import Entry, Parameters, find_files, read_index, read_parameters
from seqcnn.models import modelfile, published
from seqcnn.models.architectures import collection, deepbind
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import encode_all, from_rows
from tests.models.test_deepbind import random_rows


def draw(seed: int, *, n: int = 3, length: int = 5, average: bool = False, hidden: int = 4, both: bool = True) -> Any:
    rng = np.random.default_rng(seed)
    features = n * (1 + average)
    shapes = [(length, 4, n), (n,), (features, hidden or 1), (hidden or 1,), (hidden,), (1 if hidden else 0,)]
    return Parameters(both, average, *(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def score_plainly(model: Parameters, codes: np.ndarray) -> float:
    """Score by windows as the published program does: each position, each detector, each base in turn."""
    length = len(model.detectors)
    best = -np.inf
    for strand in [codes, np.array([3, 2, 1, 0, 4])[codes[::-1]]][: 2 if model.reverse_complement else 1]:
        for start in range(max(1, len(strand) - length + 1)):
            hot = np.concatenate([np.eye(4), np.full((1, 4), 0.25)])[strand[start : start + length]]
            hot = np.pad(hot, ((length - 1, length - 1), (0, 0)), constant_values=0.25)
            offsets = len(hot) - length + 1
            scores = [np.einsum("jb,jbf->f", hot[i : i + length], model.detectors) for i in range(offsets)]
            active = np.maximum(np.array(scores) + model.thresholds, 0)
            x = active.max(0)
            if model.has_avg_pooling:
                x = np.stack([x, active.mean(0)], axis=1).ravel()
            x = x @ model.weights1 + model.biases1
            if len(model.weights2):
                x = np.maximum(x, 0) @ model.weights2 + model.biases2
            best = max(best, float(x.item()))
    return best


SHAPES: list[dict[str, Any]] = [
    {},
    {"average": True},
    {"hidden": 0, "length": 8},
    {"hidden": 0, "average": True, "both": False},
    {"both": False, "n": 7},
    {"length": 8, "hidden": 0},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_one_model_by_the_published_algorithm(shape: dict[str, Any]) -> None:
    parameters = draw(1, **shape)
    model = published.build({"D1": parameters}, {})
    assert isinstance(model.network, deepbind.Model)
    rows = random_rows(2, [1, 4, 5, 8, 9, 30])
    wanted = [score_plainly(parameters, row) for row in rows]
    np.testing.assert_allclose(predict(model.network, from_rows(rows))[:, 0], wanted, atol=2e-5)


def test_models_of_many_shapes_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "MOST_MEMBERS", 2)
    models = {f"D{i}": draw(i, **shape) for i, shape in enumerate(SHAPES * 3)}
    model = published.build(models, {})
    assert isinstance(model.network, collection.Model)
    assert max(each.settings.n_members for each in model.network.networks) == 2
    modelfile.save(model, tmp_path / "m.safetensors")
    model = modelfile.load(tmp_path / "m.safetensors")
    assert isinstance(model.network, collection.Model)
    rows = from_rows(random_rows(3, [3, 5, 40, 8, 8, 20]))
    for rule in ("window", "whole"):
        model.network.rule = rule
        scores = predict(model.network, rows)
        for i, parameters in enumerate(models.values()):
            alone = published.build({"x": parameters}, {}).network
            alone.rule = rule
            np.testing.assert_allclose(scores[:, i], predict(alone, rows)[:, 0], atol=1e-6)
            np.testing.assert_allclose(scores[:, i], predict(model.network.single(i), rows)[:, 0], atol=1e-6)
    with pytest.raises(StopIteration):
        model.network.single(len(models))


@pytest.mark.parametrize(
    ("experiments", "task", "wanted"),
    [
        (["ChIP-seq", "SELEX"], None, "binary"),
        (["ChIP-seq", "PBM"], None, "regression"),
        (["ChIP-seq", None], None, "regression"),
        (["PBM"], "binary", "binary"),
        (["SELEX"], "regression", "regression"),
    ],
)
def test_task(experiments: list[str | None], task: str | None, wanted: str) -> None:
    models = {f"D{i}": draw(i) for i in range(len(experiments))}
    index = {f"D{i}": Entry("X", experiment=name) for i, name in enumerate(experiments) if name}
    assert published.build(models, index, task).task == wanted


def test_what_is_known_of_models_is_kept() -> None:
    model = published.build({"D1": draw(0), "D2": draw(1, both=False)}, {"D1": Entry("CTCF", species="Homo sapiens")})
    assert model.target_names == ("D1", "D2")
    assert model.training["published"]["D1"]["protein"] == "CTCF"
    assert model.training["published"]["D2"]["protein"] == ""
    assert model.alphabet == "dna"
    assert published.build({"D2": draw(1, both=False)}, {}).alphabet == "rna"


@pytest.mark.realdata
def test_expected_scores(shared_data: Path) -> None:
    folder = shared_data / "deepbind_models"
    header, *lines = [line.split("\t") for line in (folder / "expected.tsv").read_text().splitlines()]
    files, index = find_files(folder)
    assert index is not None
    model = published.build({name: read_parameters(files[name]) for name in header[1:]}, read_index(index))
    wanted = np.array([line[1:] for line in lines], dtype=np.float64)
    scores = predict(model.network, encode_all(line[0] for line in lines))
    np.testing.assert_allclose(scores, wanted, atol=1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "crop"), [("D00328.003", slice(13, 38)), ("D00747.001", slice(10, 41))])
def test_published_scores_of_mutants(shared_data: Path, name: str, crop: slice) -> None:
    """Scored whole, the better strand; published with four decimals."""
    with gzip.open(shared_data / "deepbind_deepfind" / "published_scores.tsv.gz", "rt") as file:
        header, *lines = [line.rstrip("\n").split("\t") for line in file]
    network = published.build({name: read_parameters(find_files(shared_data / "deepbind_models")[0][name])}, {}).network
    network.rule = "whole"
    for side in ("reference", "alternate"):
        sequences = [line[header.index(side)][crop] for line in lines]
        wanted = np.array([line[header.index(f"{name}_{side}")] for line in lines], dtype=np.float64)
        np.testing.assert_allclose(predict(network, encode_all(sequences))[:, 0], wanted, atol=5e-5 + 1e-4)

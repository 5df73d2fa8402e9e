"""`seqcnn export`: other programs score as predict does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.models import modelfile, published
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model
from seqcnn.models.one_hot_form import OneHotForm
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import from_rows
from tests.cli.conftest import Runs, Shell
from tests.models.test_deepbind import make
from tests.models.test_published import SHAPES, draw

DOCS = Path(__file__).parents[2] / "docs" / "torch_export.md"
RNG = np.random.default_rng(0)


def codes(n: int, length: int) -> np.ndarray:
    return RNG.choice(5, (n, length), p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)


def many() -> Model:
    return published.build({f"D{i}": draw(i, **shape) for i, shape in enumerate(SHAPES)}, {})


def save(path: Path, **options: Any) -> Model:
    network = make(n_members=2, n_targets=2, kernel_size=5, n_filters=3, **options).eval()
    model = Model(network, "deepbind", "dna", "regression", ("a", "b"), None, {})
    modelfile.save(model, path)
    return model


@pytest.mark.parametrize("rule", ["whole", "window"])
@pytest.mark.parametrize("options", [{}, {"hidden": 0}, {"pooling": "max-average", "both_strands": False}, None])
def test_the_form_that_is_exported(options: dict[str, Any] | None, rule: str, tmp_path: Path) -> None:
    model = many() if options is None else save(tmp_path / "m.safetensors", **options)
    model.network.rule = rule
    form = OneHotForm(model.network)
    for n, length in ((3, 8), (1, 40), (5, 17), (2, 6), (3, 4), (2, 1)):
        rows = codes(n, length)
        with torch.no_grad():
            found = form(torch.from_numpy(one_hot(rows))).numpy()
        np.testing.assert_allclose(found, predict(model.network, from_rows(rows)), atol=1e-5)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["deepbind", pytest.param("collection", marks=pytest.mark.slow)])
def test_onnx(kind: str, shell: Shell, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path, rule = tmp_path / "m.safetensors", "whole" if kind == "deepbind" else "window"
    if kind == "deepbind":
        model = save(path)
    else:
        model = many()
        modelfile.save(model, path)
    done = shell("export", path, "-o", tmp_path / "m.onnx")
    assert (done.code, done.out, done.err) == (0, "", f"wrote {tmp_path / 'm.onnx'}\n")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    about = json.loads(session.get_modelmeta().custom_metadata_map["seqcnn"])
    assert (about["targets"], about["rule"]) == (list(model.target_names), rule)
    for n, length in [(1, 8), *RNG.integers((1, 8), (9, 200), (6, 2)).tolist()]:
        rows = codes(n, length)
        (found,) = session.run(["scores"], {"one_hot": one_hot(rows)})
        np.testing.assert_allclose(found, predict(model.network, from_rows(rows)), atol=1e-4)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "shapes",
    [[{"length": 20}], pytest.param([*SHAPES, {"length": 20, "average": True}], marks=pytest.mark.slow)],
    ids=["one", "collection"],
)
def test_onnx_of_every_length(shapes: list[dict[str, Any]], shell: Shell, tmp_path: Path) -> None:
    """Sequences shorter than the longest detectors, and than all, too; onnxruntime dies of what it cannot divide."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = published.build({f"D{i}": draw(i, **shape) for i, shape in enumerate(shapes)}, {})
    modelfile.save(model, tmp_path / "m.safetensors")
    assert shell("export", tmp_path / "m.safetensors", "-o", tmp_path / "m.onnx").code == 0
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    for length in range(1, 61):
        rows = codes(1 + length % 3, length)
        (found,) = session.run(None, {"one_hot": one_hot(rows)})
        np.testing.assert_allclose(found, predict(model.network, from_rows(rows)), atol=1e-4, err_msg=f"{length} bp")


def lines_of_the_docs() -> dict[str, Any]:
    """Run all of the page, beside weights.pt, and return what it names."""
    names: dict[str, Any] = {}
    for lines in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S):
        exec(lines, names)
    return names


@pytest.mark.parametrize("rule", ["whole", "window"])
@pytest.mark.parametrize(
    "options",
    [{}, {"hidden": 0, "both_strands": False}, {"pooling": "max-average"}, {"hidden": 0, "pooling": "max-average"}],
)
def test_torch_with_the_lines_of_the_docs(
    options: dict[str, Any], rule: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save(tmp_path / "m.safetensors", **options)
    model.network.rule = rule
    monkeypatch.chdir(tmp_path)
    assert shell("export", "m.safetensors", "-o", "weights.pt").code == 0
    names = lines_of_the_docs()
    score = names["score" if rule == "whole" else "score_windows"]
    for length in (3, 60):
        rows = codes(4, length)
        found = score(names["weights"], torch.from_numpy(one_hot(rows)), model.network.settings.both_strands).mean(0)
        np.testing.assert_allclose(found.numpy(), predict(model.network, from_rows(rows)), atol=1e-5)


def test_torch_of_a_collection_with_the_lines_of_the_docs(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "MOST_MEMBERS", 2)
    model = published.build({f"D{i}": draw(i, **shape) for i, shape in enumerate(SHAPES * 3)}, {})
    assert isinstance(model.network, collection.Model)
    assert len(model.network.groups) > 10  # groups.1. is not the beginning of groups.10.
    modelfile.save(model, tmp_path / "m.safetensors")
    monkeypatch.chdir(tmp_path)
    assert shell("export", "m.safetensors", "-o", "weights.pt").code == 0
    names = lines_of_the_docs()
    for length in (1, 4, 6, 8, 40):
        rows = codes(4, length)
        found = names["score_collection"](names["weights"], torch.from_numpy(one_hot(rows)))
        wanted = predict(model.network, from_rows(rows))
        assert set(found) == set(model.target_names)
        for i, name in enumerate(model.target_names):
            np.testing.assert_allclose(found[name], wanted[:, i], atol=1e-4, err_msg=name)


def test_torch_of_a_collection(shell: Shell, tmp_path: Path) -> None:
    model = many()
    assert isinstance(model.network, collection.Model)
    modelfile.save(model, tmp_path / "m.safetensors")
    assert shell("export", tmp_path / "m.safetensors", "--to", "torch", "-o", tmp_path / "w").code == 0
    weights = torch.load(tmp_path / "w", weights_only=True)
    groups = weights.pop("groups")
    assert weights.keys() == model.network.state_dict().keys()
    shapes = {f"D{i}": (shape.get("length", 5), shape.get("both", True)) for i, shape in enumerate(SHAPES)}
    found = {name: (each["detector_length"], each["both_strands"]) for each in groups for name in each["targets"]}
    assert found == shapes


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["-o", "m.onnx", "--to", "torch"], 2, "--output m.onnx is a name of onnx, but --to says torch"),
        (["-o", "m.bin"], 2, "end it in .onnx or .pt, or say --to onnx or torch"),
        (["-o", "m.pt", "--rule", "window"], 2, "--rule is for ONNX"),
    ],
)
def test_refused(arguments: list[str], code: int, reason: str, runs: Runs, shell: Shell) -> None:
    done = shell("export", runs.dna, *arguments)
    assert (done.code, reason in done.err) == (code, True)


def test_missing_package(runs: Runs, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    done = shell("export", runs.dna, "-o", tmp_path / "m.onnx")
    assert done.code == 1
    assert done.err == "seqcnn: error: ONNX needs the package onnx: pip install 'seqcnn[onnx]'\n"

"""Networks that read structural contexts beside the bases, against the plain definition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from seqcnn.errors import ModelFileError, UsageError
from seqcnn.interpret.activations import Activations
from seqcnn.interpret.brute_force import edit_changes
from seqcnn.interpret.edits import single_bases
from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models import architectures, catalogue, modelfile
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.norm import STATISTICS
from seqcnn.models.one_hot import one_hot
from seqcnn.models.predict import member_scores, predict
from seqcnn.models.scan import find_windows, scan
from seqcnn.models.scan_convolution import scan_by_convolution
from seqcnn.sequence.contexts import N_CONTEXTS, bases, contexts, in_context
from seqcnn.sequence.ragged import Ragged, from_rows
from seqcnn.training.objectives import Objective

NAMES = catalogue.trainable()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(lengths: list[int], seed: int = 0, unknown: bool = False) -> Ragged:
    rng = np.random.default_rng(seed)
    return from_rows(
        in_context(
            rng.integers(0, 5, n, dtype=np.uint8), rng.integers(0 if unknown else 1, N_CONTEXTS + 1, n, dtype=np.uint8)
        )
        for n in lengths
    )


def make(name: str, **options: Any) -> Network:
    shape = {"n_members": 2, "n_filters": 4, "kernel_size": 7, "hidden": 8, "both_strands": False}
    network = architectures.create(name, shape | {"contexts": N_CONTEXTS} | options)
    network.seed([1, 2])
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if key.endswith(("bias", "threshold", "running_mean")):
                parameter.copy_((torch.rand(parameter.shape, generator=generator) - 0.5) / 2)
    return network.eval()


def plain_one_hot(row: np.ndarray) -> np.ndarray:
    out = np.zeros((4 + N_CONTEXTS, len(row)), np.float32)
    for i, (base, context) in enumerate(zip(bases(row), contexts(row), strict=True)):
        out[:4, i] = 0.25 if base == 4 else np.arange(4) == base
        out[4:, i] = 1 / N_CONTEXTS if context == 0 else np.arange(1, N_CONTEXTS + 1) == context
    return out


def test_one_hot() -> None:
    codes = rows([50, 50], unknown=True)
    found = one_hot(torch.from_numpy(codes.data.reshape(2, 50)), contexts=N_CONTEXTS).numpy()
    np.testing.assert_allclose(found, [plain_one_hot(row) for row in codes], rtol=1e-6)
    np.testing.assert_allclose(found.sum(1), 2, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["max", "max-average"])
def test_deepbind_is_as_defined(pooling: str) -> None:
    network, codes = make("deepbind", pooling=pooling), rows([9, 20, 14], unknown=True)
    scores = member_scores(network, codes)
    k = network.settings.kernel_size
    weights = {name: values.detach() for name, values in network.named_parameters()}
    for m in range(2):
        for i, row in enumerate(codes):
            ends = np.full(k - 1, 4, np.uint8)  # an N whose context is not known
            x = torch.from_numpy(plain_one_hot(np.concatenate([ends, row, ends])))
            active = functional.relu(functional.conv1d(x[None], weights["filters"][m], -weights["threshold"][m]))[0]
            features = torch.cat([active.amax(1), active.mean(1)] if pooling != "max" else [active.amax(1)])
            hidden = functional.relu(features @ weights["hidden_weight"][m] + weights["hidden_bias"][m, 0])
            wanted = hidden @ weights["output_weight"][m] + weights["output_bias"][m]
            np.testing.assert_allclose(scores[m, i], wanted.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", ["convolution", 3, 4])
def test_gradient_of_the_scan(way: str | int) -> None:
    codes = torch.from_numpy(rows([30] * 5, unknown=True).data.reshape(5, 30))
    filters = torch.randn(6, 4 + N_CONTEXTS, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weights = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    if isinstance(way, int):
        pooled = scan(filters, find_windows(codes, None, 5, word=way, contexts=N_CONTEXTS))
    else:
        pooled = scan_by_convolution(filters, codes)
    (pooled * weights).sum().backward()
    found, filters.grad = filters.grad, None
    x = one_hot(functional.pad(codes, (4, 4), value=4), contexts=N_CONTEXTS)
    wanted = functional.conv1d(x, filters).amax(2)
    torch.testing.assert_close(pooled, wanted, rtol=1e-5, atol=1e-5)
    (wanted * weights).sum().backward()
    torch.testing.assert_close(found, filters.grad)


@pytest.mark.parametrize("padding", ["N", "same", "valid"])
def test_what_fills_up_short_sequences_does_not_count(padding: str) -> None:
    network = make("basset", padding=padding)
    codes = rows([12, 31, 20])
    apart = np.concatenate([member_scores(network, from_rows([row])) for row in codes], axis=1)
    np.testing.assert_allclose(member_scores(network, codes), apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_contexts_count_in_every_architecture(name: str) -> None:
    network, codes = make(name), rows([40] * 6)
    other = Ragged(in_context(bases(codes.data), contexts(rows([40] * 6, seed=1).data)), codes.offsets)
    assert not np.allclose(member_scores(network, codes), member_scores(network, other), atol=1e-4)
    network.train()
    (inputs,) = network.prepare(torch.from_numpy(codes.data.reshape(6, 40)), None, 6)
    for key, parameter in network.named_parameters():
        parameter.requires_grad_(not key.endswith(STATISTICS))
    targets = torch.tensor([0.0, 1, 0, 1, 0, 1])[:, None]
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    network.add_gradients(inputs, targets, Objective("binary", None, complete=True))
    filters = dict(network.named_parameters())["filters"]
    assert filters.grad is not None
    assert (filters.grad[:, :, 4:].abs().sum((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_substitutions_leave_the_structure(name: str) -> None:
    network, codes = make(name), rows([13, 11])
    found = substitutions(network, codes)
    place = [(i, at) for i, n in enumerate(codes.lengths.tolist()) for at in range(n)]
    sequence, position = np.array(place).T
    reference = member_scores(network, codes)
    for base in range(4):
        edits = single_bases(sequence, position, in_context(np.full(len(place), base, np.uint8), contexts(codes.data)))
        wanted = edit_changes(network, codes, edits, reference)
        wanted[:, bases(codes.data) == base] = 0
        np.testing.assert_allclose(found.change[:, base], wanted.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.reference, predict(network, codes), atol=1e-5)


def test_best_windows() -> None:
    network, codes = make("deepbind"), rows([20, 13], unknown=True)
    (detectors,) = network.detectors()
    best = Activations(detectors).best(codes)
    k = network.settings.kernel_size
    for i, row in enumerate(codes):
        ends = np.full(k - 1, 4, np.uint8)
        x = torch.from_numpy(plain_one_hot(np.concatenate([ends, row, ends])))
        scores = functional.conv1d(x[None], detectors.filters.flatten(0, 1))[0].numpy()
        np.testing.assert_allclose(best.activation[i], scores.max(1) - detectors.threshold.flatten().numpy(), atol=1e-5)
        assert (best.start[i] == scores.argmax(1) - (k - 1)).all()
    level = np.quantile(best.activation, 0.3, axis=0).astype(np.float32)
    above = Activations(detectors).above(codes, level)
    assert set(zip(above.sequence.tolist(), above.filter.tolist(), strict=True)) >= set(
        zip(*(each.tolist() for each in np.nonzero(best.activation > level)), strict=True)
    )


def test_the_model_file(tmp_path: Path) -> None:
    structure = {"method": "read"}
    model = Model(make("deepbind"), "deepbind", "rna", "binary", ("t",), None, {"structure": structure})
    modelfile.save(model, tmp_path / "m.safetensors")
    with pytest.raises(UsageError, match="the model reads RNA structure, which only predict"):
        modelfile.load(tmp_path / "m.safetensors")
    loaded = modelfile.load(tmp_path / "m.safetensors", structure=True)
    assert loaded.structure == structure
    codes = rows([30])
    np.testing.assert_array_equal(predict(loaded.network, codes), predict(model.network, codes))


def test_a_model_without_structure_says_nothing_of_it(tmp_path: Path) -> None:
    network = make("deepbind", contexts=0)
    modelfile.save(Model(network, "deepbind", "rna", "binary", ("t",), None, {}), tmp_path / "m.safetensors")
    assert b"contexts" not in (tmp_path / "m.safetensors").read_bytes()
    assert modelfile.load(tmp_path / "m.safetensors").structure is None


def test_another_number_of_contexts_is_refused(tmp_path: Path) -> None:
    modelfile.save(Model(make("deepbind", contexts=5), "deepbind", "rna", "binary", ("t",), None, {}), tmp_path / "m")
    with pytest.raises(ModelFileError, match="settings"):
        modelfile.load(tmp_path / "m", structure=True)

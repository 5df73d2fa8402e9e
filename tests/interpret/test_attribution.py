"""Estimates from gradients: right where they can be checked, and honest about how complete they are."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from seqcnn.errors import SeqcnnError, UsageError
from seqcnn.interpret import attribution
from seqcnn.interpret.attribution import METHODS, attribute, check
from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models.architectures import deepbind
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import from_rows
from tests.interpret.plain_deepbind import SHAPES, make, random_sequences, score

SEQUENCES = random_sequences(np.random.default_rng(1), [40, 25, 40, 0, 61])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES[:6], ids=str)
def test_estimates_look_like_the_truth(shape: dict[str, Any], method: str) -> None:
    network = make(shape)
    found, exact = attribute(network, SEQUENCES, method), substitutions(network, SEQUENCES)
    assert np.array_equal(found.reference, exact.reference, equal_nan=True)
    assert found.change.shape == exact.change.shape
    assert np.corrcoef(found.change.reshape(-1), exact.change.reshape(-1))[0, 1] > 0.4
    own = SEQUENCES.data[:, None] == np.arange(4)
    assert (found.change[own] == 0).all()
    assert np.isnan(found.gap[3]).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_deeplift_is_complete(shape: dict[str, Any]) -> None:
    found = attribute(make(shape), SEQUENCES, "deeplift")
    there = SEQUENCES.lengths > 0
    assert np.abs(found.gap[there]).max() < 1e-9 * np.abs(found.from_baseline[there]).max() + 1e-12


def test_integrated_gradients_become_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    network, sequences = make({"hidden": 4}), random_sequences(np.random.default_rng(2), [30] * 20)
    gaps = []
    for steps in (4, 256):
        monkeypatch.setattr(attribution, "STEPS", steps)
        found = attribute(network, sequences, "integrated-gradients")
        gaps.append(np.abs(found.gap).mean() / np.abs(found.from_baseline).mean())
    assert gaps[1] < 0.25 * gaps[0]
    assert gaps[1] < 0.05


def test_the_baseline_is_n_everywhere() -> None:
    network, sequences = make({}), random_sequences(np.random.default_rng(2), [30] * 4)
    found = attribute(network, sequences, "gradient")
    blank = score(network, np.full((1, 30), 4, dtype=np.uint8)).mean(0)
    np.testing.assert_allclose(found.from_baseline, predict(network, sequences) - blank, atol=1e-5)


def test_gradients_are_not_taken_through_cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its recurrent layers have none in evaluation."""
    seen = []
    multipliers = attribution._multipliers

    def watch(*given: Any) -> Any:
        seen.append(torch.backends.cudnn.enabled)
        return multipliers(*given)

    monkeypatch.setattr(attribution, "_multipliers", watch)
    before = torch.backends.cudnn.enabled
    attribute(make({}), SEQUENCES, "gradient")
    assert seen
    assert not any(seen)
    assert torch.backends.cudnn.enabled == before


def test_gradient_is_the_slope_of_the_definition() -> None:
    network, codes = make({"n_members": 2, "hidden": 6}), SEQUENCES[0]
    x = torch.from_numpy(one_hot(codes[None])).double()
    change = attribute(network, from_rows([codes]), "gradient").change[:, :, 0]
    small = 1e-6
    for place in range(0, 40, 7):
        for alternative in range(4):
            moved = x.clone()
            moved[0, :, place] *= 1 - small
            moved[0, alternative, place] += small
            slope = (of_one_hot(network, moved) - of_one_hot(network, x)) / small
            assert change[place, alternative] == pytest.approx(slope, abs=1e-3)


def of_one_hot(network: deepbind.Model, x: torch.Tensor) -> float:
    """Return the ensemble's score by the definition, of one-hot that need not be 0 and 1."""
    k = network.settings.kernel_size
    padded = functional.pad(x, (k - 1, k - 1), value=0.25)
    total = 0.0
    for m in range(network.settings.n_members):
        weights = {name: value[m].double() for name, value in network.named_parameters()}
        strands = []
        for filters in (weights["filters"], weights["filters"].flip(1, 2)):
            pooled = functional.relu(functional.conv1d(padded, filters).amax(2) - weights["threshold"])
            hidden = functional.relu(pooled @ weights["hidden_weight"] + weights["hidden_bias"])
            strands.append(hidden @ weights["output_weight"] + weights["output_bias"])
        total += float(torch.stack(strands).max())
    return total / network.settings.n_members


@pytest.mark.parametrize("method", METHODS)
def test_a_sequence_is_judged_alone(method: str) -> None:
    """What else is in the batch changes nothing, also where windows are like the baseline."""
    network = make({"hidden": 0})
    codes = [random_sequences(np.random.default_rng(seed), [60], 0)[0].copy() for seed in range(4)]
    codes[1][10:45] = 4
    together = attribute(network, from_rows(codes), method).change.reshape(4, 60, 4)
    for row, each in zip(codes, together, strict=True):
        alone = attribute(network, from_rows([row]), method).change[:, :, 0]
        np.testing.assert_allclose(each, alone, atol=1e-6)


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="unknown method 'shap'; there are: gradient, integrated-gradients, deeplift"):
        attribute(make({}), SEQUENCES, "shap")

    class Other(deepbind.Model):
        pass

    with pytest.raises(UsageError, match="gradient is not for networks of this architecture; --method saturation is"):
        check(Other(deepbind.Settings()), "gradient")
    network = make({})
    network.rule = "window"
    with pytest.raises(UsageError, match="reads sequences whole"):
        check(network, "gradient")
    real = builtins.__import__

    def without_captum(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("captum"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_captum)
    check(make({}), "gradient")
    with pytest.raises(SeqcnnError, match=r"deeplift needs the library captum: pip install 'seqcnn\[attribution\]'"):
        check(make({}), "deeplift")


def test_modules_are_never_shared() -> None:
    """DeepLIFT's hooks go wrong where an activation is used twice."""
    strand = attribution._Strand(make({"pooling": "max-average"}), 0, 30, reverse=True)
    modules = [module for module in strand.modules() if isinstance(module, nn.ReLU | nn.MaxPool1d)]
    assert len(modules) == 4

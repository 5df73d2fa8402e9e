"""Training and prediction on a CUDA device: what the CPU gives, nothing waits, and what is recorded does the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.streamed import Streamed
from seqcnn.models.device import find
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.training import graph
from seqcnn.training.feed_device import Resident
from seqcnn.training.fit import Fit, fit
from seqcnn.training.optimiser import Rates
from seqcnn.training.step import OnDevice
from tests.training.test_fit import make, plan, simulate, weights
from tests.training.test_parallel import launch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"hidden": 0}, {"task": "regression"}),
    ({"pooling": "max-average"}, {"optimiser": "sgd", "schedule": "constant"}),
]


def on_gpu(seeds: list[int], **options: Any) -> Network:
    device = find("cuda")
    network = make(seeds, **options).to(device)
    network.seed(seeds)
    return network


def recordings(fitted: Fit) -> int:
    assert isinstance(fitted.step, OnDevice)
    assert fitted.step.problem == ""
    return fitted.step.recordings


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("options", "changes"), KINDS)
def test_a_fit_is_that_of_the_cpu(options: dict[str, Any], changes: dict[str, Any], ragged: bool) -> None:
    task = changes.get("task", "binary")
    train, valid = (simulate(n, seed, task=task, ragged=ragged) for n, seed in ((300, 0), (100, 1)))
    networks = make([1, 2], n_filters=8, **options), on_gpu([1, 2], n_filters=8, **options)
    fits = [Fit(network, train, valid, plan(2, epochs=6, **changes)) for network in networks]
    histories = [fitted.run() for fitted in fits]
    assert recordings(fits[1]) >= 1
    assert isinstance(fits[1].feed, Resident)
    for one, other in zip(histories[0].epochs, histories[1].epochs, strict=True):
        np.testing.assert_allclose(one.validation_score, other.validation_score, atol=1e-3)
        np.testing.assert_allclose(one.training_loss, other.training_loss, atol=1e-3)
    scores = [member_scores(network, valid.sequences) for network in networks]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)


@pytest.mark.parametrize("pooling", ["max", "max-average"])
@pytest.mark.parametrize("ragged", [False, True])
def test_predictions_are_those_of_the_cpu(pooling: str, ragged: bool) -> None:
    sequences = simulate(5000, 0, ragged=ragged, length=150).sequences
    network = make([1, 2, 3], n_filters=16, kernel_size=12, pooling=pooling).eval()
    wanted = member_scores(network, sequences)
    found = member_scores(network.to(find("cuda")), sequences)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_recorded_steps_do_the_same(dropout: float, ragged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    train = simulate(200, 0, ragged=ragged)
    results = []
    for recorded in (True, False):
        monkeypatch.setattr(graph, "WARM_UP", 3 if recorded else 1 << 30)
        network = on_gpu([1, 2], dropout=dropout)
        fitted = Fit(network, train, None, plan(rates=[Rates(0.02, 0.1), Rates(0.01)], epochs=5, decay_from=20))
        fitted.run()
        assert (recordings(fitted) > 0) is recorded
        results.append(weights(network))
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name], rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # says that it is a prototype
@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
def test_nothing_waits_within_an_epoch(ragged: bool, resample: bool) -> None:
    train = simulate(600, 0, ragged=ragged)
    train.origin[1::2] = Origin.DINUCLEOTIDE
    seen = []

    def watch(done: int, total: int, _: torch.Tensor) -> None:
        if done == total:
            torch.cuda.set_sync_debug_mode("default")
        elif fitted.epoch >= 1:  # in the first, libraries are set up and steps recorded
            torch.cuda.set_sync_debug_mode("error")
            seen.append(done)

    fitted = Fit(on_gpu([1, 2], dropout=0.2), train, None, plan(2, epochs=3, resample=resample))
    try:
        fitted.run(on_batch=watch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(seen) == 2 * (fitted.feed.n_batches - 1)
    assert recordings(fitted) >= 1


def test_bf16_learns_as_well() -> None:
    train, valid = simulate(1000, 0), simulate(400, 1)
    scores = {}
    for precision in ("float32", "bf16"):
        network = on_gpu([1, 2], n_filters=16)
        network.precision = precision
        fitted = Fit(network, train, valid, plan(2, epochs=8, rates=[Rates(0.03)] * 2))
        scores[precision] = np.mean(fitted.run().best_score)
        assert recordings(fitted) >= 1
    assert scores["bf16"] > scores["float32"] - 0.01 > 0.9


def test_from_disk(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "d.h5", "dna", ["bound"]) as writer:
        writer.append(simulate(3000, 0))
        writer.finish({})
    streamed = Streamed(Dataset(tmp_path / "d.h5"), SplitOptions(valid_fraction=0.2), both_strands=True, seed=0)
    network = on_gpu([1], n_filters=8)
    fitted = Fit(network, streamed, streamed.held_out("valid"), plan(epochs=4, rates=[Rates(0.03)]))
    assert fitted.run().best_score[0] > 0.9
    assert recordings(fitted) >= 1


def test_a_lost_member_is_given_up() -> None:
    network = on_gpu([1, 2])
    rates = [Rates(0.01), Rates(1e30)]
    history = fit(network, simulate(128), None, plan(rates=rates, bears_loss=True, epochs=4))
    assert list(history.lost) == [1]
    assert all(parameter[0].isfinite().all() and not parameter[1].any() for parameter in network.parameters())


@pytest.mark.parametrize("words", [[], ["--precision", "bf16"]])
def test_command(words: list[str], tmp_path: Path) -> None:
    examples: Examples = simulate(400, 0)
    with DatasetWriter(tmp_path / "d.h5", "dna", ["bound"]) as writer:
        writer.append(examples)
        writer.finish({})
    command = [sys.executable, "-m", "seqcnn", "train", tmp_path / "d.h5", "-o", tmp_path / "run", "--epochs", "2"]
    done = subprocess.run([*map(str, command), *words], capture_output=True, text=True, check=True, env=os.environ)
    assert "device cuda" in done.stderr  # --device auto takes it, and says so


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_devices_do_what_one_does(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    with DatasetWriter(tmp_path / "d.h5", "dna", ["bound"]) as writer:
        writer.append(simulate(401, 0))
        writer.finish({})
    words = ["-m", "seqcnn", "train", tmp_path / "d.h5", "--epochs", "3", "--n-filters", "8", "--batch-size", "16"]
    for n in (1, 2):
        done = launch(n, *words, "-o", tmp_path / str(n))
        assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / str(n) / "model.safetensors") for n in (1, 2))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=1e-5)

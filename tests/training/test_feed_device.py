"""What feeds a fit on a GPU, on the CPU: the batches are those of the feed in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models.network import Network
from seqcnn.training import feed as feed_module
from seqcnn.training.feed import InMemory, refresh
from seqcnn.training.feed_device import Codes, Resident, fits
from seqcnn.training.feeds import create_feed
from tests.training.test_fit import make, simulate

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def as_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Network, "on_cpu", property(lambda _: False))
    monkeypatch.setattr(feed_module, "GATHER", 32)


def examples_of(ragged: bool) -> Examples:
    examples = simulate(100, 0, ragged=ragged)
    return replace(
        examples,
        origin=np.where(np.arange(100) % 3 == 0, Origin.DINUCLEOTIDE, Origin.GIVEN).astype(np.uint8),
        weights=np.arange(100, dtype=np.float32),
    )


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_batches_are_those_from_memory(batch_size: int, ragged: bool) -> None:
    examples, network = examples_of(ragged), make([1])
    resident = create_feed(examples, network, batch_size, resample=True, seed=5, last_epoch=3)
    memory = InMemory(examples, network, batch_size, resample=True, seed=5)
    assert isinstance(resident, Resident)
    assert resident.complete == memory.complete
    assert resident.digest() == memory.digest()
    for epoch in (1, 2, 3, 4, 2):
        for skip in (0, 1, 3):
            pairs = zip(resident.batches(epoch, skip), memory.batches(epoch, skip), strict=True)
            for one, other in pairs:
                assert np.array_equal(one.rows, other.rows)
                assert torch.equal(one.targets, other.targets)
                assert one.weights is not None
                assert torch.equal(one.weights, other.weights)
                codes, lengths = one.inputs
                wanted, wanted_lengths = other.inputs
                assert torch.equal(codes[:, : wanted.shape[1]], wanted)
                assert (codes[:, wanted.shape[1] :] == 4).all()  # filled up with N
                if ragged and wanted_lengths is not None:
                    assert torch.equal(lengths, wanted_lengths)


def test_few_widths_occur() -> None:
    feed = Resident(simulate(300, 0, ragged=True, length=200), make([1]), 10, resample=False, seed=1)
    widths = {batch.inputs[0].shape[1] for batch in feed.batches(1)}
    assert all(width % 32 == 0 for width in widths)
    assert len(widths) <= 7


@pytest.mark.parametrize("ragged", [False, True])
def test_codes(ragged: bool) -> None:
    sequences = simulate(40, 0, ragged=ragged).sequences
    codes = Codes(sequences, CPU)
    rows = np.array([5, 0, 39, 5])
    for _ in range(2):
        taken, lengths = codes.take(torch.from_numpy(rows), int(sequences.lengths[rows].max()))
        for row, length, got in zip(rows, sequences.lengths[rows], taken, strict=True):
            assert np.array_equal(got[:length].numpy(), sequences[row])
            assert (got[length:] == 4).all()
        assert (lengths is None) is not ragged
        sequences = refresh(replace(examples_of(ragged).take(np.arange(40)), sequences=sequences), 1, 1)
        codes.refill(sequences)


def test_room_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = simulate(100)
    assert fits(examples, CPU)
    for free, wanted in ((1 << 30, True), (5000, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 1 << 40))
        assert fits(examples, torch.device("cuda:0")) is wanted


def test_without_room_examples_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from seqcnn.training import feeds

    monkeypatch.setattr(feeds, "fits", lambda *_: False)
    feed = create_feed(simulate(10), make([1]), 5, resample=False, seed=1, last_epoch=1)
    assert type(feed) is InMemory

"""What feeds a fit: every example once an epoch, fresh shuffles, and the same batches after an interruption."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models.predict import member_scores
from seqcnn.training import feed as module
from seqcnn.training.feed import InMemory, refresh
from tests.training.test_fit import make, simulate


def make_feed(examples: Examples, batch_size: int, *, resample: bool = False) -> InMemory:
    return InMemory(examples, make([1]).eval(), batch_size, resample=resample, seed=5)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 50, 64, 1000])
def test_every_example_once_an_epoch(batch_size: int, ragged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER", 32)
    feed = make_feed(simulate(100, 0, ragged=ragged), batch_size)
    rows = [batch.rows for batch in feed.batches(1)]
    assert sorted(np.concatenate(rows).tolist()) == list(range(100))
    assert all(0 < len(each) <= batch_size for each in rows)
    assert len(rows) == -(-100 // batch_size)  # as many as there are steps in the schedule
    assert len(rows) == feed.n_batches
    again, other = (np.concatenate([batch.rows for batch in feed.batches(epoch)]).tolist() for epoch in (1, 2))
    assert np.concatenate(rows).tolist() == again != other


def test_rows_and_inputs_belong_together() -> None:
    for ragged in (False, True):
        examples = simulate(100, 0, ragged=ragged)
        feed = make_feed(examples, 9)
        wanted = member_scores(feed.network, examples.sequences)[0]
        with torch.no_grad():
            for batch in feed.batches(1):
                np.testing.assert_allclose(feed.network(batch.inputs)[0].numpy(), wanted[batch.rows], atol=1e-6)
                assert examples.targets is not None
                assert np.array_equal(batch.targets.numpy(), examples.targets[batch.rows])


@pytest.mark.parametrize("ragged", [False, True])
def test_weights_go_with_their_examples(ragged: bool) -> None:
    examples = simulate(100, 0, ragged=ragged)
    assert all(batch.weights is None for batch in make_feed(examples, 9).batches(1))
    weights = np.random.default_rng(0).random(100).astype(np.float32)
    for batch in make_feed(replace(examples, weights=weights), 9).batches(1):
        assert batch.weights is not None
        assert np.array_equal(batch.weights.numpy(), weights[batch.rows])


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("batch_size", [7, 50])
def test_skipping_batches(ragged: bool, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows is the same to the bit."""
    monkeypatch.setattr(module, "GATHER", 32)
    examples = simulate(100, 0, ragged=ragged)
    examples = replace(examples, origin=np.full(100, Origin.DINUCLEOTIDE, dtype=np.uint8))
    feed = make_feed(examples, batch_size, resample=True)
    whole = list(feed.batches(3))
    for skip in range(len(whole) + 1):
        rest = list(feed.batches(3, skip))
        assert len(rest) == len(whole) - skip
        for one, other in zip(rest, whole[skip:], strict=True):
            assert np.array_equal(one.rows, other.rows)
            assert torch.equal(one.inputs.rows, other.inputs.rows)
            assert torch.equal(one.targets, other.targets)


def pairs(row: NDArray[np.uint8]) -> Counter[tuple[int, int]]:
    return Counter(pairwise(row.tolist()))


@pytest.mark.parametrize("ragged", [False, True])
def test_refresh(ragged: bool) -> None:
    examples = simulate(60, 0, ragged=ragged)
    origin = np.array([Origin.GIVEN, Origin.DINUCLEOTIDE, Origin.GC, Origin.FLANK] * 15, dtype=np.uint8)
    examples = replace(examples, origin=origin)
    before = examples.sequences.data.copy()
    rounds = [refresh(examples, 1, number) for number in (1, 2)]
    again = refresh(examples, 1, 1)
    assert np.array_equal(examples.sequences.data, before)  # the set itself stays
    assert np.array_equal(rounds[0].data, again.data)
    assert not np.array_equal(rounds[0].data, refresh(examples, 2, 1).data)
    for shuffled in rounds:
        assert np.array_equal(shuffled.offsets, examples.sequences.offsets)
        changed = 0
        for row, (old, new) in enumerate(zip(examples.sequences, shuffled, strict=True)):
            assert pairs(old) == pairs(new)
            if origin[row] == Origin.DINUCLEOTIDE:
                changed += not np.array_equal(old, new)
            else:
                assert np.array_equal(old, new)
        assert changed > 10
    assert not np.array_equal(rounds[0].data, rounds[1].data)


def test_refresh_without_shuffles() -> None:
    examples = simulate(10)
    assert refresh(examples, 1, 1) is examples.sequences

"""What feeds a fit from disk: every example once an epoch, mixed, the same after an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqcnn.dataset import streamed as blocks
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.streamed import Streamed
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.training import feed_disk as module
from seqcnn.training.feed_disk import FromDisk
from seqcnn.training.fit import fit
from tests.training.test_fit import make, plan, simulate, weights

N = 700


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_LETTERS", 600)
    monkeypatch.setattr(module, "BLOCKS_AT_ONCE", 5)


def make_feed(
    folder: Path, batch_size: int = 16, *, ragged: bool = False, resample: bool = False, valid: float = 0.0
) -> tuple[FromDisk, Examples]:
    examples = simulate(N, 0, ragged=ragged)
    if resample:
        examples.origin[1::2] = Origin.DINUCLEOTIDE
    with DatasetWriter(folder / "d.h5", "dna", ["bound"]) as writer:
        writer.append(examples)
        writer.finish({})
    streamed = Streamed(Dataset(folder / "d.h5"), SplitOptions(valid_fraction=valid), both_strands=True, seed=0)
    return FromDisk(streamed, make([1]).eval(), batch_size, resample=resample, seed=5), examples


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("batch_size", [1, 16, 150, 5000])
def test_every_training_example_once_an_epoch(batch_size: int, ragged: bool, tmp_path: Path) -> None:
    feed, _ = make_feed(tmp_path, batch_size, ragged=ragged, valid=0.3)
    rows = [batch.rows for batch in feed.batches(1)]
    streamed = feed.examples
    train = [row for block in range(streamed.n_blocks) for row in streamed.read([block])[1].tolist()]
    assert sorted(np.concatenate(rows).tolist()) == train
    assert len(feed) == len(train) < N
    assert [len(each) for each in rows[:-1]] == [batch_size] * (len(rows) - 1)
    assert len(rows) == feed.n_batches == -(-len(train) // batch_size)
    again, other = (np.concatenate([batch.rows for batch in feed.batches(epoch)]).tolist() for epoch in (1, 2))
    assert np.concatenate(rows).tolist() == again != other


def test_examples_are_mixed(tmp_path: Path) -> None:
    feed, _ = make_feed(tmp_path)
    of_windows = [np.concatenate([batch.rows for batch in feed.batches(epoch)])[:100] for epoch in (1, 2)]
    for rows in of_windows:
        assert len(np.unique(rows // feed.examples.rows_per_block)) >= 5  # from several places
        assert np.abs(np.diff(rows)).mean() > 30  # in no order
    assert len(np.intersect1d(*of_windows)) < 60  # other blocks are brought together


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("as_device", [False, True])
def test_rows_inputs_and_targets_belong_together(
    ragged: bool, as_device: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, examples = make_feed(tmp_path, 9, ragged=ragged)
    wanted = member_scores(feed.network, examples.sequences)[0]
    if as_device:
        monkeypatch.setattr(Network, "on_cpu", property(lambda _: False))
    assert examples.targets is not None
    with torch.no_grad():
        for batch in feed.batches(1):
            np.testing.assert_allclose(feed.network(batch.inputs)[0].numpy(), wanted[batch.rows], atol=1e-6)
            assert np.array_equal(batch.targets.numpy(), examples.targets[batch.rows])
    assert feed.names(np.array([3, 0])) == ["example 3", "example 0"]


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("batch_size", [7, 100, 650])
def test_skipping_batches(ragged: bool, batch_size: int, tmp_path: Path) -> None:
    """What follows is the same to the bit."""
    feed, _ = make_feed(tmp_path, batch_size, ragged=ragged, resample=True)
    whole = list(feed.batches(3))
    n = len(whole)
    for skip in sorted({0, 1, 2, n // 2, n - 1, n}):
        rest = list(feed.batches(3, skip))
        assert len(rest) == len(whole) - skip
        for one, other in zip(rest, whole[skip:], strict=True):
            assert np.array_equal(one.rows, other.rows)
            assert torch.equal(one.inputs.rows, other.inputs.rows)
            assert torch.equal(one.targets, other.targets)


def test_fresh_shuffles(tmp_path: Path) -> None:
    feed, examples = make_feed(tmp_path, 50, resample=True)
    seen = []
    for epoch in (1, 1, 2):
        codes = np.empty((N, 30), dtype=np.uint8)
        for piece in feed._pieces(epoch, *feed._windows(epoch), 0):
            codes[piece.ids] = piece.examples.sequences.padded()
        seen.append(codes)
    original = examples.sequences.padded()
    assert np.array_equal(seen[0], seen[1])
    for codes in seen:
        assert np.array_equal(codes[::2], original[::2])
        assert np.mean((codes[1::2] != original[1::2]).any(1)) > 0.9
        assert np.array_equal(np.sort(codes, axis=1), np.sort(original, axis=1))
    assert not np.array_equal(seen[0], seen[2])


def test_it_learns_what_it_learns_from_memory(tmp_path: Path) -> None:
    feed, examples = make_feed(tmp_path)
    valid = simulate(200, 1)
    scores = []
    for train in (feed.examples, examples):
        network = make([1], n_filters=8)
        scores.append(fit(network, train, valid, plan(epochs=6)).best_score[0])
    assert min(scores) > 0.9


def test_same_seed_same_result(tmp_path: Path) -> None:
    feed, _ = make_feed(tmp_path, ragged=True, resample=True)
    results = []
    for seed in (1, 1, 2):
        network = make([1, 2], dropout=0.2)
        fit(network, feed.examples, None, plan(2, epochs=2, seed=seed, resample=True))
        results.append(weights(network))
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())
    assert not all(torch.equal(value, results[2][name]) for name, value in results[0].items())

"""Changes of training sequences: what each does, how much, and that nothing but seed, epoch and example decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.models.network import Network, to_tensors
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import from_rows
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.feed import InMemory
from seqcnn.training.feed_device import Resident
from seqcnn.training.feed_disk import FromDisk
from tests.training.test_feed_disk import make_feed
from tests.training.test_feed_disk import small_blocks as small_blocks
from tests.training.test_fit import make, simulate

CPU = torch.device("cpu")
EVERYTHING = Augmentation(5, True, 0.1, 4)
Rows = Sequence[NDArray[np.uint8]]


def change(how: Augmentation, rows: Rows, *, seed: int = 0, epoch: int = 1, ids: Sequence[int] = ()) -> Rows:
    """Return changed sequences, each as long as it was; nothing stands beyond their ends."""
    codes, lengths = to_tensors(from_rows(rows), CPU)
    numbers = torch.tensor(list(ids) or range(len(rows)))
    before = codes.clone()
    out = how(codes, lengths, numbers, seed, epoch).numpy()
    assert torch.equal(codes, before)
    assert all((line[len(row) :] == 4).all() for line, row in zip(out, rows, strict=True))
    return [line[: len(row)] for line, row in zip(out, rows, strict=True)]


def draw(lengths: Sequence[int], seed: int = 0) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [rng.choice(5, n, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8) for n in lengths]


def moved(row: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """Return a sequence moved to the right, N in its place."""
    padded = np.concatenate([np.full(len(row), 4), row, np.full(len(row), 4)]).astype(np.uint8)
    return padded[len(row) - by : 2 * len(row) - by]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 60), st.integers(0, 2**63))
def test_a_shifted_sequence_is_the_same_bases_moved(lengths: list[int], shift: int, seed: int) -> None:
    rows = draw(lengths, seed % 1000)
    for row, found in zip(rows, change(Augmentation(shift), rows, seed=seed), strict=True):
        most = min(shift, len(row) // 2)
        assert any(np.array_equal(found, moved(row, by)) for by in range(-most, most + 1))


def test_every_shift_is_as_likely() -> None:
    row = np.arange(20, dtype=np.uint8) % 4
    row[0] = 3  # so that no two shifts look alike
    found = change(Augmentation(3), [row] * 3500)
    counts = [sum(np.array_equal(each, moved(row, by)) for each in found) for by in range(-3, 4)]
    assert sum(counts) == 3500
    assert min(counts) > 400
    assert max(counts) < 600


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(0, 1000))
def test_every_other_sequence_is_turned(lengths: list[int], seed: int) -> None:
    rows = draw(lengths, seed)
    for row, found in zip(rows, change(Augmentation(reverse_complement=True), rows, seed=seed), strict=True):
        assert np.array_equal(found, row) or np.array_equal(found, reverse_complement(row))


def test_half_of_the_sequences_are_turned() -> None:
    row = np.array([0, 1, 1, 2], dtype=np.uint8)
    turned = [not np.array_equal(each, row) for each in change(Augmentation(reverse_complement=True), [row] * 2000)]
    assert 0.45 < np.mean(turned) < 0.55
    shifted = change(Augmentation(2), [np.arange(9, dtype=np.uint8) % 4] * 2000)
    to_the_right = np.array([each[0] == 4 for each in shifted])
    assert abs(np.corrcoef(to_the_right, turned)[0, 1]) < 0.08  # each draw by itself


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.75])
def test_the_rate_of_mutations(rate: float) -> None:
    rows = draw([200] * 300)
    found = np.stack(change(Augmentation(mutate_rate=rate), rows))
    before = np.stack(rows)
    assert (found[before == 4] == 4).all()
    known = before[before != 4].astype(int)
    by = (found[before != 4].astype(int) - known) % 4
    assert (by != 0).mean() == pytest.approx(rate, rel=0.06)
    shares = np.bincount(by[by != 0])[1:] / (by != 0).sum()
    np.testing.assert_allclose(shares, 1 / 3, atol=0.06 if rate < 0.1 else 0.02)


def test_what_is_erased() -> None:
    rows = [row % 4 for row in draw([30, 31, 7, 1] * 500)]
    starts = set()
    for row, found in zip(rows, change(Augmentation(erase=10), rows), strict=True):
        gone = np.flatnonzero(found == 4)
        assert len(gone) == min(10, len(row) // 2)
        assert np.array_equal(np.delete(found, gone), np.delete(row, gone))
        if len(gone):
            assert gone[-1] - gone[0] + 1 == len(gone)
            starts.add((len(row), int(gone[0])))
    assert starts == {(n, at) for n, wide in ((30, 10), (31, 10), (7, 3)) for at in range(n - wide + 1)}


def test_nothing_but_seed_epoch_and_example_decides() -> None:
    rows = draw([30, 12, 25, 30, 18])
    found = change(EVERYTHING, rows)
    for i, row in enumerate(rows):  # alone, as in a batch of one
        assert np.array_equal(change(EVERYTHING, [row], ids=[i])[0], found[i])
    for other in (change(EVERYTHING, rows, seed=1), change(EVERYTHING, rows, epoch=2)):
        assert sum(np.array_equal(a, b) for a, b in zip(found, other, strict=True)) <= 1
    same = change(EVERYTHING, [rows[0]] * 5)
    assert len({each.tobytes() for each in same}) > 3


def test_it_is_true_where_it_changes_something() -> None:
    assert not Augmentation()
    for each in (Augmentation(1), Augmentation(0, True), Augmentation(mutate_rate=0.1), Augmentation(erase=1)):
        assert each


def codes_of(batch: object) -> dict[int, bytes]:
    """Return the codes of each row of a batch for a device, without what fills them up."""
    codes, lengths = batch.inputs  # type: ignore[attr-defined]
    sizes = [codes.shape[1]] * len(codes) if lengths is None else lengths.tolist()
    rows = batch.rows.tolist()  # type: ignore[attr-defined]
    return {row: codes[i, : sizes[i]].numpy().tobytes() for i, row in enumerate(rows)}


@pytest.mark.parametrize("ragged", [False, True])
def test_every_feed_changes_alike(ragged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From memory, from a device and from disk, and after an interruption."""
    disk, examples = make_feed(tmp_path, 16, ragged=ragged)
    monkeypatch.setattr(Network, "on_cpu", property(lambda _: False))
    of = {"resample": False, "seed": 5, "augmentation": EVERYTHING}
    feeds = [
        InMemory(examples, make([1]), 16, **of),  # type: ignore[arg-type]
        Resident(examples, make([1]), 16, **of),  # type: ignore[arg-type]
        FromDisk(disk.examples, make([1]), 16, **of),  # type: ignore[arg-type]
    ]
    found = []
    for feed in feeds:
        batches = [codes_of(batch) for batch in feed.batches(2)]
        rest = [codes_of(batch) for batch in feed.batches(2, skip=5)]
        assert rest == batches[5:]
        found.append({row: codes for batch in batches for row, codes in batch.items()})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == len(examples)
    plain = to_bytes(examples)
    assert sum(found[0][row] == plain[row] for row in plain) < 0.05 * len(plain)
    assert [len(found[0][row]) for row in plain] == [len(plain[row]) for row in plain]


def to_bytes(examples: Examples) -> dict[int, bytes]:
    sequences = examples.sequences
    return {i: sequences.take(np.array([i])).data.tobytes() for i in range(len(examples))}


def test_labels_stay_with_their_sequences() -> None:
    examples = simulate(60)
    assert examples.targets is not None
    feed = InMemory(examples, make([1]), 8, resample=False, seed=1, augmentation=EVERYTHING)
    for batch in feed.batches(1):
        assert np.array_equal(batch.targets.numpy(), examples.targets[batch.rows])


def test_what_a_code_says_beyond_its_base_goes_with_it() -> None:
    """As with structural contexts: multiples of 5 are moved with the bases, and not changed."""
    rows, beyond = draw([20, 13, 17]), np.random.default_rng(1).integers(0, 7, (3, 20)).astype(np.uint8)
    above = [row + 5 * other[: len(row)] for row, other in zip(rows, beyond, strict=True)]
    moves, mutates = Augmentation(4, True), Augmentation(mutate_rate=0.3)
    for how in (moves, mutates):
        plain, full = change(how, rows), change(how, above)
        for one, other in zip(plain, full, strict=True):
            assert np.array_equal(one, other % 5)
    for full, before in zip(change(mutates, above), above, strict=True):
        assert np.array_equal(full // 5, before // 5)
    for full, before in zip(change(moves, above), above, strict=True):
        assert set(zip((full // 5).tolist(), (full % 5 == 4).tolist(), strict=True)) <= {
            *zip((before // 5).tolist(), (before % 5 == 4).tolist(), strict=True),
            (0, True),
        }

"""Checkpoints: a fit that is broken off after any step and gone on with becomes the same, bit for bit."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from seqcnn.dataset import streamed
from seqcnn.dataset.split import SplitOptions
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import InputError, UsageError
from seqcnn.models.network import Network
from seqcnn.training import checkpoint, feed_disk
from seqcnn.training.checkpoint import restore, save
from seqcnn.training.fingerprint import fingerprint
from seqcnn.training.fit import Fit
from seqcnn.training.optimiser import Rates
from tests.training.interrupted import KINDS, Kind, begin, break_off, draw, go_on, result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@pytest.fixture
def saved(path: Path) -> Path:
    """A checkpoint in the middle of an epoch."""
    assert not break_off(begin(KINDS["fresh negatives"]), 5, path)
    return path


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
def test_broken_off_after_each_step(kind: Kind, tmp_path: Path) -> None:
    whole = begin(kind)
    prints, files = fingerprint(whole), []

    def keep(fit: Fit) -> None:
        files.append(tmp_path / f"{len(files)}.safetensors")
        save(fit, files[-1], prints)

    whole.run(on_step=keep)
    expected = result(whole)
    assert len(files) == len(whole.history.epochs) * whole.feed.n_batches
    for file in files:
        again = go_on(file, kind)
        again.run()
        assert result(again) == expected
    assert bool(whole.history.lost) == bool(kind.plan.get("bears_loss"))
    assert (whole.epoch < whole.plan.epochs) == ("patience" in kind.plan or len(whole.history.lost) == 2)


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
def test_broken_off_again_and_again(kind: Kind, path: Path) -> None:
    whole = begin(kind)
    whole.run()
    fit = begin(kind)
    prints = fingerprint(fit)
    while not break_off(fit, 2, path, prints):
        fit = go_on(path, kind)
    assert result(fit) == result(whole)


def test_from_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a dataset that is not all in memory: some steps within an epoch, and between epochs."""
    monkeypatch.setattr(streamed, "BLOCK_LETTERS", 200)
    monkeypatch.setattr(feed_disk, "BLOCKS_AT_ONCE", 2)
    kind = KINDS["fresh negatives of other lengths"]
    with DatasetWriter(path.with_name("d.h5"), "dna", ["bound"]) as writer:
        writer.append(draw(150, 3, kind))
        writer.finish({})

    def begin_from_disk() -> Fit:
        data = Streamed(Dataset(path.with_name("d.h5")), SplitOptions(valid_fraction=0.1), both_strands=True, seed=0)
        network = begin(kind, seeds=4).network
        plan = begin(kind, epochs=3).plan
        return Fit(network, data, draw(12, 2, kind), plan)

    whole = begin_from_disk()
    whole.run()
    n = whole.feed.n_batches
    assert n > 6
    for steps in (1, n - 1, n, n + 4, 3 * n):
        assert not break_off(begin_from_disk(), steps, path, fingerprint(begin_from_disk()))
        again = begin_from_disk()
        restore(again, path, fingerprint(again))
        again.run()
        assert result(again) == result(whole)


def test_several_threads(path: Path) -> None:
    torch.set_num_threads(2)
    kind = Kind({"n_filters": 64, "n_members": 4, "dropout": 0.2}, {"rates": [Rates(0.02)] * 4})
    whole = begin(kind)
    whole.run()
    assert not break_off(begin(kind), 4, path)
    again = go_on(path, kind)
    again.run()
    assert result(again) == result(whole)


def test_a_fit_that_has_ended(path: Path) -> None:
    """Its checkpoint stands for what it became: nothing is trained again."""
    whole = begin()
    whole.run()
    save(whole, path, fingerprint(begin()))
    again = go_on(path, KINDS["usual"])
    calls: list[object] = []
    again.run(on_step=calls.append)
    assert calls == []
    assert result(again) == result(whole)


def test_nothing_in_it_is_a_pickle_and_others_can_read_it(saved: Path) -> None:
    with safe_open(saved, framework="np") as opened:
        about = json.loads(opened.metadata()["seqcnn"])
        assert set(opened.keys()) == {
            "weights",
            "best.weights",
            "moment.first",
            "moment.second",
            "losses",
            "history",
            "pace",
            "best",
        }
        assert opened.get_tensor("losses").shape == (2, 2)
        assert opened.get_tensor("history").shape == (1, 3, 2)
    assert (about["format"], about["epoch"], about["steps_done"]) == ("seqcnn checkpoint", 1, 5)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_truncated(share: float, saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    fit = begin(KINDS["fresh negatives"])
    with pytest.raises(
        InputError, match=r"checkpoint.safetensors: is not a checkpoint of seqcnn, or is damaged .*--force"
    ):
        restore(fit, saved, fingerprint(fit))


def test_damaged_anywhere(saved: Path) -> None:
    """A changed byte is never taken for what was saved, and never another error."""
    content = saved.read_bytes()
    kind = KINDS["fresh negatives"]
    whole = result(go_on(saved, kind))
    rng = np.random.default_rng(1)
    header = 8 + struct.unpack("<Q", content[:8])[0]
    places = [*range(16), *rng.integers(16, header, 150), *rng.integers(header, len(content), 100)]
    fit = begin(kind)
    prints = fingerprint(fit)
    found = 0
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        saved.write_bytes(bytes(changed))
        try:
            restore(fit, saved, prints)
        except InputError:
            found += 1
        else:
            assert result(fit) == whole
    assert found > 0.9 * len(places)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "seqcnn model"}, "seqcnn model, version 1, is not what"),
        ({"version": 2}, "seqcnn checkpoint, version 2, is not what"),
        ({"epoch": "x"}, "damaged"),
        ({"epoch": None}, "damaged"),
        ({"dropout": []}, "damaged"),
        ({"dropout": [{"bit_generator": "PCG64"}] * 2}, "damaged"),
        ({"lost": {"9": 1}}, "damaged"),
        ({"lost": []}, "damaged"),
        ({"fingerprint": 3}, "damaged"),
    ],
)
def test_other_content(change: dict[str, object], message: str, saved: Path) -> None:
    """Whole files, as only a hand or a later version would write them."""
    with safe_open(saved, framework="pt") as opened:
        about = json.loads(opened.metadata()["seqcnn"]) | change
    tensors = load_file(saved)
    write(saved, about, tensors)
    fit = begin(KINDS["fresh negatives"])
    with pytest.raises(InputError, match=message):
        restore(fit, saved, fingerprint(fit))


def write(path: Path, about: dict[str, object], tensors: dict[str, torch.Tensor]) -> None:
    text = json.dumps(about)
    save_file(tensors, path, {"seqcnn": text, "checksum": checkpoint._checksum(text, tensors)})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("weights", (1,)),
        ("moment.first", (3,)),
        ("losses", (2, 3)),
        ("history", (1, 3, 1)),
        ("pace", (2, 2)),
        ("best", (3, 3)),
    ],
)
def test_other_shapes(name: str, shape: tuple[int, ...], saved: Path) -> None:
    """Nothing is spread over what it does not fit."""
    with safe_open(saved, framework="pt") as opened:
        about = json.loads(opened.metadata()["seqcnn"])
    tensors = load_file(saved)
    for replaced in (torch.zeros(shape, dtype=tensors[name].dtype), None):
        left = {key: value for key, value in tensors.items() if key != name}
        write(saved, about, left if replaced is None else left | {name: replaced})
        fit = begin(KINDS["fresh negatives"])
        with pytest.raises(InputError, match="damaged"):
            restore(fit, saved, fingerprint(fit))


def test_not_a_checkpoint(tmp_path: Path) -> None:
    fit = begin()
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, other)
    with pytest.raises(
        InputError, match=r"other.safetensors: is not a checkpoint of seqcnn, or is damaged \(there is no checksum"
    ):
        restore(fit, other, fingerprint(fit))
    with pytest.raises(InputError, match="is not a checkpoint"):
        restore(fit, tmp_path, fingerprint(fit))


def test_of_another_run(saved: Path) -> None:
    fit = begin(KINDS["fresh negatives"], epochs=9)
    before = result(fit)
    with pytest.raises(UsageError, match=r"checkpoint.safetensors: is of another run \(epochs was 4, is 9\); give"):
        restore(fit, saved, fingerprint(fit))
    assert result(fit) == before


def test_the_old_one_stays_until_the_new_one_is_whole(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "sync", fail)
    with pytest.raises(KeyboardInterrupt):
        save(begin(), saved, {})
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_another_kind_of_device(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the CPU to a GPU and back: the same weights, and dropout that does not begin from the start again."""
    kind = KINDS["fresh negatives"]
    assert not break_off(begin(kind), 5, path)
    weights = go_on(path, kind).optimiser.weights.clone()
    monkeypatch.setattr(Network, "on_cpu", False)
    there = go_on(path, kind)
    assert torch.equal(there.optimiser.weights, weights)
    save(there, path, fingerprint(begin(kind)))
    monkeypatch.undo()
    back = go_on(path, kind)
    assert torch.equal(back.optimiser.weights, weights)
    masks = [fit.network.keep(50).numpy().tobytes() for fit in (back, begin(kind), go_on(path, kind))]
    assert masks[0] != masks[1]
    assert masks[0] == masks[2]
    back.run()


def test_the_way_of_a_gpu(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, where it can be watched: there too a fit goes on bit for bit."""
    monkeypatch.setattr(Network, "on_cpu", False)
    for name in ("fresh negatives", "unequal lengths", "sgd with momenta", "one is lost"):
        kind = KINDS[name]
        whole = begin(kind)
        whole.run()
        for steps in (1, 4, 6):
            assert not break_off(begin(kind), steps, path)
            again = go_on(path, kind)
            again.run()
            assert result(again) == result(whole)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["usual", "fresh negatives of other lengths", "sgd with momenta"])
def test_on_a_gpu(name: str, path: Path) -> None:
    """It goes on there, with the same dropout, but for the order in which numbers are added up; and on the CPU."""
    kind = KINDS[name]
    whole = begin(kind, device="cuda")
    whole.run()
    for steps in (1, 5, 6):
        assert not break_off(begin(kind, device="cuda"), steps, path)
        again = go_on(path, kind, "cuda")
        again.run()
        torch.testing.assert_close(again.optimiser.weights, whole.optimiser.weights, rtol=1e-3, atol=1e-3)
        elsewhere = go_on(path, kind)
        elsewhere.run()
        assert not break_off(begin(kind), steps, path)
        go_on(path, kind, "cuda").run()

"""The model file comes back exactly, or is refused in one line."""

from __future__ import annotations

import errno
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from seqcnn.errors import ModelFileError, OutputError
from seqcnn.models import architectures, modelfile
from seqcnn.models.modelfile import FILE_NAME, VERSION, Model, load, save
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import from_rows


def make(**options: Any) -> Model:
    shape = {"n_members": 2, "n_targets": 2, "n_filters": 3, "kernel_size": 5, "hidden": 4, "dropout": 0.25}
    network = architectures.create("deepbind", shape | options)
    network.seed(range(network.settings.n_members))
    names = tuple(f"target {i}, µ" for i in range(network.settings.n_targets))
    training = {"options": {"seed": 3}, "metrics": {"auroc": [0.5, 0.25]}, "name": "µ"}
    return Model(network.eval(), "deepbind", "dna", "binary", names, 101, training)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(make(), tmp_path / FILE_NAME)
    return tmp_path / FILE_NAME


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    return text


@pytest.mark.parametrize(
    "options",
    [{}, {"hidden": 0}, {"pooling": "max-average", "both_strands": False}, {"n_members": 1, "n_targets": 1}],
)
def test_round_trip(tmp_path: Path, options: dict[str, Any]) -> None:
    model = make(**options)
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    for field in ("architecture", "alphabet", "task", "target_names", "length", "training"):
        assert getattr(again, field) == getattr(model, field)
    assert again.network.settings == model.network.settings
    assert not again.network.training
    before, after = model.network.state_dict(), again.network.state_dict()
    assert list(before) == list(after)
    for name, value in before.items():
        assert torch.equal(value, after[name])
        assert value.dtype == after[name].dtype
    sequences = from_rows(np.random.default_rng(0).integers(0, 5, (20, 40)).astype(np.uint8))
    np.testing.assert_array_equal(member_scores(model.network, sequences), member_scores(again.network, sequences))


def test_saved_twice_is_the_same_file(path: Path) -> None:
    first = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == first


def test_others_can_read_it(path: Path) -> None:
    with safe_open(path, framework="np") as opened:
        about = json.loads(opened.metadata()["seqcnn"])
        assert opened.get_tensor("filters").shape == (2, 3, 4, 5)
    assert about["padding"].startswith("N (0.25")
    assert about["version"] == VERSION
    assert about["settings"]["kernel_size"] == 5


def test_the_folder_of_a_run(path: Path) -> None:
    assert load(path.parent).length == 101


def test_folder_without_a_model(tmp_path: Path) -> None:
    assert "is a folder without model.safetensors; name a run folder or a model file" in refusal(tmp_path)


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such file or folder" in refusal(tmp_path / "none.safetensors")


def test_every_truncation_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for size in [*range(0, 40), *range(40, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert "is not a seqcnn model, or is truncated" in refusal(path)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes(tmp_path: Path, content: bytes, with_length: bool) -> None:
    file = tmp_path / "random.safetensors"
    file.write_bytes((struct.pack("<Q", len(content)) if with_length else b"") + content)
    refusal(file)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_header_is_read_or_refused(path: Path, data: st.DataObject) -> None:
    whole = bytearray(path.read_bytes())
    (header,) = struct.unpack("<Q", whole[:8])
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, 8 + header - 1))] = data.draw(st.integers(0, 255))
    changed = path.with_name("changed.safetensors")
    changed.write_bytes(whole)
    try:
        load(changed)
    except ModelFileError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_safetensors_of_another_program(tmp_path: Path) -> None:
    for metadata in (None, {"format": "pt"}):
        save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors", metadata=metadata)
        assert "is a safetensors file, but not a seqcnn model" in refusal(tmp_path / "other.safetensors")


class Hostile:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (Path(self.target),))

    def __init__(self, target: Path) -> None:
        self.target = str(target)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for write in (
        lambda file: file.write_bytes(pickle.dumps(Hostile(mark))),
        lambda file: torch.save({"weights": Hostile(mark)}, file),
    ):
        write(tmp_path / "model.safetensors")
        refusal(tmp_path / "model.safetensors")
    assert not mark.exists()


def tamper(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], Any]) -> str:
    """Write the model with another description or other weights, and return why it is refused."""
    with safe_open(path, framework="pt") as opened:
        about = json.loads(opened.metadata()["seqcnn"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    other = change(about, tensors)
    save_file(tensors, path, metadata={"seqcnn": json.dumps(about if other is None else other)})
    return refusal(path)


def test_a_later_version(path: Path) -> None:
    text = tamper(path, lambda about, _: about.update(version=VERSION + 1))
    assert f"is a model of version {VERSION + 1}; this seqcnn reads up to {VERSION}; update seqcnn" in text


@pytest.mark.parametrize("version", ["1", "x", None, [1], {}])
def test_no_version(path: Path, version: object) -> None:
    assert "not a seqcnn model" in tamper(path, lambda about, _: about.update(version=version))


@pytest.mark.parametrize("other", [[], 3, "x", {}, {"format": "another", "version": 1}])
def test_no_description(path: Path, other: object) -> None:
    assert "not a seqcnn model" in tamper(path, lambda about, _: other)


@pytest.mark.parametrize("key", ["architecture", "settings", "alphabet", "task", "target_names", "length", "training"])
def test_missing_key(path: Path, key: str) -> None:
    text = tamper(path, lambda about, _: about.pop(key) and None)
    assert "do not fit together" in text
    assert key in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architecture", "bert"),
        ("architecture", "../deepbind"),
        ("architecture", None),
        ("settings", 5),
        ("settings", []),
        ("alphabet", "protein"),
        ("alphabet", ["dna"]),
        ("task", "ranking"),
        ("target_names", ["one"]),
        ("target_names", "ab"),
        ("length", "101"),
        ("length", 0),
        ("training", None),
    ],
)
def test_wrong_value(path: Path, key: str, value: object) -> None:
    assert "do not fit together" in tamper(path, lambda about, _: about.update({key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n_filters", 4),
        ("n_filters", -1),
        ("n_filters", "3"),
        ("n_filters", 3.0),
        ("n_filters", None),
        ("n_filters", 10**13),
        ("kernel_size", 0),
        ("hidden", 0),
        ("n_members", 1),
        ("both_strands", "no"),
        ("pooling", "mean"),
        ("pooling", "max-average"),
        ("dropout", "none"),
        ("unheard_of", 1),
    ],
)
def test_wrong_setting(path: Path, key: str, value: object) -> None:
    text = tamper(path, lambda about, _: about["settings"].update({key: value}))
    assert "do not fit together" in text


@pytest.mark.parametrize("key", ["n_filters", "kernel_size", "hidden", "n_members", "n_targets"])
def test_missing_setting(path: Path, key: str) -> None:
    """The default takes its place, and does not fit the weights."""
    assert "do not fit together" in tamper(path, lambda about, _: about["settings"].pop(key) and None)


def test_wrong_weights(path: Path) -> None:
    text = tamper(path, lambda _, tensors: tensors.update(filters=torch.zeros(2, 3, 4, 6)))
    assert "size mismatch for filters" in text
    path.unlink()
    save(make(), path)
    assert "threshold" in tamper(path, lambda _, tensors: tensors.pop("threshold") is None or None)
    path.unlink()
    save(make(), path)
    assert "extra" in tamper(path, lambda _, tensors: tensors.update(extra=torch.zeros(1)))


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, path: Path) -> None:
    before = path.read_bytes()
    model = make()
    model.training["cannot be written"] = object()
    with pytest.raises(TypeError):
        save(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own error, and what is on the disk afterwards."""
    resource = pytest.importorskip("resource")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the interpreter ignores SIGXFSZ
    try:
        with pytest.raises(OutputError, match="cannot write"):
            save(make(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def stop(name: Path, content: bytes) -> None:
        with name.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        save(make(), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": }'])
def test_a_description_that_is_not_json(path: Path, text: str) -> None:
    save_file({"a": torch.zeros(3)}, path, metadata={"seqcnn": text})
    assert "is not a seqcnn model, or is truncated" in refusal(path)


def test_a_write_has_no_name_but_the_one_it_was_given(tmp_path: Path) -> None:
    """What is killed leaves nothing else: the file that is there is filled, not replaced."""
    temporary = tmp_path / "temporary"
    temporary.touch()
    before = temporary.stat().st_ino
    modelfile.write_tensors({"a": torch.arange(3)}, temporary, {"seqcnn": "{}"}, tmp_path / "m")
    assert temporary.stat().st_ino == before
    with safe_open(temporary, framework="pt") as file:
        assert file.get_tensor("a").tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "cannot write (no space left on the device)"),
        (errno.EIO, "cannot write (input/output error)"),
    ],
)
def test_what_is_said_of_a_disk_is_put_in_plain_words(
    number: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OutputError) as caught:
        save(make(), tmp_path / "m")
    assert str(caught.value).startswith(f"{tmp_path / 'm'}: cannot write (")
    assert str(caught.value).endswith(told.removeprefix("cannot write ("))
    assert list(tmp_path.iterdir()) == []

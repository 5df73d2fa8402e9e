"""What is read of the architectures' files without running them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from seqcnn.models import architectures, catalogue
from seqcnn.models.settings import DEEP_TRAINING

DEEP = '"""New: a shape."""\n\n\nclass Settings({base}):\n    """Its shape."""\n\n    n_more: int = 3\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which more architectures may lie."""
    monkeypatch.setattr(architectures, "__path__", [*architectures.__path__, str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize("name", catalogue.trainable())
def test_training_options_that_serve_each(name: str) -> None:
    module = import_module(f"seqcnn.models.architectures.{name}")
    assert catalogue.training(name) == getattr(module, "TRAINING", {} if name == "deepbind" else DEEP_TRAINING)


@pytest.mark.parametrize(
    ("base", "said", "wanted"),
    [
        ("settings.Deep", "", DEEP_TRAINING),
        ("basset.Settings", "", DEEP_TRAINING),
        ("settings.Settings", "", {}),
        ("settings.Deep", 'TRAINING = {"members": 5}\n', {"members": 5}),
        ("settings.Settings", 'TRAINING = {"dropout": 0.3}\n', {"dropout": 0.3}),
    ],
)
def test_training_options_of_a_new_one(base: str, said: str, wanted: dict[str, float], folder: Path) -> None:
    """Its own, else what all deep ones have, from whatever it descends."""
    (folder / "anew.py").write_text(DEEP.format(base=base) + "\n\n" + said)
    assert catalogue.training("anew") == wanted
    assert catalogue.fields.__wrapped__("anew")["n_more"].default == 3
    catalogue._tree.cache_clear()

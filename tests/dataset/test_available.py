"""How much memory there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqcnn.dataset import available


def test_some_memory_is_there() -> None:
    there = available.available_memory()
    assert there is None or there > 1 << 20


def test_the_limit_of_a_control_group_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert available._of_group(tmp_path, "memory.max", "memory.current") == 3000
    (tmp_path / "memory.current").write_text("9000\n")
    assert available._of_group(tmp_path, "memory.max", "memory.current") == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert available._of_group(tmp_path, "memory.max", "memory.current") is None
    assert available._of_group(tmp_path / "nowhere", "memory.max", "memory.current") is None


def test_the_least_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "_of_machine", lambda: 100)
    limits = iter([None, 70])
    monkeypatch.setattr(available, "_of_group", lambda *_: next(limits))
    assert available.available_memory() == 70
    monkeypatch.setattr(available, "_of_machine", lambda: None)
    monkeypatch.setattr(available, "_of_group", lambda *_: None)
    assert available.available_memory() is None

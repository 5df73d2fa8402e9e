"""What torchrun's environment says of this process."""

from __future__ import annotations

import pytest

from seqcnn.processes import Place, place

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "host",
    "MASTER_PORT": "29500",
}


def put(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    for name, value in (TORCHRUN | changes).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


def test_place(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch)
    assert place() == Place(3, 4, 1, 2)
    assert not place().leads
    put(monkeypatch, RANK="0")
    assert place().leads


@pytest.mark.parametrize("name", TORCHRUN)
def test_without_all_that_torchrun_sets_a_process_is_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch systems set some of these names too."""
    for value in (None, ""):
        put(monkeypatch, **{name: value})
        assert place() == Place()
        assert place().leads


@pytest.mark.parametrize("changes", [{"RANK": "first"}, {"WORLD_SIZE": "1"}, {"LOCAL_RANK": "-1"}])
def test_what_makes_no_sense(changes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, **changes)
    assert place() == Place()

"""What a calibration keeps of finished trials, and what it refuses to go on with."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from seqcnn.errors import InputError, UsageError
from seqcnn.training.ledger import Ledger
from seqcnn.training.trials import Trial

PRINTS: dict[str, Any] = {"trials": 2, "search": {"hidden": "(0, 4)"}, "examples or their order": "abc"}


def trials() -> list[Trial]:
    return [Trial(i, {"hidden": 4 * i}) for i in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calibration.json"


def test_scores_come_back_to_the_last_bit(path: Path) -> None:
    written = trials()
    written[0].scores = {1: [1 / 3, math.nan], 0: [0.1 + 0.2, 5e-324]}
    written[2].scores = {2: [math.nan]}
    Ledger(path, PRINTS).write(written)
    read = trials()
    assert Ledger(path, dict(reversed(PRINTS.items()))).read(read) == 3
    assert [repr(dict(sorted(trial.scores.items()))) for trial in read] == [
        repr(dict(sorted(trial.scores.items()))) for trial in written
    ]


def test_nothing_there(path: Path) -> None:
    ledger = Ledger(path, PRINTS)
    assert ledger.read(trials()) == 0
    ledger.remove()
    ledger.write(trials())
    assert ledger.read(trials()) == 0
    ledger.remove()
    assert list(path.parent.iterdir()) == []


def test_the_file_is_whole_at_any_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = trials()
    written[0].scores = {0: [0.5]}
    ledger = Ledger(path, PRINTS)
    ledger.write(written)
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    written[1].scores = {0: [0.6]}
    with pytest.raises(KeyboardInterrupt):
        ledger.write(written)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trials": 3}, "calibration.json: is of another run .trials was 2, is 3.; give the data .* with --force"),
        ({"search": {"hidden": "(0, 5)"}}, "other search"),
        ({"examples or their order": "x"}, "other examples or their order"),
        ({"new": 1}, "new was not set, is 1"),
    ],
)
def test_another_calibration(change: dict[str, Any], said: str, path: Path) -> None:
    Ledger(path, PRINTS).write(trials())
    with pytest.raises(UsageError, match=said):
        Ledger(path, PRINTS | change).read(trials())


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: "",
        lambda content: content[: len(content) // 2],
        lambda content: "[]",
        lambda content: "7",
        lambda content: json.dumps(json.loads(content) | {"format": "other"}),
        lambda content: json.dumps(json.loads(content) | {"version": 2}),
        lambda content: json.dumps(json.loads(content) | {"fingerprint": 3}),
        lambda content: json.dumps(json.loads(content) | {"scores": 3}),
        lambda content: json.dumps(json.loads(content) | {"scores": {"1": 3}}),
        lambda content: json.dumps(json.loads(content) | {"scores": {"1": {"x": [1]}}}),
        lambda content: json.dumps(json.loads(content) | {"scores": {"1": {"1": ["x"]}}}),
    ],
)
def test_damaged(damage: Any, path: Path) -> None:
    ledger = Ledger(path, PRINTS)
    ledger.write(trials())
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=r"calibration.json: is not what a calibration keeps, or is damaged"):
        ledger.read(trials())


def test_bytes_that_are_no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is damaged"):
        Ledger(path, PRINTS).read(trials())

"""Outputs that are no streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Inputs, Runs, Shell


def test_what_cannot_go_to_a_stream(
    inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused, and no file is called -."""
    monkeypatch.chdir(tmp_path)
    for words in (
        ("encode", inputs.positives),
        ("train", inputs.positives, *SMALL),
        ("evaluate", runs.dna, inputs.labelled, "--label-pattern", "class:([01])"),
        ("export", runs.dna, "--to", "torch"),
        ("mutate", runs.dna, inputs.positives),
    ):
        done = shell(*words, "-o", "-")
        assert done.code in (1, 2)
        assert "cannot go to a stream (-); name a file" in done.err
    assert not list(tmp_path.iterdir())

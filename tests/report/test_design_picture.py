"""Pictures of designs."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from seqcnn.report import design_picture
from seqcnn.report.design_picture import Drawn, draw


def drawn(n: int, length: int, n_scores: int = 1) -> list[Drawn]:
    rng = np.random.default_rng(0)
    return [
        Drawn(f"s{i}", "ACGT" * (length // 4), np.arange(length) < i, rng.normal(size=(i + 1, n_scores)))
        for i in range(n)
    ]


def marked(figure: object) -> int:
    return sum(isinstance(patch, Rectangle) for patch in figure.axes[-1].patches)  # type: ignore[attr-defined]


def test_scores_and_changed_letters() -> None:
    figure = draw(drawn(4, 40, 2), ["A", "B"])
    first, second, letters = figure.axes
    assert (first.get_ylabel(), second.get_ylabel(), second.get_xlabel()) == ("A", "B", "edits")
    assert len(first.lines) == 8
    assert first.lines[6].get_xdata().tolist() == [0, 1, 2, 3]
    assert marked(figure) == 0 + 1 + 2 + 3
    assert [text.get_text() for text in letters.texts] == ["s0", "s1", "s2", "s3"]
    with np.errstate(all="raise"):
        figure.draw_without_rendering()


def test_many_and_long_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_picture, "MOST", 3)
    assert len(draw(drawn(5, 8), ["A"]).axes[-1].texts) == 3
    monkeypatch.setattr(design_picture, "PER_ROW", 44)
    wrapped = draw(drawn(2, 80), ["A"])
    assert marked(wrapped) == 1
    assert wrapped.axes[-1].get_ylim()[0] == 6
    monkeypatch.setattr(design_picture, "LONGEST", 100)
    assert len(draw(drawn(2, 200), ["A"]).axes) == 1


def test_names_are_not_mathematics() -> None:
    figure = draw([Drawn("V$A|V$B_{", "ACGT", np.zeros(4, dtype=bool), np.zeros((1, 1)))], ["score$1_{$"])
    figure.draw_without_rendering()

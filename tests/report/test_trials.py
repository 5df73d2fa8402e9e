"""The picture of a calibration: a panel a setting, a point a trial."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from seqcnn.report.trials import draw_trials
from seqcnn.training.search import Range, Space
from seqcnn.training.trials import Trial

SPACE: Space = {
    "hidden": (0, 32),
    "learning_rate": Range(1e-3, 1e-1, log=True),
    "momentum": Range(0.8, 0.9),
    "pooling": ("max", "max-average"),
    "filter_scale": Range(0.1, 1.0, log=True),
}


def trials() -> list[Trial]:
    """The third is the best; the fourth was lost; the first has values that are not searched, or none."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(6):
        settings = {
            "hidden": 32 * (i % 2),
            "learning_rate": 10 ** rng.uniform(-3, -1),
            "momentum": rng.uniform(0.8, 0.9),
            "pooling": "max" if i < 3 else "max-average",
            "filter_scale": rng.uniform(0.1, 1),
        }
        made.append(Trial(i, settings, {fold: [0.7 + 0.1 * (i == 2) + 0.01 * fold] for fold in range(3)}))
    made[0].settings |= {"hidden": 16, "filter_scale": None, "learning_rate": 0.0}
    made[3].scores[1] = [math.nan]
    return made


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Draw, and return the axes of the picture."""
    kept: list[Figure] = []
    usual = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (kept.append(self), usual(self, *a, **k))[1])

    def call(trials: list[Trial], space: Space, metric: str = "AUROC") -> list[Axes]:
        path = tmp_path / "trials.png"
        draw_trials(trials, space, metric, path)
        assert imread(path).shape[2] == 4
        return list(kept[-1].axes)

    return call


def points(axes: Axes) -> np.ndarray[Any, Any]:
    return np.asarray(axes.collections[1].get_offsets())


def test_a_panel_a_setting(drawn: Any) -> None:
    axes = drawn(trials(), SPACE)
    seen = [each for each in axes if each.get_visible()]
    assert [each.get_xlabel() for each in seen] == ["hidden", "learning rate", "momentum", "pooling", "filter scale"]
    assert seen[0].get_ylabel() == "AUROC, mean of folds"
    assert [each.get_xscale() for each in seen] == ["linear", "log", "linear", "linear", "log"]
    assert drawn(trials(), SPACE, "Pearson")[0].get_ylabel() == "Pearson, mean of folds"


def test_points_are_trials(drawn: Any) -> None:
    """Of those that have a score, and a value that can be drawn."""
    made = trials()
    axes = drawn(made, SPACE)
    momentum = points(axes[2])
    known = [trial for trial in made if trial.number != 3]
    np.testing.assert_allclose(momentum[:, 0], [trial.settings["momentum"] for trial in known])
    np.testing.assert_allclose(momentum[:, 1], [trial.best_checkpoint()[1] for trial in known])
    assert len(points(axes[1])) == len(points(axes[4])) == 4
    hidden = points(axes[0])
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["0", "16", "32"]
    assert np.round(hidden[:, 0]).tolist() == [1, 2, 0, 0, 2]
    lines = axes[2].collections[0].get_segments()
    np.testing.assert_allclose([line[:, 1] for line in lines][2], [0.8, 0.82])


def test_the_best_is_circled(drawn: Any) -> None:
    made = trials()
    for axes, name in zip(drawn(made, SPACE), SPACE, strict=False):
        circle = np.asarray(axes.collections[2].get_offsets())
        assert len(circle) == 1
        assert circle[0, 1] == pytest.approx(0.81)
        if name == "learning_rate":
            assert circle[0, 0] == made[2].settings[name]


def test_one_setting_and_no_scores(drawn: Any) -> None:
    lost = [Trial(i, {"hidden": 0}, {0: [math.nan]}) for i in range(2)]
    axes = drawn(lost, {"hidden": (0, 8)})
    assert len(axes) == 1
    assert len(points(axes[0])) == 0
    one = drawn([Trial(0, {"dropout": 0.1}, {0: [0.5]})], {"dropout": Range(0, 0.5)})
    assert len(points(one[0])) == 1


@pytest.mark.parametrize("high", [0.02, 0.2, 2000.0])
def test_numbers_on_a_log_axis_are_plain(high: float, drawn: Any) -> None:
    """At least two of them, however wide it is."""
    made = [Trial(i, {"x": value}, {0: [0.5]}) for i, value in enumerate(np.geomspace(0.01, high, 5))]
    axes = drawn(made, {"x": Range(0.01, high, log=True)})[0]
    low, top = axes.get_xlim()
    labels = [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= top]
    assert len([text for text in labels if text]) >= 2
    assert all(float(text) for text in labels if text)

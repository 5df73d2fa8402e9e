"""Trials: which are drawn, which share a fit, which is best."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.errors import TrainingError
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import CALIBRATION, PRESETS
from seqcnn.training.search import Range, draw
from seqcnn.training.trials import CalibrateOptions, Trial, choose, draw_trials, pieces, rank, trial_options

NAN = math.nan
BASE = TrainOptions(**PRESETS["default"], seed=3)
OPTIONS = CalibrateOptions(
    space={"hidden": (0, 32), "learning_rate": Range(1e-3, 1e-1, log=True), "filter_scale": Range(0.1, 0.2)},
    trials=6,
    folds=3,
    epochs=10,
    checkpoints=1,
    best=2,
    restarts=2,
    keep="ensemble",
)


def scored(number: int, *folds: list[float], **changes: Any) -> Trial:
    return Trial(number, {"hidden": 0} | changes, dict(enumerate(folds)))


@pytest.mark.parametrize(
    ("epochs", "checkpoints", "checks"),
    [(10, 1, (10,)), (10, 5, (2, 4, 6, 8, 10)), (3, 5, (1, 2, 3)), (7, 2, (4, 7)), (1, 1, (1,))],
)
def test_checks(epochs: int, checkpoints: int, checks: tuple[int, ...]) -> None:
    assert replace(OPTIONS, epochs=epochs, checkpoints=checkpoints).checks() == checks


def test_draw() -> None:
    trials = draw_trials(OPTIONS, BASE)
    assert [trial.number for trial in trials] == list(range(6))
    assert [trial.settings for trial in trials] == [draw(OPTIONS.space, 3, i) for i in range(6)]
    assert draw_trials(OPTIONS, replace(BASE, seed=4))[1].settings != trials[1].settings


def test_the_first_trial_may_have_what_is_usual() -> None:
    names = frozenset({"hidden", "filter_scale", "dropout"})
    first, *others = draw_trials(replace(OPTIONS, incumbent=names), BASE)
    drawn, *same = draw_trials(OPTIONS, BASE)
    assert first.settings == drawn.settings | {"hidden": BASE.hidden, "filter_scale": None}
    assert [trial.settings for trial in others] == [trial.settings for trial in same]


def test_options_of_a_trial() -> None:
    found = trial_options(BASE, replace(OPTIONS, trial_filters=7), {"hidden": 0, "learning_rate": 0.1})
    assert found == replace(BASE, n_filters=7, hidden=0, learning_rate=0.1)
    assert trial_options(BASE, OPTIONS, {}).n_filters == BASE.n_filters
    assert trial_options(BASE, replace(OPTIONS, trial_filters=7), {"n_filters": 5}).n_filters == 5


def test_trials_of_one_shape_share_a_fit() -> None:
    trials = draw_trials(OPTIONS, BASE)
    work = list(pieces(trials, OPTIONS))
    assert [piece.number for piece in work] == list(range(6))
    assert [(piece.fold, [trial.number for trial in piece.trials]) for piece in work] == [
        (fold, numbers) for numbers in ([0, 2, 4], [1, 3, 5]) for fold in range(3)
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.one_of(st.none(), st.integers(1, 5)), st.integers(1, 3), st.data())
def test_every_trial_is_done_once_on_every_fold(
    n: int, at_once: int | None, n_shapes: int, data: st.DataObject
) -> None:
    space = {"n_filters": tuple(range(1, n_shapes + 1)), "dropout": Range(0, 0.5)}
    options = replace(OPTIONS, space=space, trials=n, at_once=at_once)
    trials = draw_trials(options, BASE)
    work = list(pieces(trials, options))
    assert sorted((trial.number, piece.fold) for piece in work for trial in piece.trials) == [
        (number, fold) for number in range(n) for fold in range(3)
    ]
    assert all(len(piece.trials) <= (at_once or n) for piece in work)
    assert all(len({trial.shape for trial in piece.trials}) == 1 for piece in work)
    done = data.draw(st.sets(st.sampled_from(range(len(work)))))
    for i in done:
        for trial in work[i].trials:
            trial.scores[work[i].fold] = [0.5]
    left = [piece for i, piece in enumerate(work) if i not in done]
    assert list(pieces(trials, options)) == left  # the same pieces with the same numbers


def test_best_checkpoint() -> None:
    assert scored(0, [0.6, 0.9], [0.8, 0.6]).best_checkpoint() == (1, pytest.approx(0.75))
    assert scored(0, [0.6, 0.9], [0.8, NAN]).best_checkpoint() == (0, pytest.approx(0.7))
    at, mean = scored(0, [NAN, 0.9], [0.8, NAN]).best_checkpoint()
    assert at == 1
    assert math.isnan(mean)


def test_rank_and_choose() -> None:
    trials = [
        scored(0, [0.7]),
        scored(1, [NAN]),
        scored(2, [0.9], hidden=32),
        scored(3, [0.8], hidden=32),
        scored(4, [0.7]),
        scored(5, [NAN], hidden=32),
    ]
    assert [trial.number for trial in rank(trials)] == [2, 3, 0, 4, 1, 5]
    assert [trial.number for trial in choose(trials, 1)] == [2]
    assert [trial.number for trial in choose(trials, 4)] == [2, 3]  # no more have that shape and a score
    with pytest.raises(TrainingError, match="no trial has a score: all left the numbers; search lower learning rates"):
        choose([scored(0, [NAN]), scored(1, [NAN])], 1)


def test_the_published_procedure() -> None:
    usual = CALIBRATION["deepbind"]
    assert (usual.steps, usual.checkpoints, usual.restarts, usual.best, usual.keep) == (20_000, 5, 6, 1, "best")
    assert usual.trial_share == 1
    assert not usual.incumbent
    assert set(CALIBRATION) == set(PRESETS)

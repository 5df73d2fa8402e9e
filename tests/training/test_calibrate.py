"""Calibration: trials side by side are trials alone, and the best become the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.folds import assign_folds
from seqcnn.errors import TrainingError
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.training import judging
from seqcnn.training.calibrate import final_epochs, fingerprint, run_piece, train_best
from seqcnn.training.cross_validation import cross_validate
from seqcnn.training.history import History
from seqcnn.training.metrics import validation_score
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from seqcnn.training.search import Range
from seqcnn.training.trials import CalibrateOptions, Piece, Trial, draw_trials, pieces, trial_options
from tests.training.conftest import given, sites

CPU = torch.device("cpu")
BASE = TrainOptions(**PRESETS["default"] | {"n_filters": 5, "kernel_size": 11, "batch_size": 32, "members": 1}, seed=1)
OPTIONS = CalibrateOptions(
    space={
        "hidden": (0, 4),
        "learning_rate": Range(2e-3, 3e-2, log=True),
        "dropout": (0.0, 0.3),
        "filter_scale": Range(0.02, 0.2),
    },
    trials=4,
    folds=3,
    epochs=4,
    checkpoints=2,
    best=2,
    restarts=2,
    keep="ensemble",
    trial_filters=3,
)
EXAMPLES = sites(90)


def divide(examples: Examples) -> NDArray[np.int64]:
    return assign_folds(examples, 3, both_strands=True, seed=1)[0]


def run(
    trials: list[Trial],
    base: TrainOptions,
    options: CalibrateOptions,
    examples: Examples,
    task: str = "binary",
    **more: Any,
) -> None:
    folds = divide(examples)
    for piece in pieces(trials, options):
        run_piece(piece, base, options, examples, folds, **{"task": task, "both_strands": True, "device": CPU} | more)


@pytest.fixture(autouse=True)
def no_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare resampling, which takes longer than training."""
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 2)


def alone(
    base: TrainOptions, trial: Trial, options: CalibrateOptions, examples: Examples, epochs: int, names: str = "t"
) -> list[float]:
    """Return the score on each fold by ordinary cross-validation with a trial's options."""
    chosen, folds = replace(trial_options(base, options, trial.settings), epochs=epochs), divide(examples)
    done = cross_validate(
        examples, folds, chosen, valid_fraction=0, target_names=names, alphabet="dna", length=None, device=CPU
    )
    assert examples.targets is not None
    return [
        validation_score(done.model.task, examples.targets[folds == fold], scores[:, folds == fold][fold])
        for fold, scores in enumerate([member_scores(done.model.network, examples.sequences)] * 3)
    ]


@pytest.mark.parametrize(
    ("changes", "at_once"),
    [({}, None), ({"pooling": "max-average", "optimiser": "sgd"}, 2), ({"members": 3}, 1)],
)
def test_a_trial_is_what_it_is_alone(changes: dict[str, Any], at_once: int | None) -> None:
    """Cross-validation with its options gives its scores, at its last checkpoint."""
    base = replace(BASE, **changes)
    options = replace(OPTIONS, at_once=at_once)
    trials = draw_trials(options, base)
    run(trials, base, options, EXAMPLES)
    for trial in trials:
        assert set(trial.scores) == {0, 1, 2}
        assert all(len(scores) == 2 for scores in trial.scores.values())
        found = alone(replace(base, members=1), trial, options, EXAMPLES, 4)
        assert [trial.scores[fold][-1] for fold in range(3)] == pytest.approx(found, abs=1e-4)


def test_an_earlier_checkpoint_is_a_shorter_training() -> None:
    """Where the learning rate is constant."""
    base = replace(BASE, schedule="constant")
    trial = draw_trials(OPTIONS, base)[1]
    run([trial], base, OPTIONS, EXAMPLES)
    found = alone(base, trial, OPTIONS, EXAMPLES, 2)
    assert [trial.scores[fold][0] for fold in range(3)] == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize("task", ["regression", "poisson", "multiclass"])
def test_tasks(task: str) -> None:
    examples = sites(60)
    assert examples.targets is not None
    rng = np.random.default_rng(0)
    values = {
        "regression": examples.targets + rng.normal(0, 0.3, examples.targets.shape),
        "poisson": rng.poisson(1 + 5 * examples.targets),
        "multiclass": examples.targets + rng.integers(0, 2, examples.targets.shape),
    }[task].astype(np.float32)
    examples, base = examples.with_targets(values), replace(BASE, task=task)
    trials = draw_trials(OPTIONS, base)[:2]
    names = "abc" if task == "multiclass" else "t"
    run(trials, base, OPTIONS, examples, task, n_scores=len(names))
    for trial in trials:
        found = alone(base, trial, OPTIONS, examples, 4, names)
        assert [trial.scores[fold][-1] for fold in range(3)] == pytest.approx(found, abs=1e-4)


LOST = {"learning_rate": 1e30}


def losing(number: int, **changes: Any) -> Trial:
    return Trial(number, {"hidden": 4, "dropout": 0.0, "filter_scale": 0.1, "learning_rate": 0.01} | changes)


def intensities() -> Examples:
    assert EXAMPLES.targets is not None
    noise = np.random.default_rng(1).normal(0, 0.2, EXAMPLES.targets.shape)
    return EXAMPLES.with_targets((EXAMPLES.targets + noise).astype(np.float32))


def test_lost_trials() -> None:
    """They have no score, the others keep theirs; and whether all of a fit are lost makes no difference."""
    base, examples = replace(BASE, optimiser="sgd", schedule="constant"), intensities()
    trials = [losing(0), losing(1, **LOST), losing(2, learning_rate=0.005)]
    run(trials, base, OPTIONS, examples, "regression")
    assert all(np.isnan(scores).all() for scores in trials[1].scores.values())
    only = [losing(0), losing(2, learning_rate=0.005)]
    run(only, base, OPTIONS, examples, "regression")
    for one, other in ((0, 0), (2, 1)):
        for fold in range(3):
            assert trials[one].scores[fold] == pytest.approx(only[other].scores[fold], abs=1e-4)
    alone = [losing(1, **LOST), losing(2, **LOST)]
    run(alone, base, OPTIONS, examples, "regression")
    assert all(np.isnan(scores).all() for trial in alone for scores in trial.scores.values())


def test_scores_before_the_loss_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if nobody else is left in the fit."""
    from seqcnn.training import fit

    usual = fit.Fit._validate

    def lose(self: Any, epoch: int) -> Any:
        if epoch == 3:
            self._give_up(0, epoch)
        return usual(self, epoch)

    monkeypatch.setattr(fit.Fit, "_validate", lose)
    trial = draw_trials(OPTIONS, BASE)[0]
    run([trial], BASE, OPTIONS, EXAMPLES)
    for first, second in trial.scores.values():
        assert 0 <= first <= 1
        assert np.isnan(second)


def best(
    chosen: list[Trial],
    base: TrainOptions = BASE,
    options: CalibrateOptions = OPTIONS,
    task: str = "binary",
    **more: Any,
) -> tuple[Network, History]:
    examples = EXAMPLES if task == "binary" else intensities()
    usual = {"task": task, "both_strands": True, "epochs": 3, "device": CPU}
    return train_best(chosen, base, options, examples, **usual | more)


def test_the_best_become_an_ensemble() -> None:
    trials = [losing(0), losing(1, learning_rate=0.02, dropout=0.3)]
    network, history = best(trials)
    assert network.settings.n_members == 4
    assert network.settings.n_filters == BASE.n_filters  # not those of a trial
    assert network.settings.hidden == 4
    filters = network.filters.numpy()
    assert all(not np.allclose(filters[i], filters[j]) for i in range(4) for j in range(i))
    first, _ = best(trials[:1])
    np.testing.assert_allclose(first.filters.numpy(), filters[:2], rtol=1e-3, atol=1e-5)
    assert len(history.epochs) == 3
    assert history.lost == {}


def test_the_best_alone() -> None:
    """The network with the lowest training loss."""
    trials = [losing(0), losing(1, learning_rate=0.02)]
    every, history = best(trials)
    one, _ = best(trials, options=replace(OPTIONS, keep="best"))
    lowest = int(np.argmin(history.epochs[-1].training_loss))
    assert one.settings.n_members == 1
    np.testing.assert_array_equal(one.filters.numpy()[0], every.filters.numpy()[lowest])


@pytest.mark.parametrize("keep", ["ensemble", "best"])
def test_lost_restarts_are_left_out(keep: str) -> None:
    base = replace(BASE, optimiser="sgd", schedule="constant")
    options = replace(OPTIONS, keep=keep)
    network, history = best([losing(0), losing(1, **LOST)], base, options, "regression")
    assert set(history.lost) == {2, 3}
    assert network.settings.n_members == (2 if keep == "ensemble" else 1)
    assert np.abs(network.filters.numpy()).min((1, 2, 3)).max() > 0
    with pytest.raises(TrainingError, match="all networks of the best settings left the numbers"):
        best([losing(1, **LOST)], base, options, "regression")


def test_searched_shapes_are_those_of_the_model() -> None:
    network, _ = best([Trial(0, {"n_filters": 7, "kernel_size": 9, "hidden": 0, "pooling": "max-average"})])
    settings = network.settings
    assert (settings.n_filters, settings.kernel_size, settings.hidden, settings.pooling) == (7, 9, 0, "max-average")


@pytest.mark.parametrize(
    ("epochs", "checkpoints", "scores", "usual", "wanted"),
    [(4, 1, [0.7], 20, 20), (4, 2, [0.9, 0.7], 20, 10), (4, 2, [0.7, 0.9], 20, 20), (5, 5, [0.9, 0, 0, 0, 0], 2, 1)],
)
def test_how_long_the_best_are_trained(
    epochs: int, checkpoints: int, scores: list[float], usual: int, wanted: int
) -> None:
    options = replace(OPTIONS, epochs=epochs, checkpoints=checkpoints)
    assert final_epochs(Trial(0, {}, {0: scores}), options, usual) == wanted


CHANGES: dict[str, Callable[[], tuple[CalibrateOptions, TrainOptions, Examples, NDArray[np.int64], str]]] = {
    name: (lambda change=change: (replace(OPTIONS, **change), BASE, EXAMPLES, divide(EXAMPLES), "binary"))
    for name, change in {
        "trials": {"trials": 5},
        "trial_epochs": {"epochs": 5},
        "best": {"best": 1},
        "restarts": {"restarts": 1},
        "keep": {"keep": "best"},
        "trial_filters": {"trial_filters": None},
        "incumbent": {"incumbent": frozenset({"hidden"})},
        "search": {"space": {"hidden": (0, 5)}},
    }.items()
} | {
    "seed": lambda: (OPTIONS, replace(BASE, seed=9), EXAMPLES, divide(EXAMPLES), "binary"),
    "examples or their order": lambda: (OPTIONS, BASE, sites(90, seed=2), divide(EXAMPLES), "binary"),
    "division into folds": lambda: (OPTIONS, BASE, EXAMPLES, divide(EXAMPLES)[::-1].copy(), "binary"),
    "task": lambda: (OPTIONS, BASE, EXAMPLES, divide(EXAMPLES), "regression"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_fingerprint(name: str) -> None:
    usual = fingerprint(OPTIONS, BASE, EXAMPLES, divide(EXAMPLES), "binary")
    changed = fingerprint(*CHANGES[name]())
    assert [key for key in usual if usual[key] != changed[key]] == [name]


def test_how_many_share_a_fit_is_not_in_the_fingerprint() -> None:
    prints = [fingerprint(replace(OPTIONS, at_once=n), BASE, EXAMPLES, divide(EXAMPLES), "binary") for n in (None, 2)]
    assert prints[0] == prints[1]


def test_a_fold_may_lack_a_class() -> None:
    examples = given(EXAMPLES.sequences, np.arange(len(EXAMPLES)) % 2)
    assert examples.targets is not None
    examples.targets[7] = 2
    folds = divide(examples)
    trial = draw_trials(OPTIONS, BASE)[0]
    piece = Piece(0, (trial,), int(folds[7]))
    run_piece(piece, BASE, OPTIONS, examples, folds, task="multiclass", both_strands=True, n_scores=3, device=CPU)
    assert np.isfinite(trial.scores[int(folds[7])]).all()

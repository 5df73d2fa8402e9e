"""From examples to a model: the task, units, classes of unequal size, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from seqcnn.errors import InputError, TrainingError, UsageError
from seqcnn.models.architectures.deepbind import Settings
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows
from seqcnn.training.options import FEWEST_EPOCHS, MOST_EPOCHS, TrainOptions
from seqcnn.training.presets import PRESETS
from tests.training.conftest import given, sites, train_on

NAN = float("nan")
SMALL: dict[str, Any] = {"n_filters": 6, "kernel_size": 12, "hidden": 8, "members": 2, "epochs": 12}


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)[:, None]


def opposite(sequences: Ragged) -> Ragged:
    return from_rows(reverse_complement(row) for row in sequences)


def with_probability(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-scores.astype(np.float64)))


def test_epochs_go_by_the_size() -> None:
    sizes = [0, 1, 100, 5_000, 10_000, 20_000, 40_000, 10**6, 10**9]
    usual = TrainOptions(**PRESETS["default"])
    chosen = [usual.n_epochs(n) for n in sizes]
    assert chosen[0] == chosen[2] == MOST_EPOCHS
    assert chosen[-1] == chosen[-2] == FEWEST_EPOCHS
    assert chosen == sorted(chosen, reverse=True)
    assert all(isinstance(n, int) for n in chosen)
    assert usual.n_epochs(20_000) == 25
    assert usual.n_epochs(20_001) == 25
    assert usual.n_epochs(19_999) == 26
    assert replace(usual, epochs=3).n_epochs(19_999) == 3
    steps = replace(usual, epochs=3, steps=1000, batch_size=100)
    assert [steps.n_epochs(n) for n in (10_000, 10_001, 99_999, 10**6)] == [10, 10, 1, 1]


def test_number_of_epochs() -> None:
    """As said; if not, by the number of training examples; the record holds which."""
    tiny = SMALL | {"members": 1, "n_filters": 2}
    trained = train_on(sites(10), **tiny | {"epochs": 3})
    assert len(trained.history.epochs) == trained.model.training["options"]["epochs"] == 3
    trained = train_on(sites(10), **tiny | {"epochs": None})
    assert len(trained.history.epochs) == trained.model.training["options"]["epochs"] == MOST_EPOCHS


def test_binary() -> None:
    part = ["train"] * 240 + ["valid"] * 30 + ["test"] * 30
    order = np.random.default_rng(0).permutation(300)
    examples = sites(150).take(order)
    trained = train_on(examples, part=part, **SMALL | {"epochs": 25})
    model = trained.model
    assert (model.task, model.alphabet, model.target_names, model.length) == ("binary", "dna", ("t0",), None)
    assert set(trained.metrics) == {"valid", "test"}
    assert trained.metrics["test"]["t0"]["auroc"]["value"] > 0.9
    assert model.training["metrics"] == trained.metrics
    assert model.training["split"] == {"train": 240, "valid": 30, "test": 30}
    assert model.training["best_epoch"] == trained.history.best_epoch
    assert examples.targets is not None
    assert model.training["prevalence"] == [pytest.approx(examples.targets[:240].mean())]
    assert model.training["options"]["task"] == "binary"
    assert not model.network.training
    held_out = sites(100, seed=9)
    assert held_out.targets is not None
    assert roc_auc_score(held_out.targets[:, 0], predict(model.network, held_out.sequences)[:, 0]) > 0.9


def test_without_validation_the_last_epoch_counts() -> None:
    trained = train_on(sites(20), part=["train"] * 40, **SMALL)
    assert trained.metrics == {}
    assert trained.history.best_epoch == [12, 12]
    assert np.isnan(trained.history.best_score).all()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n_positives", [60, 540])
def test_probabilities_of_unequal_classes(n_positives: int, preset: str) -> None:
    """The weight of the rarer class is taken out again: probabilities are as common as the class."""
    examples = sites(n_positives, n_negatives=600 - n_positives)
    weighted = train_on(examples, preset, epochs=20)
    probability = with_probability(predict(weighted.model.network, examples.sequences))
    assert probability.mean() == pytest.approx(n_positives / 600, abs=0.06)
    assert weighted.model.training["prevalence"] == [pytest.approx(n_positives / 600, abs=0.01)]


def test_balance_is_an_option() -> None:
    """Without it the loss counts every example alike, so the two begin with other losses."""
    examples = sites(20, n_negatives=180)
    one, other = (train_on(examples, **SMALL | {"epochs": 1}, balance=balance) for balance in (True, False))
    assert one.history.epochs[0].training_loss != other.history.epochs[0].training_loss


def test_several_targets_some_missing() -> None:
    """Each is learnt from the examples that have it."""
    examples = sites(200)
    assert examples.targets is not None
    rng = np.random.default_rng(1)
    gc = np.array([np.isin(row, (1, 2)).mean() > 0.5 for row in examples.sequences], dtype=np.float32)
    targets = np.column_stack([examples.targets, gc])
    targets[rng.random(targets.shape) < 0.3] = NAN
    trained = train_on(examples.with_targets(targets), **SMALL | {"epochs": 30}, target_names=["bound", "gc"])
    assert trained.model.target_names == ("bound", "gc")
    assert trained.model.training["prevalence"] == [
        pytest.approx(np.nanmean(np.delete(targets, np.s_[::5], axis=0)[:, i])) for i in (0, 1)
    ]
    held_out = sites(200, seed=9)
    assert held_out.targets is not None
    scores = predict(trained.model.network, held_out.sequences)
    assert scores.shape == (400, 2)
    assert roc_auc_score(held_out.targets[:, 0], scores[:, 0]) > 0.85
    truth = [np.isin(row, (1, 2)).mean() > 0.5 for row in held_out.sequences]
    assert roc_auc_score(truth, scores[:, 1]) > 0.7


def intensities(n: int, seed: int = 0) -> Any:
    examples = sites(n, seed=seed)
    assert examples.targets is not None
    noise = np.random.default_rng(seed).normal(size=examples.targets.shape)
    return examples.with_targets((examples.targets * 2 + 0.3 * noise).astype(np.float32))


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1000, 5000), (1e-4, -1), (2e-25, 0), (3e25, 0)])
def test_predictions_are_in_the_units_of_the_targets(scale: float, shift: float) -> None:
    """Targets that are rescaled give rescaled predictions, also where squares do not fit a float32."""
    examples, held_out = intensities(150), intensities(60, seed=3)
    wanted = predict(train_on(examples, **SMALL).model.network, held_out.sequences)
    assert pearsonr(wanted[:, 0], held_out.targets[:, 0])[0] > 0.6
    assert wanted.mean() == pytest.approx(held_out.targets.mean(), abs=0.25)
    other = examples.with_targets((examples.targets.astype(np.float64) * scale + shift).astype(np.float32))
    trained = train_on(other, **SMALL)
    assert trained.model.task == "regression"
    assert trained.model.training["prevalence"] is None
    got = (predict(trained.model.network, held_out.sequences).astype(np.float64) - shift) / scale
    tolerance = 0.05 if shift else 1e-3  # what of the targets themselves is lost beside the shift is learnt differently
    np.testing.assert_allclose(got, wanted, atol=tolerance)
    assert trained.metrics["valid"]["t0"]["pearson"]["value"] > 0.6


def test_each_target_has_its_own_units() -> None:
    examples = intensities(150)
    truth = np.column_stack([examples.targets, -100 * examples.targets + 7]).astype(np.float32)
    truth[::3, 1] = NAN
    trained = train_on(examples.with_targets(truth), **SMALL | {"epochs": 50})
    scores = predict(trained.model.network, examples.sequences)
    for i in (0, 1):
        there = ~np.isnan(truth[:, i])
        assert np.mean((scores[there, i] - truth[there, i]) ** 2) < 0.6 * truth[there, i].var()
        assert scores[:, i].mean() == pytest.approx(np.nanmean(truth[:, i]), abs=0.2 * float(np.nanstd(truth[:, i])))


def test_numbers_may_be_0_and_1() -> None:
    trained = train_on(sites(40), **SMALL, task="regression")
    assert trained.model.task == "regression"
    assert set(trained.metrics["valid"]["t0"]) == {"n", "pearson", "spearman", "mse"}


@pytest.mark.parametrize(
    ("alphabet", "strands", "both"),
    [("dna", None, True), ("rna", None, False), ("dna", "one", False), ("rna", "both", True), ("dna", "both", True)],
)
def test_strands(alphabet: str, strands: str | None, both: bool) -> None:
    trained = train_on(sites(20), **SMALL | {"epochs": 1}, alphabet=alphabet, strands=strands)
    assert trained.model.alphabet == alphabet
    assert trained.model.network.settings.both_strands == both
    sequences = sites(10, seed=4).sequences
    one, other = (predict(trained.model.network, each) for each in (sequences, opposite(sequences)))
    assert np.allclose(one, other, atol=1e-6) == both


def test_options_reach_the_network_and_the_fit() -> None:
    options = SMALL | {"epochs": 2, "pooling": "max-average", "dropout": 0.3}
    trained = train_on(sites(20), **options)
    settings = trained.model.network.settings
    assert isinstance(settings, Settings)
    for name in ("n_filters", "kernel_size", "hidden", "pooling", "dropout"):
        assert getattr(settings, name) == options[name]
    assert (settings.n_members, settings.n_targets) == (2, 1)
    about = trained.model.training["options"]
    assert set(about) == {field.name for field in fields(TrainOptions)}
    assert about["pooling"] == "max-average"


def test_a_seed_repeats_a_model() -> None:
    one, same, other = (train_on(sites(20), **SMALL | {"epochs": 2}, seed=seed) for seed in (1, 1, 2))
    sequences = sites(5).sequences
    np.testing.assert_array_equal(predict(one.model.network, sequences), predict(same.model.network, sequences))
    assert not np.allclose(predict(one.model.network, sequences), predict(other.model.network, sequences))


PARTS = ["train"] * 4 + ["valid"]
ROWS = sites(1, n_negatives=4).sequences


@pytest.mark.parametrize(
    ("targets", "options", "error", "said"),
    [
        ([1, 1, 1, 1, 0], {}, TrainingError, "all training examples of target 1 are positive .one class only"),
        ([0, 0, NAN, 0, 1], {}, TrainingError, "all training examples of target 1 are negative"),
        ([[1, 0], [0, 0], [1, 0], [0, 0], [1, 1]], {}, TrainingError, "of target 2 are negative"),
        ([NAN, NAN, NAN, NAN, 1], {}, TrainingError, "target 1 has no value in the training examples"),
        ([3, 3, 3, 3, 4], {}, TrainingError, "target 1 has one value, 3, in all training examples"),
        ([1, 0, 1, 0, 2], {"task": "binary"}, InputError, "not all 0 or 1; use --task regression"),
        ([1, 0, 1, 0, 1], {"kernel_size": 51}, InputError, "the longest sequence has 50 bp"),
    ],
)
def test_what_cannot_be_trained_on(targets: Any, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        train_on(given(ROWS, targets), part=PARTS, **SMALL | options)


def test_no_training_examples() -> None:
    with pytest.raises(TrainingError, match="leaves no training examples"):
        train_on(given(ROWS, [1, 0, 1, 0, 1]), part=["valid"] * 5, **SMALL)


def test_one_class_in_validation_is_said() -> None:
    trained = train_on(given(ROWS, [1, 0, 1, 0, 1]), part=PARTS, **SMALL)
    assert trained.metrics == {"valid": {"t0": {"n": 1, "problem": "one class only"}}}
    assert np.isnan(trained.history.best_score).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"optimiser": "adam"}, "unknown optimiser 'adam'; there are: adamw, sgd"),
        ({"schedule": "sine"}, "unknown schedule 'sine'; there are: one-cycle, cosine, step"),
        ({"strands": "forward"}, "unknown strands 'forward'; there are: both, one"),
        ({"task": "classes"}, "unknown task 'classes'; there are: binary, regression"),
        ({"members": 0}, "members must be at least 1, not 0"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, not 1.0"),
        ({"learning_rate": 0}, "learning_rate must be above 0, not 0"),
    ],
)
def test_options_that_there_are_not(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        TrainOptions(**PRESETS["default"] | options)

"""The hinge loss by its definition, and margins that become log-odds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset.examples import Examples
from seqcnn.errors import UsageError
from seqcnn.models.predict import member_scores
from seqcnn.models.tasks import respond
from seqcnn.training.log_odds import SMALLEST, fit_classes, fit_two, give_log_odds
from seqcnn.training.objectives import Objective, losses
from tests.training.conftest import given as examples_of
from tests.training.conftest import sites, train_on
from tests.training.test_fit import make, simulate

SMALL = {"n_filters": 6, "kernel_size": 9, "hidden": 4, "epochs": 4, "batch_size": 32}


def test_two_classes() -> None:
    scores = torch.tensor([[[2.0], [0.4], [-1.0], [-3.0]]])
    targets = torch.tensor([[1.0], [1.0], [1.0], [0.0]])
    assert losses("binary", scores, targets, loss="hinge").tolist() == pytest.approx([(0 + 0.6 + 2 + 0) / 4])
    weighted = losses("binary", scores, targets, torch.tensor([3.0]), loss="hinge")
    assert weighted.tolist() == pytest.approx([3 * 2.6 / 4])


def test_several_classes() -> None:
    scores = torch.tensor([[[3.0, 1.0, 0.5], [0.0, 0.2, 0.0], [1.0, 5.0, 2.0]]])
    targets = torch.tensor([[0.0], [1.0], [2.0]])
    assert losses("multiclass", scores, targets, loss="hinge").tolist() == pytest.approx([(0 + 0.8 + 4) / 3])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["binary", "multiclass"]), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_the_written_out_gradient(task: str, by_class: bool, complete: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(3, 8, 4)).astype(np.float32) * 2
    targets = rng.integers(0, 2 if task == "binary" else 4, (8, 4 if task == "binary" else 1)).astype(np.float32)
    if not complete:
        targets[rng.random(targets.shape) < 0.3] = np.nan
    weight = torch.from_numpy(rng.uniform(0.2, 5, 4).astype(np.float32)) if by_class else None
    objective = Objective(task, weight, complete, loss="hinge").weighted(torch.from_numpy(rng.random(8).astype("f4")))
    assert objective.loss == "hinge"
    with_graph = torch.from_numpy(scores).requires_grad_()
    wanted = objective(with_graph, torch.from_numpy(targets))
    wanted.sum().backward()  # type: ignore[no-untyped-call]
    assert with_graph.grad is not None
    got, gradient = objective.with_gradient(scores, targets)
    np.testing.assert_allclose(got, wanted.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, with_graph.grad.numpy(), atol=1e-6)


def test_platts_parameters_are_those_of_logistic_regression() -> None:
    """With as many examples that the prior does not matter, and weights as repeats."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    margins = rng.normal(size=20_000)
    truth = (rng.random(20_000) < 1 / (1 + np.exp(-(2.5 * margins - 0.7)))).astype(np.float64)
    known = LogisticRegression(C=np.inf, tol=1e-8).fit(margins[:, None], truth)
    factor, shift = fit_two(margins, truth)
    assert factor == pytest.approx(float(known.coef_[0, 0]), rel=0.01)
    assert shift == pytest.approx(float(known.intercept_[0]), abs=0.01)
    times = rng.integers(0, 4, 300)
    rows = np.repeat(np.arange(300), times)
    np.testing.assert_allclose(
        fit_two(margins[:300], truth[:300], times), fit_two(margins[rows], truth[rows]), rtol=1e-4
    )


def test_margins_that_part_the_classes_stay_finite() -> None:
    factor, shift = fit_two(np.array([-2.0, -1, 1, 2]), np.array([0, 0, 1, 1]))
    assert 0.3 < factor < 10
    assert abs(shift) < 1e-3
    for wrong in (np.array([2.0, 1, -1, -2]), np.zeros(4)):
        factor, _ = fit_two(wrong, np.array([0, 0, 0, 1]))
        assert factor >= SMALLEST
    assert fit_two(np.array([2.0, 1, -1, -2]), np.array([0, 0, 1, 1]))[0] == SMALLEST


def test_several_classes_as_two() -> None:
    """Of two classes, the difference of the scores is what one score would be; the priors differ a little."""
    rng = np.random.default_rng(1)
    margins = rng.normal(size=5000)
    truth = (rng.random(5000) < 1 / (1 + np.exp(-(1.8 * margins + 0.5)))).astype(np.intp)
    factor, shift = fit_classes(np.stack([np.zeros(5000), margins], axis=1), truth)
    one_factor, one_shift = fit_two(margins, truth)
    assert factor == pytest.approx(one_factor, rel=0.01)
    assert shift[1] - shift[0] == pytest.approx(one_shift, abs=0.01)
    lacking = fit_classes(rng.normal(size=(50, 3)), np.repeat([0, 1], 25))
    assert np.isfinite(lacking[1]).all()
    assert lacking[1].argmin() == 2


def test_probabilities_of_a_trained_model_fit_the_classes() -> None:
    """Unequal classes; what is said with which probability is true in that share."""
    examples = sites(150, n_negatives=600)
    trained = train_on(examples, loss="hinge", members=2, **SMALL)
    scores = member_scores(trained.model.network, examples.sequences)
    assert examples.targets is not None
    for member in scores:
        said = respond("binary", member[:, 0]).mean()
        assert said == pytest.approx(examples.targets.mean(), abs=0.05)
    auroc = trained.metrics["valid"]["t0"]["auroc"]["value"]
    assert auroc > 0.8
    assert trained.model.training["options"]["loss"] == "hinge"
    plain = train_on(examples, members=2, **SMALL)
    assert not np.array_equal(member_scores(plain.model.network, examples.sequences), scores)


def test_members_are_scaled_by_themselves() -> None:
    together = train_on(sites(60), loss="hinge", members=3, **SMALL).model.network
    alone = train_on(sites(60), loss="hinge", members=1, **SMALL).model.network
    rows = sites(30, seed=1).sequences
    np.testing.assert_allclose(member_scores(together, rows)[0], member_scores(alone, rows)[0], atol=2e-3)


@pytest.mark.parametrize("with_valid", [False, True])
def test_where_nothing_validates_training_examples_scale(with_valid: bool) -> None:
    training, valid = simulate(80), simulate(40, 1)
    assert valid.targets is not None
    one_class = replace(valid, targets=np.ones_like(valid.targets))  # lacks a class: does not serve
    networks = [make([1, 2]).eval().requires_grad_(False) for _ in range(3)]
    give_log_odds(networks[0], "binary", training, one_class if with_valid else None)
    give_log_odds(networks[1], "binary", training, training)
    give_log_odds(networks[2], "binary", training, valid)
    scores = [member_scores(network, valid.sequences) for network in networks]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_several_classes_are_scaled() -> None:
    rng = np.random.default_rng(2)
    rows = [np.where(rng.random(30) < 0.5, i % 3, rng.integers(0, 4, 30)).astype(np.uint8) for i in range(240)]
    examples: Examples = examples_of(rows, np.arange(240.0) % 3)
    trained = train_on(examples, task="multiclass", loss="hinge", members=1, target_names=["a", "b", "c"], **SMALL)
    probability = respond("multiclass", member_scores(trained.model.network, examples.sequences)[0])
    np.testing.assert_allclose(probability.mean(0), 1 / 3, atol=0.06)
    assert trained.metrics["valid"]["class"]["accuracy"]["value"] > 0.6


@pytest.mark.parametrize("loss", ["hinge", "cross-entropy"])
def test_numbers_have_no_such_loss(loss: str) -> None:
    examples = simulate(40, task="regression")
    with pytest.raises(UsageError, match=f"--loss {loss} is for classes, and the task is regression; leave it out"):
        train_on(examples, loss=loss, **SMALL)


def test_saying_cross_entropy_changes_nothing() -> None:
    results = [
        member_scores(train_on(sites(40), members=1, **SMALL, **said).model.network, sites(9).sequences)
        for said in ({}, {"loss": "cross-entropy"})
    ]
    np.testing.assert_array_equal(*results)

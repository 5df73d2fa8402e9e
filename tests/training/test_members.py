"""Members that are trained side by side become what they become alone, whatever tells them apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.dataset.examples import Examples
from seqcnn.models import architectures
from seqcnn.models.network import Network, Scale, join_members
from seqcnn.models.predict import member_scores
from seqcnn.training.history import History
from seqcnn.training.members import Member, fit_members, member, usual_members
from seqcnn.training.metrics import auroc
from seqcnn.training.optimiser import Rates
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from tests.training.conftest import given, sites

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"n_filters": 6, "kernel_size": 11, "hidden": 5, "batch_size": 32}


def options(preset: str = "default", **changes: Any) -> TrainOptions:
    return TrainOptions(**PRESETS[preset] | SMALL | changes)


def fit(
    members: list[Member], base: TrainOptions, training: Examples, valid: Examples | None, epochs: int = 5, **more: Any
) -> tuple[Network, History]:
    return fit_members(
        base,
        members,
        training,
        valid,
        **{"task": "binary", "both_strands": True, "epochs": epochs, "device": CPU} | more,
    )


def weights(network: Network, i: int) -> np.ndarray[Any, Any]:
    return np.concatenate([value.numpy()[i].ravel() for value in network.parameters()])


def eight(**same: Any) -> list[Member]:
    """Members that differ in everything that may differ."""
    rng = np.random.default_rng(0)
    scales = [None, Scale(0.05, 0.1), Scale(0.2), Scale(others=0.3), None, Scale(1e-4, 1e-2), Scale(0.1, 0.1), None]
    return [
        Member(
            seed=100 + i,
            rates=Rates(
                learning_rate=float(np.exp(rng.uniform(np.log(2e-3), np.log(2e-2)))),
                weight_decay=float(rng.choice([0, 1e-3, 1e-1])),
                momentum=float(rng.uniform(0.8, 0.95)),
                filter_decay=None if i % 2 else 0.05,
                nesterov=i % 3 > 0,
            ),
            dropout=[0.0, 0.1, 0.5, 0.25, 0.0, 0.0, 0.7, 0.3][i],
            scale=scales[i],
            **same,
        )
        for i in range(8)
    ]


@pytest.mark.parametrize(
    ("preset", "changes", "ragged"),
    [
        ("default", {}, False),
        ("default", {"pooling": "max-average", "hidden": 0}, False),
        ("deepbind", {"decay_from": 7}, False),
        ("deepbind", {"pooling": "max-average", "schedule": "one-cycle"}, True),
    ],
)
def test_eight_together_are_the_eight_alone(preset: str, changes: dict[str, Any], ragged: bool) -> None:
    """Score within 1e-4, weights within 1e-3; each with its own seed, rates, dropout and scale."""
    base, members = options(preset, **changes), eight()
    training, valid = sites(120), sites(80, seed=1)
    if ragged:
        training, valid = cut(training), cut(valid)
    together, history = fit(members, base, training, valid)
    assert history.lost == {}
    scores = member_scores(together, valid.sequences)
    assert valid.targets is not None
    for i, each in enumerate(members):
        alone, its = fit([each], base, training, valid)
        score = member_scores(alone, valid.sequences)[0, :, 0]
        area = auroc(valid.targets[:, 0], score)
        assert auroc(valid.targets[:, 0], scores[i, :, 0]) == pytest.approx(area, abs=1e-4)
        assert its.epochs[-1].validation_score[0] == pytest.approx(history.epochs[-1].validation_score[i], abs=1e-4)
        assert its.best_epoch == [history.best_epoch[i]]
        one, other = weights(alone, 0), weights(together, i)
        assert np.linalg.norm(one - other) <= 1e-3 * np.linalg.norm(one)


def cut(examples: Examples) -> Examples:
    """Cut sequences to lengths of 30 to 50."""
    assert examples.targets is not None
    rows = [row[: 30 + i % 21] for i, row in enumerate(examples.sequences)]
    return given(rows, examples.targets)


BASE = Member(3, Rates(0.01, 0.1, 0.9), 0.2, Scale(0.1, 0.2))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"dropout": 0.0},
        {"dropout": 0.4},
        {"scale": None},
        {"scale": Scale(0.1)},
        {"scale": Scale(0.2, 0.2)},
        {"scale": Scale(0.1, 0.1)},
        {"rates": Rates(0.02, 0.1, 0.9)},
        {"rates": Rates(0.01, 0.0, 0.9)},
        {"rates": Rates(0.01, 0.1, 0.8)},
        {"rates": Rates(0.01, 0.1, 0.9, filter_decay=0.0)},
        {"rates": Rates(0.01, 0.1, 0.9, nesterov=False)},
    ],
)
def test_all_that_tells_a_member_matters(change: dict[str, Any]) -> None:
    """And only to that member."""
    base = options("deepbind", decay_from=0)
    training = sites(40)
    plain, _ = fit([BASE, BASE], base, training, None, 2)
    changed, _ = fit([BASE, replace(BASE, **change)], base, training, None, 2)
    np.testing.assert_allclose(weights(changed, 0), weights(plain, 0), rtol=1e-4, atol=1e-6)
    assert np.abs(weights(changed, 1) - weights(plain, 1)).max() > 1e-4


def test_scales_are_standard_deviations() -> None:
    network = architectures.create("deepbind", {"n_members": 4, "n_filters": 40, "kernel_size": 24, "hidden": 50})
    network.scales = (Scale(0.3, 0.01), None, Scale(0.3), Scale(others=0.01))
    network.seed([1, 1, 1, 1])
    for name, usual in (("filters", 96**-0.5), ("hidden_weight", 40**-0.5)):
        size = 0.3 if name == "filters" else 0.01
        drawn = dict(network.named_parameters())[name].detach().numpy()
        normal = [True, False, name == "filters", name != "filters"]
        for values, is_normal in zip(drawn, normal, strict=True):
            wanted = size if is_normal else usual / 3**0.5
            assert values.std() == pytest.approx(wanted, rel=0.1)
            assert (np.abs(values).max() > 2.5 * wanted) == is_normal


def test_initial_weights_do_not_depend_on_whose_scale_is_set() -> None:
    alone, beside = (
        architectures.create("deepbind", {"n_members": n, "n_filters": 4, "kernel_size": 9, "hidden": 3})
        for n in (1, 2)
    )
    beside.scales = (None, Scale(0.1, 0.1))
    alone.seed([5])
    beside.seed([5, 6])
    np.testing.assert_array_equal(weights(alone.requires_grad_(False), 0), weights(beside.requires_grad_(False), 0))


def test_options_make_members() -> None:
    base = options(
        learning_rate=0.003, weight_decay=0.01, momentum=0.7, filter_decay=0.1, nesterov=False, dropout=0.4, members=3
    )
    rates = Rates(0.003, 0.01, 0.7, 0.1, False)
    assert member(base, 9) == Member(9, rates, 0.4, None)
    assert member(replace(base, filter_scale=0.2), 9).scale == Scale(0.2, None)
    assert member(replace(base, weight_scale=0.2), 9).scale == Scale(None, 0.2)
    three = usual_members(replace(base, seed=2))
    assert len({each.seed for each in three}) == 3
    assert all(replace(each, seed=9) == member(base, 9) for each in three)
    assert not {each.seed for each in three} & {each.seed for each in usual_members(replace(base, seed=3))}


LOST = replace(BASE, rates=Rates(1e30, 0.0, 0.9))
SGD = {"preset": "deepbind", "batch_size": 32}


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("validates", [True, False])
def test_a_lost_member_changes_nothing_for_the_others(task: str, validates: bool) -> None:
    members = [BASE, replace(LOST, seed=7), replace(BASE, seed=8)]
    training, valid = sites(60), sites(40, seed=1) if validates else None
    base = options(**SGD)
    more = {"task": task, "bears_loss": True}
    _, history = fit(members, base, training, valid, **more)
    network, _ = fit(members, base, training, valid, **more)
    assert list(history.lost) == [1]
    pair, theirs = fit([members[0], members[2]], base, training, valid, **more)
    for of_pair, i in ((0, 0), (1, 2)):
        np.testing.assert_allclose(weights(network, i), weights(pair, of_pair), rtol=1e-3, atol=1e-5)
        for one, other in zip(history.epochs, theirs.epochs, strict=True):
            assert one.training_loss[i] == pytest.approx(other.training_loss[of_pair], rel=1e-4)
    for epoch in history.epochs[history.lost[1] - 1 :]:
        assert np.isnan([epoch.training_loss[1], epoch.validation_loss[1], epoch.validation_score[1]]).all()
    assert np.isfinite(weights(network, 1)).all()


def test_when_all_are_lost_the_fit_is_over() -> None:
    _, history = fit(
        [LOST, replace(LOST, seed=1)], options(**SGD), sites(40), None, 9, bears_loss=True, task="regression"
    )
    assert set(history.lost) == {0, 1}
    assert len(history.epochs) == max(history.lost.values()) < 9


@pytest.mark.parametrize("checks", [(2,), (1, 4), (4,)])
def test_checks(checks: tuple[int, ...]) -> None:
    """Validation only where it is asked for, with the same scores there."""
    training, valid = sites(40), sites(30, seed=1)
    _, every = fit([BASE], options(), training, valid, 4)
    _, some = fit([BASE], options(), training, valid, 4, checks=checks)
    for one, other in zip(every.epochs, some.epochs, strict=True):
        assert one.training_loss == other.training_loss
        if one.number in checks:
            assert one.validation_score == other.validation_score
        else:
            assert np.isnan(other.validation_score).all()
    assert some.best_epoch[0] in checks


def test_members_and_join_members() -> None:
    network, _ = fit([replace(BASE, seed=seed) for seed in range(4)], options(), sites(30), None, 1)
    sequences = sites(10, seed=5).sequences
    scores = member_scores(network, sequences)
    part = network.members([3, 1])
    np.testing.assert_array_equal(member_scores(part, sequences), scores[[3, 1]])
    assert part.settings.n_members == 2
    assert not part.training
    assert not any(parameter.requires_grad for parameter in part.parameters())
    with torch.no_grad():
        part.output_bias.add_(1)
    np.testing.assert_array_equal(member_scores(network, sequences), scores)  # it is a copy
    joined = join_members([network.members([2]), network, network.members([0])])
    np.testing.assert_array_equal(member_scores(joined, sequences), scores[[2, 0, 1, 2, 3, 0]])
    assert not joined.training


def test_members_keep_the_rule() -> None:
    network = architectures.create("deepbind", {"n_members": 2, "n_filters": 4, "kernel_size": 9, "hidden": 3})
    network.seed([1, 2])
    network.rule = "window"
    assert network.members([1]).rule == "window"
    assert join_members([network, network]).rule == "window"

"""What training begins from: a model scores as before until it is trained on, and filters score as their motifs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given as given_
from hypothesis import strategies as st

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.motif import Motif
from seqcnn.models import architectures
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import from_rows
from seqcnn.training.members import fit_members, usual_members
from seqcnn.training.objectives import unbalance
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from seqcnn.training.start import CONSENSUS_SCORE, Start, filter_of
from tests.training.conftest import sites

SHAPE = {"n_filters": 5, "kernel_size": 8, "hidden": 3, "pooling": "max"}
SEQUENCES = from_rows(np.random.default_rng(0).integers(0, 4, (20, 30)).astype(np.uint8))


def make(n_members: int, seed: int, n_targets: int = 1) -> Network:
    network = architectures.create("deepbind", SHAPE | {"n_members": n_members, "n_targets": n_targets})
    network.seed([seed + member for member in range(n_members)])
    return network.eval()


def model(n_members: int = 2, task: str = "binary", n_targets: int = 1, alphabet: str = "dna") -> Model:
    names = tuple(f"t{i}" for i in range(n_targets))
    return Model(make(n_members, 7, n_targets), "deepbind", alphabet, task, names, None, {})


def options(**changes: Any) -> TrainOptions:
    return TrainOptions(**PRESETS["default"] | SHAPE | {"members": 2} | changes)


def scores(network: Network) -> Any:
    return member_scores(network.eval(), SEQUENCES)


def put(start: Start, network: Network, task: str = "binary", **changes: Any) -> Network:
    usual: dict[str, Any] = {"shift": np.float64(0), "scale": np.float64(1), "positive_weight": None}
    start.apply(network, task, **usual | changes)
    return network


@pytest.mark.parametrize("n_members", [1, 2, 5])
def test_members_begin_as_the_models_in_turn(n_members: int) -> None:
    before = model(2)
    begun = put(Start(before), make(n_members, 100))
    wanted = scores(before.network)
    np.testing.assert_allclose(scores(begun), wanted[np.arange(n_members) % 2], rtol=1e-6)


def test_numbers_are_scaled_as_the_targets_of_the_training() -> None:
    """What the fit takes out at its end gives the model's own scores again."""
    before = model(2, "regression", 3)
    mean, scale = np.array([3.0, -2.0, 100.0]), np.array([0.5, 2.0, 30.0])
    begun = put(Start(before), make(2, 100, 3), "regression", shift=mean, scale=scale)
    begun.rescale(torch.as_tensor(scale), torch.as_tensor(mean))
    np.testing.assert_allclose(scores(begun), scores(before.network), rtol=1e-4, atol=1e-5)


def test_the_weight_of_positives_is_put_into_the_bias() -> None:
    before, weight = model(2), torch.tensor([5.0])
    begun = put(Start(before), make(2, 100), positive_weight=weight)
    assert not np.allclose(scores(begun), scores(before.network), atol=0.1)
    unbalance(begun.output_bias, weight)
    np.testing.assert_allclose(scores(begun), scores(before.network), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("task", "n_targets"), [("binary", 2), ("regression", 1)])
def test_other_targets_get_a_new_last_layer(task: str, n_targets: int) -> None:
    before, fresh = model(2), make(2, 100, n_targets)
    begun = put(Start(before), make(2, 100, n_targets), task)
    for (name, ours), theirs, new in zip(
        begun.named_parameters(), before.network.parameters(), fresh.parameters(), strict=True
    ):
        if name.startswith("output_"):
            assert torch.equal(ours, new)
        else:
            assert torch.equal(ours, theirs)


def test_other_classes_get_a_new_last_layer() -> None:
    """Even where there are as many; the same ones go on from the model's."""
    before = replace(model(2, "multiclass", 3), target_names=("a", "b", "c"))
    for names, same in ((("a", "b", "c"), True), (("a", "c", "b"), False), (("a", "b", "d"), False)):
        start = Start(before).for_classes(names)
        begun = put(start, make(2, 100, 3), "multiclass")
        for (name, ours), theirs in zip(begun.named_parameters(), before.network.parameters(), strict=True):
            assert torch.equal(ours, theirs) is (same or name != "output_weight"), name
    assert Start().for_classes(("a",)) == Start()
    assert not Start(model(1)).for_classes(("a",)).other_classes


@pytest.mark.parametrize("head_only", [False, True])
@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_head_only(head_only: bool, optimiser: str) -> None:
    """The motif layer does not move by a bit, not even by decay; the rest does, as it does without."""
    before = model(2)
    network, _ = fit_members(
        options(optimiser=optimiser, weight_decay=0.1),
        usual_members(options(weight_decay=0.1)),
        sites(60),
        None,
        task="binary",
        both_strands=True,
        epochs=2,
        device=torch.device("cpu"),
        start=Start(before, head_only),
    )
    source = dict(before.network.named_parameters())
    for name, parameter in network.named_parameters():
        stays = head_only and name in ("filters", "threshold")
        assert torch.equal(parameter, source[name]) is stays, name


def test_options_take_the_shape_of_the_model() -> None:
    chosen = Start(model(3)).options(TrainOptions(**PRESETS["default"]), frozenset())
    assert {name: getattr(chosen, name) for name in SHAPE} == SHAPE
    assert (chosen.members, chosen.strands, chosen.architecture) == (3, "both", "deepbind")
    more = Start(model(3)).options(options(members=6), frozenset({"members"}))
    assert more.members == 6


@pytest.mark.parametrize(("name", "value"), [("n_filters", 6), ("kernel_size", 9), ("strands", "one"), ("hidden", 0)])
def test_another_shape_is_refused(name: str, value: Any) -> None:
    said = replace(options(), **{name: value})
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} is {value}, but the model to begin from has"):
        Start(model()).options(said, frozenset({name}))
    Start(model()).options(options(), frozenset({name}))  # the same shape may be said


def motif(rows: Any, name: str = "m", alphabet: str = "dna") -> Motif:
    return Motif.from_counts(name, np.array(rows, dtype=float), pseudocount=1.0, alphabet=alphabet)


counts = st.integers(1, 12).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 50), min_size=width, max_size=width), min_size=4, max_size=4)
)


@given_(counts)
def test_a_filter_scores_as_its_motif(rows: list[list[int]]) -> None:
    """Up to one factor and one constant, for every sequence; the best sequence scores what is said."""
    made = motif(np.array(rows, dtype=float) + np.array([[1], [0], [0], [2]]))
    width, kernel_size = made.width, 16
    planted = filter_of(made, kernel_size)
    assert planted.shape == (4, kernel_size)
    assert planted.max(0).sum() == pytest.approx(CONSENSUS_SCORE)
    odds = made.pwm(1.0)
    left = (kernel_size - width) // 2
    outside = np.delete(planted, np.arange(left, left + width), axis=1)
    assert not outside.any()
    centred = odds - odds.mean(0)
    inside = planted[:, left : left + width]
    factor = CONSENSUS_SCORE / centred.max(0).sum()
    np.testing.assert_allclose(inside, centred * factor, atol=1e-9)


def test_of_a_wide_motif_the_best_columns() -> None:
    rows = np.full((4, 10), 10.0)
    rows[:, 6:9] = [[40, 0, 0], [0, 40, 0], [0, 0, 40], [0, 0, 0]]
    planted = filter_of(motif(rows), 4)
    assert planted.argmax(0).tolist()[1:] == [0, 1, 2] or planted.argmax(0).tolist()[:3] == [0, 1, 2]
    assert planted.max(0).sum() == pytest.approx(CONSENSUS_SCORE)


def test_a_motif_that_says_nothing_makes_a_filter_of_zeros() -> None:
    assert not filter_of(motif(np.full((4, 5), 3.0)), 7).any()


def test_motifs_become_the_first_filters() -> None:
    motifs = [motif(np.eye(4) * 30, "a"), motif(np.eye(4)[::-1] * 30, "b")]
    fresh, begun = make(2, 5), put(Start(motifs=motifs), make(2, 5))
    filters, drawn = begun.filters.detach(), fresh.filters.detach()  # type: ignore[attr-defined]
    for member in range(2):
        for i, each in enumerate(motifs):
            np.testing.assert_allclose(filters[member, i], filter_of(each, 8), atol=1e-6)
        assert torch.equal(filters[member, 2:], drawn[member, 2:])


def test_too_many_motifs() -> None:
    with pytest.raises(UsageError, match="6 motifs for 5 filters; raise --n-filters"):
        Start(motifs=[motif(np.eye(4))] * 6).options(options(), frozenset())


def test_alphabets() -> None:
    Start(model(), motifs=[motif(np.eye(4))]).check_alphabet("dna")
    with pytest.raises(InputError, match="the model to begin from is of DNA, but the sequences are RNA"):
        Start(model()).check_alphabet("rna")
    with pytest.raises(InputError, match="a motif is of RNA, but the sequences are DNA"):
        Start(motifs=[motif(np.eye(4), alphabet="rna")]).check_alphabet("dna")

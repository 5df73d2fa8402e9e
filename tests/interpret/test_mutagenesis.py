"""Mutagenesis is exact: every network, every edit, against scoring the edited sequences by definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcnn.interpret import brute_force, edit_scores, edits, incremental, outer_windows
from seqcnn.interpret.edit_scores import score_edits
from seqcnn.interpret.edits import Edits
from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models import network as networks
from seqcnn.models.architectures import collection, deepbind
from seqcnn.models.predict import member_scores, predict
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows
from tests.interpret.plain_deepbind import SHAPES, make, random_sequences, score, score_each

CLOSE = 1e-5
"""Largest difference, relative to the scale of the scores."""


def check_sample(shape: dict[str, Any], lengths: list[int], n_sampled: int, seed: int) -> None:
    """Compare some substitutions of each sequence with the definition."""
    rng = np.random.default_rng(seed)
    network = make(shape, seed)
    sequences = random_sequences(rng, lengths)
    found = substitutions(network, sequences)
    worst, scale = 0.0, 0.0
    for row, codes in enumerate(sequences):
        # The ends, and anywhere.
        place = np.concatenate([[0, len(codes) - 1], rng.integers(0, len(codes), n_sampled)])
        alternative = rng.integers(0, 4, len(place))
        mutants = np.repeat(codes[None], len(place) + 1, axis=0)
        mutants[np.arange(len(place)), place] = alternative
        scores = score(network, mutants)
        change = scores[:, :-1] - scores[:, -1:]
        base = sequences.offsets[row] + place
        scale = max(scale, np.abs(scores).max())
        worst = max(worst, np.abs(change.mean(0) - found.change[base, alternative]).max())
        if found.spread is not None:
            worst = max(worst, np.abs(change.std(0) - found.spread[base, alternative]).max())
        worst = max(worst, np.abs(scores[:, -1].mean(0) - found.reference[row]).max())
    assert worst < CLOSE * scale


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_substitutions_equal_the_definition(number: int) -> None:
    lengths = np.random.default_rng(number).integers(20, 300, 12).tolist()
    check_sample(SHAPES[number], lengths, 20, number)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_substitutions_equal_the_definition_in_a_thousand_sequences(number: int) -> None:
    lengths = np.random.default_rng(number).integers(20, 1001, 125).tolist()
    check_sample(SHAPES[number], lengths, 8, number)


SMALL: list[dict[str, Any]] = [
    {"n_filters": 3, "hidden": 2, "kernel_size": 4, "n_members": 2},
    {"n_filters": 3, "hidden": 0, "kernel_size": 5, "pooling": "max-average"},
    {"n_filters": 2, "hidden": 0, "kernel_size": 1, "both_strands": False, "n_targets": 2},
]
ROWS = st.lists(st.lists(st.integers(0, 4), max_size=14).map(bytes), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(SMALL))
def test_every_substitution_of_short_sequences(rows: list[bytes], shape: dict[str, Any]) -> None:
    network, sequences = make(shape), from_rows(rows)
    found = substitutions(network, sequences)
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)
    base = np.arange(len(row)) - sequences.offsets[row]
    reference = score_each(network, sequences)
    np.testing.assert_allclose(found.reference, reference.mean(0), atol=CLOSE)
    for alternative in range(4):
        codes = np.full(len(row), alternative, dtype=np.uint8)
        mutants = edits.apply(sequences, edits.single_bases(row, base, codes))
        want = (score_each(network, mutants) - reference[:, row]).mean(0)
        want[sequences.data == alternative] = 0
        np.testing.assert_allclose(found.change[:, alternative], want, atol=CLOSE)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Ragged, Edits]:
    """Sequences and edits of every kind in them."""
    sequences = from_rows(draw(ROWS))
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        row = draw(st.integers(0, len(sequences) - 1))
        start = draw(st.integers(0, int(sequences.lengths[row])))
        stop = draw(st.integers(start, int(sequences.lengths[row])))
        rows.append((row, start, stop, draw(st.lists(st.integers(0, 4), max_size=9).map(bytes))))
    place = np.array([row[:3] for row in rows], dtype=np.int64).reshape(-1, 3)
    return sequences, Edits(place[:, 0], place[:, 1], place[:, 2], from_rows(row[3] for row in rows))


@settings(max_examples=60, deadline=None)
@given(edited(), st.sampled_from(SMALL), st.sampled_from(["whole", "window"]))
def test_any_edit_equals_scoring_the_edited_sequence(
    given_edits: tuple[Ragged, Edits], shape: dict[str, Any], rule: str
) -> None:
    network, (sequences, asked) = make(shape), given_edits
    network.rule = rule
    found = score_edits(network, sequences, asked)
    mutants = edits.apply(sequences, asked)
    np.testing.assert_allclose(found.reference, by_rule(network, sequences), atol=CLOSE)
    want = by_rule(network, mutants) - by_rule(network, sequences)[:, asked.sequence]
    np.testing.assert_allclose(found.change, want, atol=CLOSE)


def by_rule(network: deepbind.Model, sequences: Ragged) -> NDArray[np.float64]:
    """Return scores by the definition, under the network's rule."""
    if network.rule == "whole":
        return score_each(network, sequences)
    k = network.settings.kernel_size
    out = np.empty((network.settings.n_members, len(sequences), network.settings.n_targets))
    for row, codes in enumerate(sequences):
        windows = from_rows([codes[i : i + k] for i in range(max(1, len(codes) - k + 1))])
        out[:, row] = score_each(network, windows).max(1)
    return out


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_single_deletions_and_insertions(shape: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    network, sequences = make(shape), random_sequences(rng, [40, 1, 75])
    for asked in (
        edits.deletions(sequences.lengths),
        edits.insertions(sequences.lengths, np.array([2], dtype=np.uint8)),
        edits.insertions(sequences.lengths, rng.integers(0, 4, 33, dtype=np.uint8)),
    ):
        mutants = edits.apply(sequences, asked)
        want = score_each(network, mutants) - score_each(network, sequences)[:, asked.sequence]
        found = score_edits(network, sequences, asked)
        np.testing.assert_allclose(found.change, want, atol=CLOSE)
        assert np.isnan(found.change).any() == bool((mutants.lengths == 0).any())


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything cut into many small pieces."""
    for module, name, value in (
        (incremental, "SLICE", 5),
        (incremental, "BLOCK_BYTES", 4000),
        (incremental, "LETTERS_AT_ONCE", 13),
        (edit_scores, "EDITS_AT_ONCE", 3),
        (edit_scores, "SCANNED_AT_ONCE", 60),
        (outer_windows, "FEW_PLACES", 0),
        (outer_windows, "MANY", 1),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("shape", SHAPES[1:4], ids=str)
def test_the_size_of_pieces_changes_nothing(shape: dict[str, Any], request: pytest.FixtureRequest) -> None:
    rng = np.random.default_rng(6)
    network, sequences = make(shape), random_sequences(rng, [50, 3, 50, 61])
    asked = edits.insertions(sequences.lengths, np.array([1, 3], dtype=np.uint8))
    at_once = substitutions(network, sequences), score_edits(network, sequences, asked)
    request.getfixturevalue("pieces")
    in_pieces = substitutions(network, sequences), score_edits(network, sequences, asked)
    np.testing.assert_allclose(in_pieces[0].change, at_once[0].change, atol=1e-6)
    np.testing.assert_allclose(in_pieces[1].change, at_once[1].change, atol=1e-6)


def test_any_number_of_threads_gives_the_same_numbers() -> None:
    network, sequences = make({}), random_sequences(np.random.default_rng(7), [100] * 200)
    one = substitutions(network, sequences)
    torch.set_num_threads(2)
    two = substitutions(network, sequences)
    assert np.array_equal(one.change, two.change)
    assert np.array_equal(one.reference, two.reference)


def test_reference_scores_are_those_of_predict() -> None:
    for shape in SHAPES:
        network, sequences = make(shape), random_sequences(np.random.default_rng(8), [30, 0, 80, 30])
        assert np.array_equal(substitutions(network, sequences).reference, predict(network, sequences), equal_nan=True)


def test_both_strands_change_alike() -> None:
    network, sequences = make({"n_members": 2}), random_sequences(np.random.default_rng(9), [60] * 5)
    change = substitutions(network, sequences).change.reshape(5, 60, 4, 1)
    other = from_rows([reverse_complement(codes) for codes in sequences])
    reverse = substitutions(network, other).change.reshape(5, 60, 4, 1)
    np.testing.assert_allclose(change, reverse[:, ::-1, ::-1], atol=1e-6)


def test_what_cannot_matter_changes_nothing_at_all() -> None:
    """One site far above all else: a substitution beyond its reach leaves the score as it is, to the last bit."""
    network = make({"n_filters": 1, "kernel_size": 6, "hidden": 0})
    with torch.no_grad():
        network.filters.fill_(-5)
        network.filters[0, 0, [0, 1, 2, 3, 0, 0], range(6)] = 5
        network.threshold.fill_(0)
        network.output_weight.fill_(1)
    codes = np.zeros(60, dtype=np.uint8)
    codes[30:36] = [0, 1, 2, 3, 0, 0]
    change = substitutions(network, from_rows([codes])).change[:, :, 0]
    assert (change[:30] == 0).all()
    assert (change[36:] == 0).all()
    assert (np.count_nonzero(change[30:36], axis=1) == 3).all()


def test_long_sequences() -> None:
    """Longer than what is mutated at a time."""
    network, rng = make({"n_filters": 4}), np.random.default_rng(10)
    sequences = random_sequences(rng, [20_000], n_share=0)
    found = substitutions(network, sequences).change
    place = rng.integers(0, 20_000, 8)
    mutants = np.repeat(sequences[0][None], 9, axis=0)
    mutants[np.arange(8), place] = (mutants[np.arange(8), place] + 1) % 4
    scores = score(network, mutants)[0]
    np.testing.assert_allclose(found[place, mutants[np.arange(8), place]], scores[:8] - scores[8], atol=CLOSE)


@dataclass(frozen=True, slots=True)
class Composition(networks.Settings):
    """A network of another architecture."""


class CompositionModel(networks.Network):
    """Scores the share of each letter, and what stands first."""

    def __init__(self, settings: Composition) -> None:
        super().__init__(settings)
        self.output_weight = nn.Parameter(torch.tensor([[[1.0], [-2.0], [0.5], [3.0], [0.1]]]))
        self.output_bias = nn.Parameter(torch.zeros(1, 1))

    def initialise(self) -> None:
        """Keep the weights."""

    def prepare(self, codes: Tensor, lengths: Tensor | None, batch_size: int) -> Iterator[Any]:
        real = torch.full((len(codes),), codes.shape[1]) if lengths is None else lengths
        for start in range(0, len(codes), batch_size):
            yield codes[start : start + batch_size], real[start : start + batch_size]

    def forward(self, inputs: Any) -> Tensor:
        codes, lengths = inputs
        there = torch.arange(codes.shape[1]) < lengths[:, None]
        values = self.output_weight[0, :, 0][codes.long()] * there
        return (values.sum(1) / lengths + values[:, 0])[None, :, None]


def test_other_architectures_score_every_mutant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brute_force, "LETTERS_AT_ONCE", 200)
    network = CompositionModel(Composition()).eval().requires_grad_(False)
    sequences = random_sequences(np.random.default_rng(11), [20, 0, 33])
    found = substitutions(network, sequences)
    for row, codes in enumerate(sequences):
        for place in range(len(codes)):
            mutants = [np.concatenate([codes[:place], [a], codes[place + 1 :]]).astype(np.uint8) for a in range(4)]
            scores = member_scores(network, from_rows([codes, *mutants]))[0, :, 0]
            got = found.change[sequences.offsets[row] + place, :, 0]
            np.testing.assert_allclose(got, scores[1:] - scores[0], atol=1e-6)
    asked = edits.deletions(sequences.lengths)
    want = (
        member_scores(network, edits.apply(sequences, asked))
        - member_scores(network, sequences.take(np.array([0, 2])))[:, np.repeat([0, 1], [20, 33])]
    )
    np.testing.assert_allclose(score_edits(network, sequences, asked).change, want, atol=1e-6)


@pytest.mark.parametrize("rule", ["whole", "window"])
def test_a_collection_equals_its_networks(rule: str) -> None:
    shape = {"both_strands": True, "n_filters": 3, "kernel_size": 6, "hidden": 0, "pooling": "max"}
    other = {"both_strands": False, "n_filters": 2, "kernel_size": 9, "hidden": 3, "pooling": "max-average"}
    groups = [{"targets": [2, 0], **shape}, {"targets": [1], **other}]
    network = collection.Model(collection.Settings(n_targets=3, groups=groups))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    network = network.eval().requires_grad_(False)
    network.rule = rule
    sequences = random_sequences(np.random.default_rng(12), [25, 4, 30])
    found = substitutions(network, sequences)
    inserted = edits.insertions(sequences.lengths, np.array([1], dtype=np.uint8))
    found_edits = score_edits(network, sequences, inserted)
    for target in range(3):
        alone = network.single(target)
        np.testing.assert_allclose(found.change[..., target], substitutions(alone, sequences).change[..., 0], atol=1e-6)
        want = score_edits(alone, sequences, inserted)
        np.testing.assert_allclose(found_edits.change[..., target], want.change[..., 0], atol=1e-6)
        np.testing.assert_allclose(found_edits.reference[..., target], want.reference[..., 0], atol=1e-6)


def test_an_edit_outside_of_its_sequence_is_refused() -> None:
    sequences = from_rows([b"\x00\x01", b"\x02"])
    nothing = from_rows([b""])
    for row, start, stop in ((0, -1, 1), (0, 1, 3), (1, 1, 0), (2, 0, 0), (-1, 0, 0)):
        one = Edits(np.array([row]), np.array([start]), np.array([stop]), nothing)
        with pytest.raises(ValueError, match="edit 1 replaces bases"):
            score_edits(make({}), sequences, one)


def test_no_sequences_and_no_edits() -> None:
    nothing = from_rows([])
    found = substitutions(make({"n_members": 2}), nothing)
    assert found.change.shape == (0, 4, 1)
    assert found.reference.shape == (0, 1)
    none = score_edits(make({}), from_rows([b"\x00"]), edits.deletions(np.zeros(0, dtype=np.int64)))
    assert none.change.shape == (1, 0, 1)
    assert none.reference.shape == (1, 1, 1)

"""What is searched, how it is drawn, and what is refused."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.errors import UsageError
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from seqcnn.training.search import SPACES, Range, Space, check_space, draw, find_space, parse, searchable, shared

BASE = TrainOptions(**PRESETS["default"])


def values(choice: Range | tuple[Any, ...], name: str = "dropout", n: int = 3000) -> list[Any]:
    return [draw({name: choice}, 7, i)[name] for i in range(n)]


def test_uniform_and_by_order_of_magnitude() -> None:
    flat, log = (np.array(values(Range(1e-4, 1.0, log=log))) for log in (False, True))
    assert np.median(flat) == pytest.approx(0.5, abs=0.05)
    assert np.median(np.log10(log)) == pytest.approx(-2, abs=0.15)
    for drawn in (flat, log):
        assert 1e-4 <= drawn.min() < drawn.max() <= 1


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_have_their_bounds(log: bool) -> None:
    drawn = values(Range(1, 4, log=log), "n_filters")
    assert all(type(value) is int for value in drawn)
    counts = Counter(drawn)
    assert set(counts) == {1, 2, 3, 4}
    low, high = (0.5, 4.5)
    size = math.log(high / low) if log else high - low
    for value, n in counts.items():
        part = math.log((value + 0.5) / (value - 0.5)) if log else 1
        assert n == pytest.approx(3000 * part / size, rel=0.15)


def test_choices() -> None:
    """Those that decide the shape take turns; the others are drawn, what stands twice twice as often."""
    assert values((0, 32), "hidden", 5) == [0, 32, 0, 32, 0]
    counts = Counter(values((0.0, 0.0, 0.25, 0.5)))
    assert counts[0.0] == pytest.approx(1500, rel=0.1)
    assert counts[0.5] == pytest.approx(750, rel=0.15)
    space: Space = {"hidden": (0, 8), "pooling": ("max", "max-average"), "dropout": (0.1, 0.2)}
    shapes = [tuple(draw(space, 1, i)[name] for name in ("hidden", "pooling")) for i in range(8)]
    assert set(Counter(shapes).values()) == {2}


def test_a_trial_depends_on_seed_and_number_alone() -> None:
    space = SPACES["default"]
    one = [draw(space, 3, i) for i in range(5)]
    assert [draw(space, 3, i) for i in reversed(range(5))] == one[::-1]
    assert draw(space, 4, 0) != one[0]
    assert len({each["learning_rate"] for each in one}) == 5


@pytest.mark.parametrize("name", SPACES)
def test_presets_can_be_trained(name: str) -> None:
    check_space(SPACES[name], TrainOptions(**PRESETS[name]))
    assert set(SPACES[name]) <= set(searchable())


def test_the_published_ranges() -> None:
    space = SPACES["deepbind"]
    assert space["hidden"] == (0, 32)
    assert space["learning_rate"] == Range(5e-4, 5e-2, log=True)
    assert space["momentum"] == Range(0.95, 0.99)
    assert space["dropout"] == (0.0, 0.0, 0.25, 0.5)
    assert set(shared(space)) == {"hidden"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n_filters=16,32, 64", ("n_filters", (16, 32, 64))),
        ("n-filters = 8", ("n_filters", (8,))),
        ("kernel_size=12..32", ("kernel_size", Range(12, 32))),
        ("batch_size=32..512", ("batch_size", Range(32, 512, log=True))),
        ("hidden=0..64", ("hidden", Range(0, 64))),
        ("pooling=max,max-average", ("pooling", ("max", "max-average"))),
        ("learning_rate=1e-3..1e-2", ("learning_rate", Range(1e-3, 1e-2, log=True))),
        ("learning_rate=.001...005", ("learning_rate", Range(1e-3, 5e-3))),
        ("momentum=0.8..0.99", ("momentum", Range(0.8, 0.99))),
        ("dropout=0..0.5", ("dropout", Range(0, 0.5))),
    ],
)
def test_parse(text: str, wanted: tuple[str, Any]) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs=3..4", "'epochs' cannot be searched; there are: n_filters, kernel_size"),
        ("", "'' cannot be searched"),
        ("learning_rate", "--search learning_rate is neither NAME=LOW..HIGH nor NAME=A,B,C$"),
        ("learning_rate=", "is neither"),
        ("learning_rate=high", "is neither"),
        ("learning_rate=1..2..3", "is neither"),
        ("learning_rate=1..inf", "is neither"),
        ("dropout=nan,0.1", "is neither"),
        ("n_filters=1.5..3", "nor NAME=A,B,C of whole numbers"),
        ("n_filters=16,many", "of whole numbers"),
        ("dropout=0.5..0.1", "the first number must be the smaller one"),
        ("dropout=0.5..0.5", "the first number must be the smaller one"),
        ("pooling=max..max-average", "pooling has no range; give NAME=A,B,C"),
    ],
)
def test_malformed(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n_filters=0..8", "--search n_filters=0..8: n_filters must be at least 1, not 0"),
        ("hidden=-1,4", "--search hidden=-1,4: hidden must be at least 0, not -1"),
        ("dropout=0.5,1", "dropout must be at least 0 and below 1, not 1.0"),
        ("momentum=0.5..1.5", "momentum must be at least 0 and below 1, not 1.5"),
        ("learning_rate=0,0.1", "learning_rate must be above 0, not 0.0"),
        ("filter_scale=0..1", "filter_scale must be above 0, not 0"),
        ("weight_decay=-1..1", "weight_decay must be at least 0, not -1"),
        ("pooling=max,mean", "unknown pooling 'mean'; there are: max, max-average"),
    ],
)
def test_values_that_cannot_be_trained_with(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_space(dict([parse(text)]), BASE)


def test_what_is_searched() -> None:
    said = dict.fromkeys(SPACES["default"])
    usual = find_space("default", (), said)
    assert usual == SPACES["default"]
    space = find_space("default", ("kernel-size=8,12", "dropout=0..0.2"), said | {"hidden": 0, "momentum": 0.9})
    assert set(space) == set(usual) - {"hidden", "momentum"} | {"kernel_size"}
    assert space["dropout"] == Range(0, 0.2)
    assert space["learning_rate"] == usual["learning_rate"]
    assert find_space("deepbind", (), said) == SPACES["deepbind"]


@pytest.mark.parametrize(
    ("searched", "fixed", "said"),
    [
        (["hidden=0,8"], {"hidden": 0}, "--search hidden and --hidden: give one of them"),
        (["n_filters=8,9"], {"n_filters": 4}, "--search n-filters and --n-filters: give one"),
        (["hidden=0,8", "hidden=0,9"], {}, "--search hidden and another: give one of them"),
        ([], dict.fromkeys(SPACES["default"], 0.1), "there is nothing to search"),
    ],
)
def test_said_twice(searched: list[str], fixed: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_space("default", searched, fixed)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 10_000), st.sampled_from(sorted(SPACES)))
def test_every_draw_can_be_trained_with(seed: int, number: int, preset: str) -> None:
    TrainOptions(**PRESETS[preset] | draw(SPACES[preset], seed, number))

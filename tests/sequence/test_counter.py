"""Counter-based random numbers: the published mixer, uniform, independent, addressed by what they belong to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seqcnn.sequence.counter import _GAMMA, _mix, random_uint64, random_unit


def test_mixer_is_the_published_one() -> None:
    """First outputs of SplitMix64 seeded with 1234567, as its reference implementation prints them."""
    states = np.array([1234567] * 5, dtype=np.uint64) + np.arange(1, 6, dtype=np.uint64) * _GAMMA
    assert _mix(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**40), st.integers(0, 2**40))
def test_number_does_not_depend_on_its_neighbours(seed: int, stream: int, counter: int) -> None:
    alone = random_uint64(seed, stream, counter)
    together = random_uint64(seed, np.arange(stream, stream + 3)[:, None], np.arange(counter, counter + 4))
    assert together.shape == (3, 4)
    assert together.dtype == np.uint64
    assert alone == together[0, 0]


def test_seed_stream_and_round_each_matter() -> None:
    drawn = {
        int(random_uint64(seed, (stream, turn), counter))
        for seed in (-1, 0, 1)
        for stream in range(5)
        for turn in range(5)
        for counter in range(5)
    }
    assert len(drawn) == 3 * 5 * 5 * 5


def test_floats_are_refused_as_counters() -> None:
    with pytest.raises(TypeError, match="float64"):
        random_uint64(1, 0, 0.5)


@pytest.mark.parametrize("axis", ["stream", "counter", "round"])
def test_uniform_along_every_axis(axis: str) -> None:
    steps = np.arange(200_000)
    stream, turn, counter = (steps if axis == name else 3 for name in ("stream", "round", "counter"))
    numbers = random_unit(5, (stream, turn), counter)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-4
    raw = random_uint64(5, (stream, turn), counter)
    bits = np.unpackbits(raw.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 5 * 0.5 / np.sqrt(len(steps))


@pytest.mark.parametrize("axis", ["stream", "counter", "seed"])
def test_neighbours_are_independent(axis: str) -> None:
    numbers = (
        np.array([int(random_uint64(seed, 1, 1)) for seed in range(5000)], dtype=np.uint64)
        if axis == "seed"
        else random_uint64(
            9, np.arange(50_000) if axis == "stream" else 1, np.arange(50_000) if axis != "stream" else 1
        )
    )
    top = (numbers >> np.uint64(60)).astype(int)
    low = (numbers & np.uint64(15)).astype(int)
    for one, other in ((top[:-1], top[1:]), (low[:-1], low[1:]), (top, low)):
        table = np.bincount(one * 16 + other, minlength=256)
        assert stats.chisquare(table).pvalue > 1e-4

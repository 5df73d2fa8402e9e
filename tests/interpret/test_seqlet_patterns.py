"""Patterns of seqlets whose contributions are known: two motifs on both strands, and noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcnn.interpret.seqlet_patterns import (
    ClusterOptions,
    Pattern,
    about_their_middle,
    distinct,
    find_patterns,
    once,
    own_contributions,
)
from seqcnn.interpret.seqlets import Profiles, Seqlets, find
from tests.interpret.planted import CONSENSUS, plant, ppm

OPTIONS = ClusterOptions(core=11, flank=3)


def contributions_of(consensus: str) -> NDArray[np.float64]:
    """Return what each base contributes to a sum of log-odds."""
    odds = np.log2(ppm(consensus) / 0.25)
    return (odds - odds.mean(0)) * (4 / 3)


def planted(
    n: int, *, minus: bool = True, noise: float = 0.02, seed: int = 0
) -> tuple[Profiles, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return profiles in which a motif's log-odds contribute where it was planted."""
    rng = np.random.default_rng(seed)
    sequences, which, start, strand = plant(rng, n, minus=minus)
    by_base = rng.normal(0, noise, (len(sequences.data), 4)).astype(np.float32)
    for row in range(n):
        odds = contributions_of(CONSENSUS[which[row]])
        odds = odds[::-1, ::-1] if strand[row] else odds
        first = sequences.offsets[row] + start[row]
        by_base[first : first + odds.shape[1]] += odds.T
    return Profiles(sequences, by_base), which, start, strand


def seqlets_of(profiles: Profiles) -> Seqlets:
    found = find(profiles, OPTIONS.core, 1)
    return found.take(found.score > 4)


@pytest.mark.parametrize("minus", [True, False])
def test_planted_motifs_are_the_patterns(minus: bool) -> None:
    profiles, which, start, strand = planted(120, minus=minus)
    seqlets = seqlets_of(profiles)
    patterns = find_patterns(profiles, seqlets, OPTIONS, both_strands=minus)
    assert len(patterns) == 2
    assert [len(each) for each in patterns] == sorted((len(each) for each in patterns), reverse=True)
    assert sum(len(each) for each in patterns) >= 0.95 * len(seqlets)
    for pattern in patterns:
        rows = pattern.seqlets.sequence
        assert len(np.unique(which[rows])) == 1
        # Every site lies alike: the planted start, counted on the pattern's strand, is the same column.
        turned = pattern.seqlets.minus != strand[rows]
        assert turned.all() or not turned.any()
        ends = pattern.seqlets.start + OPTIONS.width - (start[rows] + 10)
        column = np.where(pattern.seqlets.minus, ends, start[rows] - pattern.seqlets.start)
        assert len(np.unique(column)) == 1
        odds = contributions_of(CONSENSUS[which[rows[0]]])
        odds = odds[::-1, ::-1] if turned.all() else odds
        first = int(column[0])
        np.testing.assert_allclose(pattern.contributions[:, first : first + 10], odds, atol=0.05)


def test_without_the_other_strand_a_motif_is_two() -> None:
    profiles, *_ = planted(160)
    patterns = find_patterns(profiles, seqlets_of(profiles), OPTIONS, both_strands=False)
    assert len(patterns) == 4
    assert not any(each.seqlets.minus.any() for each in patterns)


def test_the_same_seed_gives_the_same_patterns() -> None:
    profiles, *_ = planted(150)
    seqlets = seqlets_of(profiles)
    options = ClusterOptions(core=11, flank=3, most=60, seed=4)
    one, two = (find_patterns(profiles, seqlets, options, both_strands=True) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.contributions, b.contributions)
        np.testing.assert_array_equal(a.seqlets.start, b.seqlets.start)
    # Of 60 that were clustered come patterns of all.
    assert sum(len(each) for each in one) >= 0.95 * len(seqlets)


def test_which_seqlets_are_clustered_hangs_on_the_seed() -> None:
    profiles, *_ = planted(150, noise=2.0)
    seqlets = seqlets_of(profiles)
    runs = [
        find_patterns(profiles, seqlets, ClusterOptions(11, 3, 0.4, most=30, seed=seed), both_strands=True)
        for seed in (1, 2)
    ]
    assert [each.seqlets.start.tolist() for each in runs[0]] != [each.seqlets.start.tolist() for each in runs[1]]


def test_how_alike_seqlets_must_be_to_be_in_a_pattern() -> None:
    profiles, *_ = planted(150, noise=2.0)
    seqlets = seqlets_of(profiles)
    held = [
        sum(len(each) for each in find_patterns(profiles, seqlets, options, both_strands=True))
        for options in (ClusterOptions(core=11, flank=3, similarity=0.4, member=m) for m in (0.3, 0.6, 0.8))
    ]
    assert held[0] > held[1] > held[2]


def test_how_alike_seqlets_must_be_to_be_a_cluster() -> None:
    profiles, *_ = planted(150, noise=2.0)
    seqlets = seqlets_of(profiles)
    loose, strict = (
        find_patterns(profiles, seqlets, ClusterOptions(core=11, flank=3, similarity=s), both_strands=True)
        for s in (0.4, 0.9)
    )
    assert len(loose) >= 2
    assert strict == []


def test_noise_makes_no_pattern() -> None:
    rng = np.random.default_rng(2)
    sequences, *_ = plant(rng, 60)
    profiles = Profiles(sequences, rng.normal(size=(len(sequences.data), 4)).astype(np.float32))
    patterns = find_patterns(profiles, find(profiles, 11, 1), ClusterOptions(11, 3, 0.8), both_strands=True)
    assert patterns == []


def test_too_few_seqlets_make_no_pattern() -> None:
    profiles, *_ = planted(4)
    assert find_patterns(profiles, seqlets_of(profiles), OPTIONS, both_strands=True) == []


def test_patterns_that_are_alike_are_one() -> None:
    profiles, *_ = planted(40, noise=0)
    whole = find_patterns(profiles, seqlets_of(profiles), OPTIONS, both_strands=True)[0]
    near = Pattern(whole.seqlets.take(np.arange(5)), np.roll(whole.contributions, 2, axis=1)[::-1, ::-1])
    assert distinct([whole, near], OPTIONS, both_strands=True) == [whole]
    assert len(distinct([whole, near], OPTIONS, both_strands=False)) == 2
    rough = Pattern(near.seqlets, near.contributions + np.random.default_rng(0).normal(0, 0.9, (4, 17)).astype("f4"))
    assert len(distinct([whole, rough], OPTIONS, both_strands=True)) == 1 + (_likeness(whole, rough) < 0.8)
    assert len(distinct([whole, rough], ClusterOptions(11, 3, merge=0.1), both_strands=True)) == 1
    assert len(distinct([whole, rough], ClusterOptions(11, 3, merge=0.99), both_strands=True)) == 2


def _likeness(a: Pattern, b: Pattern) -> float:
    turned = b.contributions[::-1, ::-1]
    products = [(a.contributions * np.roll(turned, shift, axis=1)).sum() for shift in range(-5, 6)]
    return float(max(products) / np.linalg.norm(a.contributions) / np.linalg.norm(turned))


def test_a_site_counts_once() -> None:
    seqlets = Seqlets(
        np.array([1, 0, 1, 1]),
        np.array([5, 5, 5, 6]),
        np.array([False, False, True, False]),
        np.array([2.0, 1, 3, 1]),
    )
    kept = once(seqlets)
    assert kept.sequence.tolist() == [0, 1, 1]
    assert kept.start.tolist() == [5, 5, 6]
    assert kept.score.tolist() == [1, 3, 1]
    negative = once(Seqlets(seqlets.sequence, seqlets.start, seqlets.minus, -seqlets.score))
    assert negative.score.tolist() == [-1, -3, -1]


def test_windows_lie_about_what_contributes() -> None:
    profiles, _, start, _ = planted(30, noise=0)
    seqlets = seqlets_of(profiles)
    centred = about_their_middle(profiles, seqlets, OPTIONS)
    away = centred.start + OPTIONS.width // 2 - (start[centred.sequence] + 5)
    assert np.abs(away).max() <= 3
    silent = Profiles(profiles.sequences, np.zeros_like(profiles.by_base))
    np.testing.assert_array_equal(about_their_middle(silent, seqlets, OPTIONS).start, seqlets.start - OPTIONS.flank)


def test_only_bases_that_are_there_contribute() -> None:
    values = np.arange(8, dtype=np.float32).reshape(1, 4, 2) + 1
    own = own_contributions(values, np.array([[2, 4]], dtype=np.uint8))
    assert own.tolist() == [[[0, 0], [0, 0], [5, 0], [0, 0]]]

"""The motif record, against Biopython and the definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from Bio import motifs as bio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqcnn.formats.motif import Motif, uniform

COUNTS = arrays(np.float64, st.tuples(st.just(4), st.integers(1, 6)), elements=st.integers(0, 30).map(float)).filter(
    lambda table: bool((table.sum(axis=0) > 0).all())
)


def in_biopython(counts: Any) -> Any:
    return bio.Motif(alphabet="ACGT", counts={letter: row.tolist() for letter, row in zip("ACGT", counts, strict=True)})


@given(COUNTS)
def test_consensus_is_that_of_biopython(counts: Any) -> None:
    assert Motif.from_counts("x", counts).consensus() == str(in_biopython(counts).degenerate_consensus)


def test_consensus_of_rna_has_u() -> None:
    motif = Motif.from_counts("x", np.eye(4), alphabet="rna")
    assert (motif.consensus(), motif.reverse_complement().consensus()) == ("ACGU", "ACGU")


@given(COUNTS, st.floats(0.1, 5), arrays(np.float64, 4, elements=st.floats(0.05, 1)))
def test_pseudocounts_follow_the_background(counts: Any, pseudocount: float, raw: Any) -> None:
    background = raw / raw.sum()
    motif = Motif.from_counts("x", counts, pseudocount=pseudocount, background=background)
    for place in range(counts.shape[1]):
        total = counts[:, place].sum() + pseudocount
        for base in range(4):
            expected = (counts[base, place] + pseudocount * background[base]) / total
            assert motif.ppm[base, place] == pytest.approx(expected, rel=1e-12)
    assert np.array_equal(motif.pfm, counts)
    assert motif.nsites == counts.sum(axis=0).max()


@given(COUNTS)
def test_log_odds_are_those_of_biopython(counts: Any) -> None:
    theirs = in_biopython(counts).counts.normalize(pseudocounts=0).log_odds()
    expected = np.array([theirs[letter] for letter in "ACGT"])
    np.testing.assert_allclose(Motif.from_counts("x", counts).pwm(), expected, atol=1e-12)


def test_log_odds_with_a_pseudocount_are_finite() -> None:
    motif = Motif("x", [[1.0], [0], [0], [0]], nsites=9, background=[0.4, 0.1, 0.1, 0.4])  # type: ignore[arg-type]
    expected = [math.log2((9 + 0.4) / 10 / 0.4), *[math.log2(1 / 10)] * 3]
    assert motif.pwm(1.0)[:, 0] == pytest.approx(expected)
    assert motif.pwm(1.0, uniform())[1, 0] == pytest.approx(expected[1])
    assert motif.pwm()[1, 0] == -math.inf


def test_information() -> None:
    motif = Motif("x", np.array([[1, 0.5, 0.25], [0, 0.5, 0.25], [0, 0, 0.25], [0, 0, 0.25]]))
    assert motif.information() == pytest.approx([2, 1, 0])
    against = motif.information([0.5, 0.25, 0.125, 0.125])
    assert against == pytest.approx([1, 0.5 * 0 + 0.5 * 1, 0.25 * (-1 + 0 + 1 + 1)])


def test_counts_of_a_motif_without_counts() -> None:
    ppm = np.full((4, 2), 0.25)
    assert Motif("x", ppm).pfm.sum(axis=0) == pytest.approx([20, 20])
    assert Motif("x", ppm, nsites=8).pfm[0, 0] == 2


@given(COUNTS)
def test_the_other_strand(counts: Any) -> None:
    motif = Motif.from_counts("x", counts, background=[0.1, 0.2, 0.3, 0.4])
    other = motif.reverse_complement()
    assert other.consensus() == str(in_biopython(counts).reverse_complement().degenerate_consensus)
    assert other.background.tolist() == [0.4, 0.3, 0.2, 0.1]
    again = other.reverse_complement()
    assert np.array_equal(again.ppm, motif.ppm)
    assert np.array_equal(again.pfm, counts)


def test_names_are_shown_once() -> None:
    ppm = np.full((4, 1), 0.25)
    assert [Motif("a", ppm, name).shown_name() for name in ("", "a", "b")] == ["a", "a", "a b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ppm": np.full((3, 2), 1 / 3)}, r"ppm of x has shape \(3, 2\), not \(4, width\)"),
        ({"ppm": np.zeros((4, 0))}, r"shape \(4, 0\)"),
        ({"ppm": np.full((4, 2), 0.3)}, "probabilities of x do not sum to 1"),
        ({"ppm": np.array([[1.5], [-0.5], [0], [0]])}, "negative or not finite"),
        ({"ppm": np.full((4, 1), np.nan)}, "negative or not finite"),
        ({"alphabet": "protein"}, "alphabet is 'protein'"),
        ({"background": [1, 0, 0]}, r"background of x has shape \(3,\), not \(4,\)"),
        ({"background": [1, 1, 0, 0]}, "do not sum to 1"),
        ({"counts": np.ones((4, 3))}, "differ in width"),
    ],
)
def test_what_is_no_motif(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Motif(**{"name": "x", "ppm": np.full((4, 2), 0.25), **change})


def test_a_position_without_counts() -> None:
    with pytest.raises(ValueError, match="column 2 of x holds no counts"):
        Motif.from_counts("x", [[1, 0]] * 4)
    assert Motif.from_counts("x", [[1, 0]] * 4, pseudocount=1).ppm[:, 1] == pytest.approx([0.25] * 4)

"""HOMER files, by the format's own rules."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqcnn.errors import InputError
from seqcnn.formats.homer import LEAST_PROBABILITY, default_threshold, parse, render
from seqcnn.formats.motif import Motif
from tests.formats.motif_texts import motifs

TEXT = """>ASTTC\t1-ASTTC\t8.059752\t-23791.535714\t0\tT:17311.0(44.36%),B:2181.80(5.80%),P:1e-10317
0.726\t0.002\t0.170\t0.103
0.002\t0.494\t0.354\t0.151
>CC\tcounts
1 2 3 4
0 0 0 7
"""


def read(text: str) -> list[Motif]:
    return parse(text.splitlines(), "x.homer")


def test_a_file() -> None:
    first, second = read(TEXT)
    assert (first.name, first.threshold, first.nsites, first.alphabet) == ("1-ASTTC", 8.059752, 17311, "dna")
    assert first.ppm.sum(axis=0) == pytest.approx([1, 1])
    assert (second.name, second.threshold, second.nsites) == ("counts", None, 10)
    assert second.pfm.tolist() == [[1, 0], [2, 0], [3, 0], [4, 7]]


@pytest.mark.parametrize(("consensus", "alphabet"), [("UGUA", "rna"), ("UGTA", "dna"), ("ACC", "dna")])
def test_u_in_the_consensus_is_rna(consensus: str, alphabet: str) -> None:
    for motif in read(f">{consensus}\ta\t1\n1 0 0 0\n>AC\tb\t1\n1 0 0 0\n"):
        assert motif.alphabet == alphabet


def test_a_motif_without_a_name_is_called_by_its_consensus() -> None:
    assert [motif.name for motif in read(">ACG\n1 0 0 0\n>\tx\t1\n1 0 0 0\n")] == ["ACG", "x"]


@settings(max_examples=40)
@given(motifs())
def test_what_is_written_is_read(written: list[Motif]) -> None:
    text = render(written)
    letters = {letter for line in text.splitlines() if line.startswith(">") for letter in line[1:].split("\t")[0]}
    for ours, again in zip(written, read(text), strict=True):
        assert again.name == ours.name
        assert again.alphabet == ("rna" if "U" in letters else "dna")
        np.testing.assert_allclose(again.ppm, ours.ppm, atol=1.1e-6)
        assert again.threshold == pytest.approx(default_threshold(ours.ppm), abs=1e-6)


def test_a_threshold_is_kept() -> None:
    (motif, _) = read(TEXT)
    assert render([motif]).split("\t")[2].startswith("8.059752")


@given(
    arrays(np.float64, st.tuples(st.just(4), st.integers(1, 4)), elements=st.floats(0.01, 1)),
    st.sampled_from([0.3, 0.05, 0.01, 1e-4]),
)
@settings(max_examples=30)
def test_the_threshold_lets_a_share_of_all_words_through(raw: np.ndarray, rate: float) -> None:
    ppm = raw / raw.sum(axis=0)
    steps = np.rint(100 * np.log(np.maximum(ppm, LEAST_PROBABILITY) / 0.25))
    scores = [
        sum(steps[base, place] for place, base in enumerate(word)) / 100
        for word in itertools.product(range(4), repeat=ppm.shape[1])
    ]
    threshold = default_threshold(ppm, rate)
    passing = sum(score >= threshold for score in scores)
    assert passing <= rate * len(scores) * (1 + 1e-9) or threshold == pytest.approx(max(scores) - 0.005)
    lower = [score for score in scores if score < threshold]
    if lower and passing <= rate * len(scores):
        assert sum(score >= max(lower) for score in scores) > rate * len(scores) * (1 - 1e-9)
    assert passing >= 1


def test_the_threshold_is_in_nats() -> None:
    assert default_threshold(np.eye(4)[:, [0] * 5]) == pytest.approx(5 * math.log(4), abs=0.03)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT[1:], "x.homer:1: a matrix without a line '>consensus name threshold' before it"),
        (TEXT.replace(">CC\tcounts", ">"), "x.homer:4: '>' without a name"),
        (TEXT.replace("8.059752", "high"), "x.homer:1: the threshold 'high' is not a number"),
        (TEXT + ">AC\tlast\t3\n", "x.homer:7: motif 'last' has no rows"),
        (TEXT.replace("0 0 0 7", "0 0 7"), "x.homer:6: a matrix row of 3 fields, not 4"),
        (TEXT.replace("0.494", "0.4.9"), "x.homer:3: '0.4.9' is not a number"),
        (TEXT.replace("0 0 0 7", "0 0 0 0"), "x.homer:6: position 2 of motif 'counts' has no counts"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(message)

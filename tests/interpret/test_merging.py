"""How alike motifs are, and what is put together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.formats.motif import Motif
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.interpret.merging import Aligned, cluster, likeness


def random_motif(seed: int, width: int = 10) -> Motif:
    return Motif(f"r{seed}", np.random.default_rng(seed).dirichlet([0.2] * 4, width).T)


@given(seed=st.integers(0, 1000), left=st.integers(0, 4), right=st.integers(0, 4), reverse=st.booleans())
def test_a_motif_with_flat_flanks_is_itself(seed: int, left: int, right: int, reverse: bool) -> None:
    """On either strand: likeness 1, and the alignment is where it was put."""
    motif = random_motif(seed)
    flank = [np.full((4, n), 0.25) for n in (left, right)]
    wide = dataclasses.replace(motif, ppm=np.concatenate([flank[0], motif.ppm, flank[1]], axis=1))
    other = wide.reverse_complement() if reverse else wide
    similar, aligned = likeness(motif, other, both_strands=True)
    assert similar == pytest.approx(1)
    assert aligned == Aligned(-left, reverse)


def test_likeness_by_definition() -> None:
    """The cosine of what differs from the background, laid over each other in every way."""
    a, b = random_motif(1), random_motif(2, 7)
    best = -1.0
    for theirs in (b.ppm, b.ppm[::-1, ::-1]):
        for offset in range(-6, 10):
            ours, other = np.zeros((4, 30)), np.zeros((4, 30))
            ours[:, 10:20] = a.ppm - 0.25
            other[:, 10 + offset : 17 + offset] = theirs - 0.25
            best = max(best, float((ours * other).sum() / np.linalg.norm(ours) / np.linalg.norm(other)))
    assert likeness(a, b, both_strands=True)[0] == pytest.approx(best)
    assert likeness(a, b, both_strands=False)[0] <= best


def test_clusters() -> None:
    """Leaders in order; what does not count is left out; members apart on request, strands too."""
    motif, other = random_motif(3), random_motif(4)
    found = [
        FoundMotif(motif, "", detectors=((0, 0),)),
        FoundMotif(other, "", detectors=((0, 1),)),
        FoundMotif(motif.reverse_complement(), "", detectors=((1, 0),)),
        FoundMotif(motif, "", "weak: 1 site", ((1, 1),)),
    ]

    def numbers(**options: bool) -> list[list[int]]:
        return [[n for n, _ in members] for members in cluster(found, **options)]

    assert numbers(both_strands=True) == [[0, 2], [1]]
    assert numbers(both_strands=False) == [[0], [1], [2]]
    assert numbers(both_strands=True, apart=True) == [[0], [1], [2]]
    flat = FoundMotif(Motif("flat", np.full((4, 5), 0.25)), "", detectors=((0, 2),))
    assert len(cluster([flat, flat], both_strands=True)) == 2

"""A consensus put into sequences, and scores without filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcnn.formats.motif import Motif
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.interpret.motif_effects import make_contrast, put_in, with_consensus
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import decode_all, encode_all
from tests.interpret.small_networks import collected, detecting, detector, network, sequences


def test_the_consensus_is_put_into_the_middle() -> None:
    """Positions without a consensus keep what is there."""
    ppm = np.full((4, 5), 0.02)
    ppm[[0, 1, 3, 2], [0, 1, 3, 4]] = 0.94
    ppm[:, 2] = 0.25
    made = with_consensus(encode_all(["GGGGGGGGG", "TTTTTTTTTT", "CCCCC"]), Motif("m", ppm))
    assert decode_all(made) == ["GGACGTGGG", "TTACTTGTTT", "ACCTG"]


def test_sequences_shorter_than_the_motif_are_passed_over() -> None:
    """Of the others the mean; where all are shorter, nothing is said."""
    net = detecting([detector("TGACTCAT")], 5.0, [1.0])
    motif = Motif("m", np.eye(4)[[3, 2, 0, 1, 3, 1, 0, 3]].T)
    found = [FoundMotif(motif, "filter 0", detectors=((0, 0),))]
    for lengths, expected in (([30, 5, 30], 3.0), ([5, 6], None)):
        (measured,) = put_in(found, net, make_contrast(sequences(lengths), sequences([]), 0, 0))
        change = measured.measures.inserted_score
        assert change is None if expected is None else change == pytest.approx(expected, abs=0.5)


def test_motifs_of_no_filters_are_put_in_with_the_network_of_the_target() -> None:
    """As are those of contributions: in a collection the target says whose they are."""
    nets = [detecting([detector("TGACTCAT")], 5.0, [weight]) for weight in (1.0, 2.0)]
    found = [FoundMotif(Motif("m", np.eye(4)[[3, 2, 0, 1, 3, 1, 0, 3]].T), "contributions")]
    codes, none = sequences([30] * 5), sequences([])
    for target, net in enumerate(nets):
        (measured,) = put_in(found, collected(nets).network, make_contrast(codes, none, target, 0))
        (alone,) = put_in(found, net, make_contrast(codes, none, 0, 0))
        assert measured.measures == alone.measures
        assert measured.measures.inserted_score == pytest.approx(3 * (target + 1), abs=0.5)


@pytest.mark.parametrize("pooling", ["max", "max-average"])
@pytest.mark.parametrize("rule", ["whole", "window"])
def test_scores_without_filters(pooling: str, rule: str) -> None:
    """As of a network whose thresholds are out of reach, with any pooling and rule of scoring."""
    net = network(pooling=pooling, n_targets=2)
    net.rule = rule
    codes = sequences([20, 9, 30])
    with torch.no_grad():
        for member in range(2):
            sets = [[], [1], [0, 2]]
            given = list(net.scores_without(codes, member, sets))
            general = list(Network.scores_without(net, codes, member, sets))
            assert len(given) == len(general) == 3
            for ours, theirs in zip(given, general, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(given[0], member_scores(net, codes)[member], rtol=1e-5, atol=1e-5)
            assert np.abs(given[2] - given[0]).max() > 1e-3

"""Motifs of contributions: what was planted comes back; which sequences are looked at; what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcnn.dataset.reading import Tally
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.motif import Motif
from seqcnn.interpret.comparison import Database
from seqcnn.interpret.contribution_motifs import change_without
from seqcnn.interpret.contributions import ContributionOptions, chosen_sequences, discover, find_motifs
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.interpret.seqlet_patterns import ClusterOptions
from seqcnn.interpret.seqlets import Seqlets
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import N_CODE, reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows
from tests.interpret.planted import CONSENSUS, network_of, plant, ppm

OPTIONS = ContributionOptions(clusters=ClusterOptions(core=15))


def pearson(found: FoundMotif, consensus: str) -> float:
    """Return the correlation of the columns that lie on each other in the best alignment."""
    truth = Motif("truth", ppm(consensus))
    filler = [Motif(f"r{i}", ppm("".join(np.random.default_rng(i).choice(list("ACGT"), 10)))) for i in range(60)]
    matches = Database([truth, *filler]).search(found.motif)
    target = truth.reverse_complement() if matches.strand[0] == "-" else truth
    offset, overlap = int(matches.offset[0]), int(matches.overlap[0])
    mine, theirs = max(-offset, 0), max(offset, 0)
    assert overlap >= 8
    pair = found.motif.ppm[:, mine : mine + overlap], target.ppm[:, theirs : theirs + overlap]
    return float(np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1])


@pytest.mark.parametrize("n_members", [1, 3])
def test_planted_motifs_come_back(n_members: int) -> None:
    sequences, which, start, _ = plant(np.random.default_rng(0), 300)
    tally = Tally()
    found = discover(network_of(n_members=n_members), sequences, np.ones(300), OPTIONS, tally)
    n_in_motifs = sum(each.found.measures.n_sites for each in found)
    assert n_in_motifs == tally.counts["seqlets"] - tally.counts["seqlets like no others"]
    found = [each for each in found if each.found.measures.n_sites >= 30]
    assert [each.found.name for each in found] == ["pattern_1", "pattern_2"]
    effects = [each.found.effect for each in found]
    assert effects == sorted(effects, reverse=True)
    seen = set()
    for each in found:
        motif, sites = each.found.motif, each.found.sites
        assert sites is not None
        assert each.found.kept
        number = int(np.bincount(which[sites.sequence]).argmax())
        seen.add(number)
        assert pearson(each.found, CONSENSUS[number]) >= 0.9
        near = np.abs(sites.start + sites.width // 2 - start[sites.sequence] - 5) <= 3
        assert near.mean() > 0.9
        assert len(sites) == motif.nsites == each.found.measures.n_sites
        assert each.contributions.shape == each.by_base.shape == motif.ppm.shape
        assert (each.contributions.sum(0) > 0).all()
    assert seen == {0, 1}
    assert tally.counts["sequences looked at"] == int((predict(network_of(n_members=n_members), sequences) > 0).sum())


def test_counts_are_of_the_sites() -> None:
    sequences, *_ = plant(np.random.default_rng(1), 200)
    network = network_of()
    each = discover(network, sequences, None, replace(OPTIONS, pseudocount=3.0))[0]
    sites, motif = each.found.sites, each.found.motif
    assert sites is not None
    assert (np.diff(sites.sequence) >= 0).all()
    counts = np.zeros((4, sites.width))
    heights = np.zeros((4, sites.width))
    change = substitutions(network, sequences).change[..., 0]
    for row, start, minus in zip(sites.sequence, sites.start, sites.minus, strict=True):
        if start < 0 or start + sites.width > sequences.lengths[row]:
            pytest.skip("a site sticks out")
        place = sequences.offsets[row] + start + np.arange(sites.width)
        codes = sequences.data[place]
        own = -change[place].sum(1) / 3
        codes, own = (reverse_complement(codes), own[::-1]) if minus else (codes, own)
        counts[codes, np.arange(sites.width)] += 1
        heights[codes, np.arange(sites.width)] += own
    np.testing.assert_array_equal(motif.pfm, counts)
    np.testing.assert_allclose(each.contributions, heights / len(sites), atol=1e-4)
    background = np.bincount(sequences.data, minlength=4) / len(sequences.data)
    background = (background + background[::-1]) / 2  # both strands are read
    np.testing.assert_allclose(motif.background, background)
    np.testing.assert_allclose(motif.ppm, (counts + 3 * background[:, None]) / (len(sites) + 3))


def test_rna_is_read_on_one_strand() -> None:
    rng = np.random.default_rng(2)
    sequences, *_ = plant(rng, 240, minus=False)
    network = network_of(both_strands=False)
    found = find_motifs(network, sequences, None, replace(OPTIONS, alphabet="rna"))
    assert len([each for each in found if each.kept]) == 2
    for each in found:
        assert each.motif.alphabet == "rna"
        assert "T" not in each.motif.consensus()
        assert each.sites is not None
        assert not each.sites.minus.any()


def test_what_lowers_the_score_is_kept_apart() -> None:
    rng = np.random.default_rng(3)
    sequences, *_ = plant(rng, 300, minus=False)
    # Every sequence has one of the two; the second lowers the score.
    found = find_motifs(network_of(sign=-1.0, both_strands=False), sequences, None, OPTIONS)
    raising = [each for each in found if each.kept and each.name.startswith("pattern")]
    lowering = [each for each in found if each.kept and each.name.startswith("negative_pattern")]
    assert len(raising) == 1
    assert pearson(raising[0], CONSENSUS[0]) >= 0.9
    assert pearson(lowering[0], CONSENSUS[1]) >= 0.9
    assert raising[0].effect > 0 > lowering[0].effect
    # Bases that keep a site from being one lower the score as well, by little.
    assert all(each.effect > lowering[0].effect / 5 for each in lowering[1:])
    assert found.index(raising[0]) < found.index(lowering[0])
    assert lowering[0].sites is not None
    assert (lowering[0].sites.score < 0).all()


def test_effects_are_of_masked_sites() -> None:
    rng = np.random.default_rng(4)
    network = network_of()
    sequences, *_ = plant(rng, 20)
    sites = Seqlets(np.array([3, 3, 7]), np.array([-4, 40, 75]), np.zeros(3, bool), np.zeros(3))
    rows = [row.copy() for row in sequences]
    rows[3][:6], rows[3][40:50], rows[7][75:] = N_CODE, N_CODE, N_CODE
    want = (predict(network, from_rows(rows)) - predict(network, sequences)).mean()
    assert change_without(network, sequences, sites, 10, 0) == pytest.approx(float(want), abs=1e-5)
    assert change_without(network, sequences, sites.take(np.zeros(3, bool)), 10, 0) == 0


LABELS: list[tuple[list[float] | None, list[int], str]] = [
    ([1, 1, 1, 0, 0, 0, 1, np.nan], [0, 2, 6], "positives"),
    ([0.5, 2.5, 3, 3, 9, 9, 8, np.nan], [2, 3, 4, 6], "median"),
    (None, [0, 1, 2, 3, 4, 6, 7], "best"),
]
SCORES = np.array([1.0, -1.0, 2.0, 3.0, 4.0, np.nan, 2.0, 9.0])


@pytest.mark.parametrize(("labels", "want", "_what"), LABELS)
def test_which_sequences_are_looked_at(labels: list[float] | None, want: list[int], _what: str) -> None:
    tally = Tally()
    known = None if labels is None else np.array(labels)
    rows = chosen_sequences(SCORES, known, OPTIONS, tally)
    assert rows.tolist() == want
    assert tally.counts["sequences looked at"] == len(want)
    assert tally.counts["sequences not looked at"] == 8 - len(want)
    assert not tally.notes


def test_of_too_many_sequences_some_are_looked_at() -> None:
    tally, options = Tally(), replace(OPTIONS, most_sequences=2)
    assert chosen_sequences(SCORES, None, options, tally).tolist() == [4, 7]
    assert "2 of 7 sequences with a letter, the best-scored" in tally.notes[0]
    labels, some = np.ones(500), replace(options, most_sequences=50)
    drawn = [
        chosen_sequences(np.ones(500), labels, replace(some, clusters=ClusterOptions(seed=s)), tally) for s in (0, 0, 1)
    ]
    assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()
    assert len(np.unique(drawn[0])) == 50
    assert "50 of 500 positives that the model is right about, drawn at random" in tally.notes[1]


def test_none_to_look_at() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 20)
    with pytest.raises(
        InputError, match=r"x\.fa: there are no positives that the model is right about; motifs of contr"
    ):
        find_motifs(network_of(), sequences, np.zeros(20), OPTIONS, path="x.fa")
    with pytest.raises(InputError, match=r"there are no sequences with a letter$"):
        find_motifs(network_of(), from_rows([b""]), None, OPTIONS)


def test_nothing_contributes() -> None:
    sequences = from_rows([bytes(60)] * 30)  # poly-A
    with pytest.raises(InputError, match=r"no window contributes more than shuffled sequences do.*; are they the kind"):
        find_motifs(network_of(), sequences, None, OPTIONS)


def test_missing_labels_are_no_labels() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 150)
    without = find_motifs(network_of(), sequences, None, OPTIONS)
    missing = find_motifs(network_of(), sequences, np.full(150, np.nan), OPTIONS)
    assert [each.motif.consensus() for each in without] == [each.motif.consensus() for each in missing]
    assert without[0].measures.in_positives is None
    labelled = find_motifs(network_of(), sequences, np.ones(150), OPTIONS)
    assert labelled[0].measures.in_positives is not None


def test_weak_motifs_are_listed() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 120)
    many = find_motifs(network_of(), sequences, None, replace(OPTIONS, min_sites=45))
    n = [each.measures.n_sites for each in many]
    assert [each.kept for each in many] == [count >= 45 for count in n]
    none = find_motifs(network_of(), sequences, None, replace(OPTIONS, min_sites=1000))
    assert [each.status for each in none] == [f"weak: {each.measures.n_sites} sites, fewer than 1000" for each in none]
    poor = find_motifs(network_of(), sequences, None, replace(OPTIONS, trim=2.0))
    assert poor[0].status == "weak: no position with 2 bits"


@pytest.mark.parametrize(("option", "low", "high"), [("share", 0.0, 0.8), ("trim", 0.0, 1.2)])
def test_flanks_are_cut_off(option: str, low: float, high: float) -> None:
    sequences, *_ = plant(np.random.default_rng(0), 200)
    changes: dict[str, Any] = {"share": 0.0, "trim": 0.0}
    long, short = (
        find_motifs(network_of(), sequences, None, replace(OPTIONS, **{**changes, option: value}))[0].motif.width
        for value in (low, high)
    )
    assert long > 10 >= short


def test_a_stricter_rate_leaves_fewer_seqlets() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 200)
    counts = []
    for rate in (0.05, 0.6):
        tally = Tally()
        discover(network_of(), sequences, None, replace(OPTIONS, fdr=rate), tally)
        counts.append(tally.counts["seqlets"])
    assert counts[0] < counts[1]


def test_clustering_some_is_said() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 200)
    tally = Tally()
    found = discover(network_of(), sequences, None, replace(OPTIONS, clusters=ClusterOptions(core=15, most=40)), tally)
    assert any(note.startswith("40 of ") and "raise the score were clustered" in note for note in tally.notes)
    assert len(found) == 2


def test_the_same_seed_gives_the_same_motifs() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 120)
    one, two = (find_motifs(network_of(), sequences, None, OPTIONS) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.motif.ppm, b.motif.ppm)
        assert a.measures == b.measures


BAD: list[tuple[dict[str, Any], str]] = [
    ({"fdr": 0.0}, "false discovery rate must be above 0 and below 1: 0"),
    ({"share": -0.1}, "share of the largest contribution must be 0 to 1: -0.1"),
    ({"trim": 2.5}, "positions are trimmed below 0 to 2 bits, not 2.5"),
    ({"pseudocount": -1.0}, "the pseudocount must not be negative: -1"),
    ({"most_sequences": 0}, "the number of sequences must be at least 1: 0"),
    ({"min_sites": 0}, "the number of sites must be at least 1: 0"),
    ({"alphabet": "protein"}, "alphabet 'protein' is unknown; there are: dna, rna"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_options_out_of_range(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ContributionOptions(**given)


CLUSTERS: list[tuple[dict[str, Any], str]] = [
    ({"core": 3}, "a seqlet must be 4 to 200 bp wide, not 3"),
    ({"flank": -1}, "the flanks of a seqlet must be 0 to 100 bp wide, not -1"),
    ({"similarity": 1.5}, "the similarity of seqlets must be above 0 and at most 1: 1.5"),
    ({"member": -1.0}, "the similarity of members must be above 0 and at most 1: -1"),
    ({"merge": 0.0}, "the similarity of patterns must be above 0 and at most 1: 0"),
    ({"most": 4}, "the number of seqlets must be at least 5: 4"),
]


@pytest.mark.parametrize(("given", "message"), CLUSTERS)
def test_cluster_options_out_of_range(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ClusterOptions(**given)


def test_there_is_no_such_target() -> None:
    sequences, *_ = plant(np.random.default_rng(0), 5)
    with pytest.raises(UsageError, match="there is no target number 2; the model has 1"):
        find_motifs(network_of(), sequences, None, replace(OPTIONS, target=1))


def test_an_n_is_no_base() -> None:
    sequences, *_ = plant(np.random.default_rng(6), 150)
    data: NDArray[np.uint8] = sequences.data.copy()
    data[np.random.default_rng(0).random(len(data)) < 0.02] = N_CODE
    found = find_motifs(network_of(), Ragged(data, sequences.offsets), None, OPTIONS)
    assert {each.kept for each in found} == {True}
    assert all((each.motif.pfm.sum(0) <= each.measures.n_sites).all() for each in found)

"""Motifs of a model's filters: what is found, measured, merged and ordered."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.motif import Motif
from seqcnn.interpret.extraction import ExtractionOptions
from seqcnn.interpret.filter_motifs import MotifOptions
from seqcnn.interpret.filter_search import FilterSearch, SearchOptions, name_motifs
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import decode, reverse_complement
from seqcnn.sequence.ragged import Ragged
from tests.interpret.small_networks import collected, detecting, detector, examples, model, planted, sequences

MOTIF, OTHER = "TGACTCAT", "CCGGAAGT"
REVERSED = "ATGAGTCA"


def search(
    of: Model, codes: Ragged, labels: np.ndarray | None, options: SearchOptions | None = None
) -> tuple[list[FoundMotif], list[tuple[int, str]]]:
    """Return the motifs, and for each site its motif and what stands there."""
    with FilterSearch(of, options or SearchOptions()) as opened:
        opened.take(examples(codes.slice(0, 7)), None if labels is None else labels[:7])
        opened.take(examples(codes.slice(7, len(codes))), None if labels is None else labels[7:])
        found = opened.find()
        letters, first = [], 0
        for part in opened.sites():
            for number, sites in part.sites:
                for row, start, minus in zip(sites.sequence, sites.start, sites.minus, strict=True):
                    here = codes[first + row][max(start, 0) : start + sites.width]
                    letters.append((number, decode(reverse_complement(here) if minus else here)))
            first += len(part.lengths)
    return found, letters


@pytest.fixture(scope="module")
def two_motifs() -> tuple[Model, Ragged, np.ndarray]:
    """A model of two motifs, one of them found twice, shifted and on the other strand, and a dead filter."""
    filters = [detector(MOTIF), detector(OTHER, at=3), detector(REVERSED, at=4), detector("AAAAAAAA", strength=0.1)]
    net = detecting(filters, 5.0, [1.0, 0.5, 0.25, 1.0])
    return model(net), *planted([MOTIF, OTHER], n=120)


def test_motifs_and_sites(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """The planted motifs come out on the filter's strand, with their sites; the dead filter is listed last."""
    found, letters = search(*two_motifs, SearchOptions(motifs=MotifOptions(pseudocount=0.1)))
    assert [each.name for each in found] == ["filter_0", "filter_1", "filter_2", "filter_3"]
    assert [each.motif.consensus() for each in found[:3]] == [MOTIF, OTHER, REVERSED]
    assert [each.status for each in found] == ["kept", "kept", "kept", "dead: never fires"]
    assert found[0].effect > found[1].effect > found[2].effect > found[3].effect == 0
    for number, text in ((0, MOTIF), (1, OTHER), (2, REVERSED)):
        here = [said for motif, said in letters if motif == number]
        assert np.mean([said == text for said in here]) > 0.9
        measured = found[number].measures
        assert measured.in_positives == pytest.approx(0.5, abs=0.05)
        assert measured.in_negatives is not None
        assert measured.in_negatives < 0.1
        assert found[number].motif.nsites == measured.n_sites >= 30
        assert measured.central_p is not None
        assert measured.central_p < 1e-3
        assert measured.auroc is not None
        assert 0.65 < measured.auroc < 0.8
    assert found[3].measures.n_sites == 0


def test_effects_by_definition(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """Silent: the model without the filter. Put in: the consensus in the middle of shuffled sequences."""
    of, codes, labels = two_motifs
    found, _ = search(of, codes, labels)
    base = predict(of.network, codes)[:, 0]
    for number in range(3):
        (silent,) = of.network.scores_without(codes, 0, [[number]])
        change = silent[:, 0] - base
        measured = found[number].measures
        assert measured.silenced_score == pytest.approx(change[labels == 1].mean(), abs=1e-5)
        gap = change[labels == 1].mean() - change[labels == 0].mean()
        assert measured.silenced_gap == pytest.approx(gap, abs=1e-5)
        area = roc_auc_score(labels, silent[:, 0]) - roc_auc_score(labels, base)
        assert measured.silenced_auroc == pytest.approx(area, abs=1e-6)
        assert found[number].effect == pytest.approx(min(-change[labels == 1].mean(), -gap), abs=1e-5)
    # The whole motif gives 8 - 5 to its filter, and what it gives to the one that looks for its reverse complement.
    assert found[1].measures.inserted_score == pytest.approx(3 * 0.5, abs=0.1)


def test_merge(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """A filter that finds the same motif on the other strand, shifted, is one with it; its sites count once."""
    alone, _ = search(*two_motifs)
    found, letters = search(*two_motifs, SearchOptions(merge=True))
    assert [each.name for each in found] == ["filter_0", "filter_1", "filter_3"]
    assert found[0].source == "2 filters: filter_0 filter_2"
    assert found[0].detectors == ((0, 0), (0, 2))
    assert found[0].motif.consensus() == MOTIF
    assert found[0].measures.n_sites == alone[0].measures.n_sites == alone[2].measures.n_sites
    assert found[0].effect > alone[0].effect
    assert np.mean([said == MOTIF for motif, said in letters if motif == 0]) > 0.9
    np.testing.assert_allclose(found[0].motif.ppm, alone[0].motif.ppm, atol=0.02)


def test_top(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """The others are listed with the reason."""
    found, _ = search(*two_motifs, SearchOptions(top=1))
    assert [each.status for each in found[:2]] == ["kept", "not among the 1 with the largest effects"]


def test_weak_motifs(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """Few sites, or no position with information."""
    found, _ = search(*two_motifs, SearchOptions(motifs=MotifOptions(min_sites=1000)))
    assert {each.status.partition(",")[0].split()[0] for each in found} == {"weak:", "dead:"}
    assert all("fewer than 1000" in each.status for each in found[:3] if each.status.startswith("weak"))
    found, _ = search(*two_motifs, SearchOptions(motifs=MotifOptions(trim=2.0)))
    assert found[0].status == "weak: no position with 2 bits"


def test_trim_and_pseudocount(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """A lower limit keeps more of the flanks; pseudocounts move towards the background."""
    width = {}
    for trim in (0.0, 0.25):
        found, _ = search(*two_motifs, SearchOptions(motifs=MotifOptions(trim=trim)))
        width[trim] = found[0].motif.width
    assert width == {0.0: 12, 0.25: 8}
    sharp, _ = search(*two_motifs, SearchOptions(motifs=MotifOptions(pseudocount=0)))
    flat, _ = search(*two_motifs, SearchOptions(motifs=MotifOptions(pseudocount=30)))
    assert sharp[0].motif.ppm.max() > flat[0].motif.ppm.max()


def test_without_labels(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """Nothing is said of labels; effects are against shuffles."""
    of, codes, labels = two_motifs
    found, _ = search(of, codes.take(labels == 1), None)
    measured = found[0].measures
    assert (measured.in_positives, measured.in_negatives, measured.auroc, measured.silenced_auroc) == (None,) * 4
    assert found[0].motif.consensus() == MOTIF
    assert found[0].effect > 0.5


def test_an_ensemble_is_the_mean_of_its_members(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """Names tell the member; an effect is that on the mean."""
    from seqcnn.models.network import join_members

    of, codes, labels = two_motifs
    both = dataclasses.replace(of, network=join_members([of.network, of.network]))
    single, _ = search(of, codes, labels)
    found, _ = search(both, codes, labels)
    assert {each.name for each in found} >= {"m0_filter_0", "m1_filter_0"}
    assert found[0].effect == pytest.approx(single[0].effect / 2, abs=1e-5)
    merged, _ = search(both, codes, labels, SearchOptions(merge=True))
    assert merged[0].source == "4 filters: m0_filter_0 m1_filter_0 m0_filter_2 m1_filter_2"


def test_rna_is_read_on_one_strand() -> None:
    """Motifs are RNA, and no site is on the other strand."""
    net = detecting([detector(MOTIF)], 5.0, [1.0])
    made = type(net)(dataclasses.replace(net.settings, both_strands=False))
    made.load_state_dict(net.state_dict())
    codes, labels = planted([MOTIF], n=120)
    found, letters = search(model(made.eval().requires_grad_(False), "rna"), codes, labels)
    assert found[0].motif.alphabet == "rna"
    assert found[0].motif.consensus() == "UGACUCAU"
    assert 20 < len(letters) < 50


def test_no_filter_fires() -> None:
    """An error says so."""
    of = model(detecting([detector(MOTIF)], 50.0, [1.0]))
    said = "x.fa: no filter fires in any of 9 sequences; are they the kind"
    with FilterSearch(of, SearchOptions()) as opened:
        opened.take(examples(sequences([20] * 9)))
        with pytest.raises(InputError, match=re.escape(said)):
            opened.find("x.fa")


def test_a_first_layer_without_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error names the other way."""
    of = model(detecting([detector(MOTIF)], 5.0, [1.0]))
    monkeypatch.setattr(type(of.network), "detectors", lambda self: [])
    with pytest.raises(UsageError, match="deepbind has no motif filters; see --method contributions"):
        FilterSearch(of, SearchOptions())


def test_names(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """Motifs that count get their matches, at least the best one."""
    found, _ = search(*two_motifs)
    rng = np.random.default_rng(0)
    known = [Motif(f"random_{i}", rng.dirichlet(np.ones(4), 8).T) for i in range(60)]
    known.append(dataclasses.replace(found[0].motif.reverse_complement(), name="known"))
    named = name_motifs(found, known, q_value=0.01)
    assert named[0].matches[0].target.name == "known"
    assert named[0].matches[0].strand == "-"
    assert len(named[1].matches) >= 1
    assert not named[3].matches


def test_the_other_rule_and_weights(two_motifs: tuple[Model, Ragged, np.ndarray]) -> None:
    """Fraction takes several windows of a sequence; weights change the counts, not the sites."""
    _, *data = two_motifs
    of = model(detecting([detector(MOTIF)], 2.0, [1.0]))  # fires at two mismatches too
    best, _ = search(of, *data)
    fraction, _ = search(of, *data, SearchOptions(ExtractionOptions("fraction", 0.2)))
    weighted, _ = search(of, *data, SearchOptions(ExtractionOptions(weights="activation")))
    assert fraction[0].measures.n_sites > best[0].measures.n_sites
    assert weighted[0].measures.n_sites == best[0].measures.n_sites
    assert (weighted[0].motif.ppm.max(0) > best[0].motif.ppm.max(0) + 0.01).all()


@pytest.fixture(scope="module")
def collection() -> tuple[Model, list[Network], Ragged, np.ndarray]:
    """Two models in one file, each of one motif, by itself too; the second one's effects are larger."""
    nets = [detecting([detector(MOTIF)], 5.0, [1.0]), detecting([detector(OTHER, kernel_size=14)], 5.0, [2.0])]
    return collected(nets), nets, *planted([MOTIF, OTHER], n=120)


def test_collections_measure_each_network_by_its_own_target(
    collection: tuple[Model, list[Network], Ragged, np.ndarray],
) -> None:
    """The filters of a network are worth something to its target alone, whatever else is in the file."""
    of, nets, *data = collection
    found, _ = search(of, *data)
    assert [(each.name, each.motif.consensus()) for each in found] == [("t1_filter_0", OTHER), ("t0_filter_0", MOTIF)]
    assert [each.source for each in found] == ["filter 0 of t1", "filter 0 of t0"]
    for each, net in zip(found, reversed(nets), strict=True):
        alone, _ = search(model(net), *data)
        assert each.effect == pytest.approx(alone[0].effect, abs=1e-5)
        assert each.measures.inserted_score == pytest.approx(alone[0].measures.inserted_score, abs=1e-5)


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("merge", [False, True])
def test_a_target_of_a_collection_has_the_motifs_of_its_own_network(
    target: int, merge: bool, collection: tuple[Model, list[Network], Ragged, np.ndarray]
) -> None:
    """Everything is as from a file of that model alone, but for what it is called; here and in files of one word."""
    of, nets, *data = collection
    of = dataclasses.replace(of, target_names=("the first", "the second"))
    found, sites = search(of, *data, SearchOptions(target=target, merge=merge))
    alone, alone_sites = search(model(nets[target]), *data, SearchOptions(merge=merge))
    called = ("the_first", "the_second")[target]
    assert [(each.name, each.source) for each in found] == [(f"{called}_filter_0", f"filter 0 of {called}")]
    assert (found[0].measures, sites) == (alone[0].measures, alone_sites)
    np.testing.assert_array_equal(found[0].motif.ppm, alone[0].motif.ppm)

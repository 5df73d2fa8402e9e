"""Comparing motifs: against Tomtom by definition, and what must hold of any p-value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs
from seqcnn.interpret.comparison import COLUMN_SCORES, Database, Matches, benjamini_hochberg, column_scores
from tests.interpret.tomtom_by_definition import column_score, compare, random_ppm

TABLES = arrays(
    np.float64, st.tuples(st.just(4), st.integers(1, 6)), elements=st.sampled_from([0.0, 0, 0, 1, 2, 5, 0.3])
)


def motif_of(table: Any, alphabet: str = "dna") -> Motif:
    table = np.where(table.sum(axis=0) == 0, 1.0, table)
    return Motif("x", table / table.sum(axis=0), alphabet=alphabet)


@pytest.mark.parametrize("score", COLUMN_SCORES)
@pytest.mark.parametrize("alphabet", ["dna", "rna"])
@pytest.mark.parametrize("seed", range(5))
def test_small_databases_by_definition(score: str, alphabet: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    query = Motif("q", random_ppm(rng, int(rng.integers(1, 4))), alphabet=alphabet)
    targets = [Motif(f"t{i}", random_ppm(rng, int(rng.integers(1, 6))), alphabet=alphabet) for i in range(7)]
    targets.append(Motif("same", query.ppm, alphabet=alphabet))
    found = Database(targets, score=score).search(query)
    expected = compare(query.ppm, [target.ppm for target in targets], score, alphabet == "dna")
    p, offset, overlap, strand = zip(*expected, strict=True)
    np.testing.assert_allclose(found.p, p, rtol=1e-11)
    assert found.offset.tolist() == list(offset)
    assert found.overlap.tolist() == list(overlap)
    assert found.strand.tolist() == list(strand)
    np.testing.assert_allclose(found.e, found.p * 8)


@pytest.mark.parametrize("score", COLUMN_SCORES)
def test_column_scores_by_definition(score: str) -> None:
    rng = np.random.default_rng(1)
    query, targets = random_ppm(rng, 5), random_ppm(rng, 9)
    expected = [[column_score(a, b, score) for b in targets.T] for a in query.T]
    np.testing.assert_allclose(column_scores(query, targets, score), expected, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(TABLES, min_size=1, max_size=5), TABLES, st.sampled_from(COLUMN_SCORES), st.sampled_from(["dna", "rna"])
)
def test_what_holds_of_any_motifs(tables: list[Any], query: Any, score: str, alphabet: str) -> None:
    targets = [motif_of(table, alphabet) for table in tables]
    motif = motif_of(query, alphabet)
    found = Database(targets, score=score).search(motif)
    for values in (found.p, found.q):
        assert ((values >= 0) & (values <= 1)).all()
        assert not np.signbit(values).any()
    assert (found.q >= found.p).all()
    widths = np.array([target.width for target in targets])
    first, last = np.maximum(found.offset, 0), np.minimum(found.offset + motif.width, widths)
    assert (last - first == found.overlap).all()
    assert (found.overlap >= 1).all()
    assert set(found.strand) <= ({"+", "-"} if alphabet == "dna" else {"+"})


def test_a_flat_query_is_like_anything() -> None:
    rng = np.random.default_rng(0)
    targets = [Motif("t", random_ppm(rng, 6)) for _ in range(5)]
    for score in COLUMN_SCORES:
        flat = [Motif("flat", np.full((4, 5), 0.25))]
        assert Database(flat, score=score).search(flat[0]).p.tolist() == [1]
        if score == "pearson":
            assert Database(targets, score=score).search(flat[0]).p.tolist() == [1] * 5


def test_long_motifs_of_many_columns() -> None:
    rng = np.random.default_rng(0)
    query = Motif("q", random_ppm(rng, 60))
    targets = [Motif("t", random_ppm(rng, width)) for width in (1, 30, 60, 90)] + [query]
    found = Database(targets).search(query)
    assert found.p[-1] < 1e-40
    assert found.p[:-1].min() > 1e-4
    assert (found.offset[-1], found.overlap[-1], found.strand[-1]) == (0, 60, "+")


@pytest.mark.parametrize("shift", [-3, 0, 2])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_offset_and_strand(shift: int, strand: str) -> None:
    rng = np.random.default_rng(4)
    core = np.eye(4)[:, rng.integers(0, 4, 12)] * 0.9 + 0.025
    target = core[:, 3 + shift : 10]
    if strand == "-":
        target = target[::-1, ::-1]
    others = [Motif(f"t{i}", random_ppm(rng, 8)) for i in range(60)]
    database = Database([*others, Motif("shifted", target)])
    best = database.best(Motif("q", core[:, 3:10]))[0]
    assert (best.target.name, best.offset, best.strand) == ("shifted", -shift, strand)
    assert best.overlap == 7 - max(shift, 0)
    np.testing.assert_array_equal(best.oriented().ppm, core[:, 3 + shift : 10])


def test_rna_is_compared_on_one_strand() -> None:
    rng = np.random.default_rng(5)
    targets = [Motif(f"t{i}", random_ppm(rng, 7), alphabet="rna") for i in range(60)]
    query = Motif("q", targets[3].reverse_complement().ppm, alphabet="rna")
    one, both = Database(targets).search(query), Database(targets, both_strands=True).search(query)
    assert (one.p[3] > 0.01, both.p[3] < 1e-4, both.strand[3]) == (True, True, "-")


def test_best_matches_in_order() -> None:
    rng = np.random.default_rng(6)
    targets = [Motif(f"t{i}", random_ppm(rng, 6)) for i in range(40)]
    database = Database(targets)
    found = database.search(targets[7])
    rows = database.best(targets[7])
    assert [row.target.name for row in rows] == [targets[i].name for i in found.order()]
    assert [row.p for row in rows] == sorted(found.p)
    assert rows[0].target is targets[7]
    assert [row.p for row in database.best(targets[7], limit=3)] == [row.p for row in rows[:3]]
    few = database.best(targets[7], q=0.5)
    assert few == [row for row in rows if row.q <= 0.5]
    assert 0 < len(few) < 40


def test_order_of_equal_p() -> None:
    ones = np.full(3, 0.5)
    matches = Matches(ones, ones, ones, np.zeros(3, int), np.array([2, 5, 5]), np.full(3, "+"))
    assert matches.order().tolist() == [1, 2, 0]


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)))
def test_q_values_are_those_of_scipy(p: Any) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12, atol=1e-300)


def test_what_cannot_be_compared() -> None:
    dna, rna = Motif("d", np.full((4, 2), 0.25)), Motif("r", np.full((4, 2), 0.25), alphabet="rna")
    with pytest.raises(ValueError, match="needs motifs, of one alphabet"):
        Database([])
    with pytest.raises(ValueError, match="needs motifs, of one alphabet"):
        Database([dna, rna])
    with pytest.raises(ValueError, match="score is 'allr', not one of euclidean, pearson"):
        Database([dna], score="allr")
    with pytest.raises(ValueError, match="r is RNA, but the database is DNA"):
        Database([dna]).search(rna)


@pytest.mark.realdata
@pytest.mark.parametrize("score", COLUMN_SCORES)
def test_yeast_motifs_find_their_own(score: str, shared_data: Path) -> None:
    folder = shared_data / "motif_refs"
    database = Database(read_motifs(folder / "JASPAR2024_CORE_fungi_latest.jaspar"), score=score)
    queries = {motif.name: motif for motif in read_motifs(folder / "macisaac_yeast.v1.meme")}
    for name in ("ABF1", "CBF1", "GCN4", "MBP1", "RAP1", "REB1", "STE12", "SWI4"):
        best = database.best(queries[name], limit=1)[0]
        assert name in best.target.alternate.split("::")
        assert best.q < 0.05

"""Variants of the example against its truth: a model that is the planted matrix, and one that was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from seqcnn.api import Predictor
from seqcnn.formats.genome import Genome
from seqcnn.formats.vcf import Vcf
from seqcnn.interpret.allele_scores import VariantOptions
from seqcnn.interpret.substitution_scores import SubstitutionScorer
from seqcnn.interpret.variant_null import EXACT, _rounded
from seqcnn.interpret.variant_windows import flanks
from seqcnn.interpret.variants import VariantScorer
from seqcnn.models import architectures
from seqcnn.models.modelfile import Model
from seqcnn.models.predict import scores_alone
from seqcnn.sequence.ragged import Ragged, offsets_of
from tests.interpret.plain_deepbind import SHAPES
from tests.test_example_data import DATA, matrix

LENGTH = 101


def planted() -> Predictor:
    """Return a network whose score is the best log-odds of the planted matrix, in bits, where that is above 0."""
    counts = np.array([matrix("CTCF")[letter] for letter in "ACGT"], dtype=np.float64) + 0.25
    bits = np.log2(counts / counts.sum(0) / 0.25)
    shape = {"n_filters": 1, "kernel_size": bits.shape[1], "hidden": 0}
    network = architectures.create("deepbind", shape).eval().requires_grad_(False)
    with torch.no_grad():
        network.filters.copy_(torch.from_numpy(bits)[None, None])
        network.output_weight.fill_(1)
    return Predictor(Model(network, "deepbind", "dna", "binary", ("CTCF",), LENGTH, {}))


@pytest.fixture(scope="module")
def scored() -> pd.DataFrame:
    return planted().score_variants(DATA / "variants.vcf", DATA / "genome.fa.gz", null_size=500)


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return pd.read_csv(DATA / "variants.truth.tsv", sep="\t")


def test_the_planted_matrix_finds_what_was_simulated(scored: pd.DataFrame, truth: pd.DataFrame) -> None:
    assert scored[["id", "pos", "ref", "alt"]].equals(truth[["id", "pos", "ref", "alt"]])
    assert scored.skipped.isna().all()
    bits = [np.maximum(truth[name], 0) for name in ("ref_bits", "alt_bits")]
    # The truth counts the 50 letters of its flanks from the ends of REF, the window from the letters that change.
    same = np.abs(scored.SEQCNN_REF - bits[0]) < 0.01
    assert same.mean() > 0.97
    np.testing.assert_allclose(scored.SEQCNN_REF[same], bits[0][same], atol=2e-3)
    single = (truth.ref.str.len() == 1) & (truth.alt.str.len() == 1)
    np.testing.assert_allclose(scored.SEQCNN_DELTA[single], (bits[1] - bits[0])[single], atol=4e-3)
    changed = truth.effect.isin(["breaks", "creates"])
    assert roc_auc_score(changed, scored.SEQCNN_DELTA.abs()) >= 0.99
    assert (np.sign(scored.SEQCNN_DELTA[changed]) == truth.effect[changed].map({"breaks": -1, "creates": 1})).all()
    assert roc_auc_score(changed, -scored.SEQCNN_P) > 0.9
    assert scored.SEQCNN_P[changed].median() < 0.05


def test_substitutions_in_one_scan_are_predictions_bit_for_bit() -> None:
    rng = np.random.default_rng(5)
    for settings in (shape for shape in SHAPES if shape.get("pooling") != "max-average"):
        network = architectures.create("deepbind", settings)
        network.seed(range(network.settings.n_members))
        network.eval().requires_grad_(False)
        for length, column in ((40, 20), (3, 0), (7, 6)):
            codes = rng.integers(0, 5, (30, length), dtype=np.uint8)
            alt = rng.integers(0, 4, 30, dtype=np.uint8)
            found = SubstitutionScorer(network).score(codes, column, alt)  # type: ignore[arg-type]
            changed = codes.copy()
            changed[:, column] = alt
            for values, square in zip(found, (codes, changed), strict=True):
                rows = Ragged(square.reshape(-1), offsets_of(np.full(30, length)))
                np.testing.assert_array_equal(values, scores_alone(network, rows))


def test_flanks_and_sizes() -> None:
    assert flanks(101) == (50, 50)
    assert flanks(20) == (10, 9)
    assert flanks(1) == (0, 0)
    sizes = _rounded(np.arange(1, 2000))
    assert (sizes[:EXACT] == np.arange(1, EXACT + 1)).all()
    assert (np.diff(sizes) >= 0).all()
    assert (np.abs(sizes / np.arange(1, 2000) - 1) < 0.25).all()


def test_no_null_where_the_genome_has_no_stretch(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a\n" + "ACGTN" * 60 + "\n")
    (tmp_path / "a.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "a\t101\tx\tA\tC\t.\t.\t.\na\t105\ty\tN\tC\t.\t.\t.\na\t101\tz\tA\tAC\t.\t.\t.\n"
    )
    found = planted().score_variants(tmp_path / "a.vcf", tmp_path / "g.fa")
    assert found.id.tolist() == ["x", "y", "z"]
    assert found.SEQCNN_DELTA.notna().all()
    assert found.SEQCNN_P.isna().all()
    assert found.SEQCNN_Z.isna().all()


def test_what_is_drawn_does_not_depend_on_what_is_asked_first() -> None:
    with Vcf(DATA / "variants.vcf") as vcf, Genome(DATA / "genome.fa.gz") as genome:
        (block,) = vcf.blocks()
        models = {"": planted().model}

        def score(*parts: tuple[int, int]) -> list[float]:
            scorer = VariantScorer(models, genome, vcf.contigs, VariantOptions(null_size=60))
            return [value for part in parts for value in scorer.score(block.slice(*part)).values[:, -2].tolist()]

        assert score((0, 300)) == score((0, 100), (100, 101), (101, 300))
        assert sorted(score((200, 300), (0, 200))) == sorted(score((0, 300)))


@pytest.mark.slow
def test_a_trained_model_finds_what_was_simulated(truth: pd.DataFrame, tmp_path: Path) -> None:
    from seqcnn.cli.main import run

    given = [str(DATA / "peaks.narrowPeak"), "--genome", str(DATA / "genome.fa.gz"), "--length", str(LENGTH)]
    assert run(["train", *given, "--test-chroms", "chr4", "--seed", "1", "-o", str(tmp_path / "run"), "-q"]) == 0
    from seqcnn.api import load

    scored = load(tmp_path / "run").score_variants(DATA / "variants.vcf", DATA / "genome.fa.gz", null_size=0)
    changed = truth.effect.isin(["breaks", "creates"])
    assert roc_auc_score(changed, scored.SEQCNN_DELTA.abs()) >= 0.99

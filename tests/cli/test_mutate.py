"""`seqcnn mutate`: the folder, in every form, against scoring the mutants with `predict`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import seqcnn
from seqcnn.models.modelfile import load
from seqcnn.models.predict import member_scores
from seqcnn.report import mutation_map
from seqcnn.sequence.ragged import encode_all
from tests.cli.conftest import MOTIF, SMALL, Inputs, Result, Runs, Shell, draw, fasta

QUICK = ["--maps", 0, "--threads", 1]


def table(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def mutated(sequence: str, row: dict[str, str]) -> str:
    """Make the mutation that a row of the table tells of."""
    place = int(row["position"])
    if row["ref"] == "-":
        return sequence[:place] + row["alt"] + sequence[place:]
    assert sequence[place] == row["ref"]
    return sequence[:place] + row["alt"].replace("-", "") + sequence[place + 1 :]


def test_every_mutation_is_what_predict_says(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    sequences = ["".join(draw(1, n, seed=n)) for n in (12, 1, 30)] + ["ACGTNNACGTA"]
    out = tmp_path / "out"
    given = fasta(tmp_path / "a.fa", sequences)
    done = shell("mutate", runs.dna, given, "-o", out, "--deletions", "--insertions", "a,GT", *QUICK)
    assert done.code == 0, done.err
    rows = table(out / "mutations.tsv")
    n = sum(map(len, sequences))
    n_unknown = sum(sequence.count("N") for sequence in sequences)
    assert len(rows) == 3 * n + n_unknown + n + 2 * (n + len(sequences))
    of = {f"s{i}": sequence for i, sequence in enumerate(sequences)}
    mutants = [mutated(of[row["name"]], row) for row in rows]
    predictor = seqcnn.load(runs.dna)
    reference = dict(zip(of, predictor.predict(list(of.values()))[:, 0], strict=True))
    wanted = predictor.predict(mutants)[:, 0]
    for row, score in zip(rows, wanted, strict=True):
        assert float(row["delta"]) == pytest.approx(score - reference[row["name"]], abs=2e-5, nan_ok=True)
    assert sum(row["delta"] == "nan" for row in rows) == 1  # the only base of a sequence is deleted
    assert [row["name"] for row in table(out / "sequences.tsv")] == list(of)


def test_arrays_are_the_table(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    sequences = draw(3, 25) + draw(2, 40)
    given = fasta(tmp_path / "a.fa", sequences)
    options = ["--deletions", "--insertions", "C", *QUICK]
    assert shell("mutate", runs.dna, given, "-o", tmp_path / "h5", "--table", *options).code == 0
    assert shell("mutate", runs.dna, given, "-o", tmp_path / "npz", "--array", "npz", "--no-table", *options).code == 0
    assert not (tmp_path / "npz" / "mutations.tsv").exists()
    packed = np.load(tmp_path / "npz" / "mutations.npz", allow_pickle=False)
    with h5py.File(tmp_path / "h5" / "mutations.h5") as file:
        assert dict(file.attrs)["score"] == "difference"
        assert list(file.attrs["target_names"]) == ["target"]
        for name in file:
            values = file[name].asstr()[:] if name == "names" else file[name][:]
            np.testing.assert_array_equal(values, packed[name])
        assert file["delta"].shape == (5, 4, 40)
        assert file["deletion"].shape == (5, 40)
        assert file["insertion_C"].shape == (5, 41)
        delta, names = file["delta"][:], file["names"].asstr()[:].tolist()
        assert np.isnan(delta[:3, :, 25:]).all()
        assert not np.isnan(delta[:3, :, :25]).any()
        assert (file["codes"][:3, 25:] == 4).all()
        for row in table(tmp_path / "h5" / "mutations.tsv"):
            i, place = names.index(row["name"]), int(row["position"])
            if row["ref"] == "-":
                value = file["insertion_C"][i, place]
            elif row["alt"] == "-":
                value = file["deletion"][i, place]
            else:
                value = delta[i, "ACGT".index(row["alt"]), place]
            assert float(row["delta"]) == pytest.approx(value, rel=1e-4, abs=1e-7)


def test_parts_that_grow_fill_one_array(
    runs: Runs, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = fasta(tmp_path / "a.fa", draw(2, 20) + draw(1, 50) + draw(2, 30))
    for kind in ("h5", "npz"):
        assert shell("mutate", runs.dna, given, "-o", tmp_path / f"one_{kind}", "--array", kind, *QUICK).code == 0
    monkeypatch.setattr("seqcnn.cli.commands.mutate.LETTERS_AT_ONCE", 30)
    for kind in ("h5", "npz"):
        assert shell("mutate", runs.dna, given, "-o", tmp_path / f"many_{kind}", "--array", kind, *QUICK).code == 0
    for name in ("mutations.tsv", "sequences.tsv"):
        assert (tmp_path / "one_h5" / name).read_bytes() == (tmp_path / "many_h5" / name).read_bytes()
    one, many = (np.load(tmp_path / f"{way}_npz" / "mutations.npz") for way in ("one", "many"))
    with h5py.File(tmp_path / "many_h5" / "mutations.h5") as file:
        for name in ("codes", "delta", "lengths"):
            np.testing.assert_array_equal(one[name], many[name])
            np.testing.assert_array_equal(one[name], file[name][:])


def test_regions_have_places(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    """Every base is where the genome says, on both strands; what lies before a chromosome has no place."""
    genome = dict(part.split("\n")[:2] for part in inputs.genome.read_text()[1:].split(">"))
    bed = tmp_path / "a.bed"
    bed.write_text("chr1\t0\t9\tfirst\t0\t+\nchr2\t500\t512\tplus\t0\t+\nchr3\t700\t711\tminus\t0\t-\n")
    given = ["--genome", inputs.genome, "--length", 12, "--deletions", "--insertions", "G"]
    done = shell("mutate", runs.regions, bed, *given, "-o", tmp_path / "out", "--maps", 3, "--map-format", "svg")
    assert done.code == 0, done.err
    rows = table(tmp_path / "out" / "mutations.tsv")
    complement = str.maketrans("ACGT", "TGCA")
    for row in rows:
        start, end = int(row["start"]), int(row["end"])
        if row["chrom"] == ".":
            assert (start, end) == (-1, -1)
            assert row["name"] == "first"
            continue
        there = genome[row["chrom"]][start:end]
        there = there.translate(complement) if row["strand"] == "-" else there
        assert there == row["ref"].replace("-", "")
        assert end - start == (0 if row["ref"] == "-" else 1)
    minus = [row for row in rows if row["name"] == "minus" and row["ref"] == "-"]
    assert [int(row["start"]) for row in minus] == list(range(711, 698, -1))
    outside = {row["position"] for row in rows if row["chrom"] == "." and row["ref"] == "N"}
    assert outside == {"0", "1"}  # 12 bp around base 4
    with h5py.File(tmp_path / "out" / "mutations.h5") as file:
        assert file["chrom"].asstr()[:].tolist() == ["chr1", "chr2", "chr3"]
        assert file["start"][:].tolist() == [-2, 500, 699]
        assert file["strand"].asstr()[:].tolist() == ["+", "+", "-"]
    maps = sorted((tmp_path / "out" / "maps").iterdir())
    assert [path.name for path in maps] == ["0001_first.svg", "0002_plus.svg", "0003_minus.svg"]
    assert "chr3 (0-based, minus strand)" in maps[2].read_text()
    assert "minus   chr3:699-711   score" in maps[2].read_text()


def test_regions_and_sequences_together(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    given = fasta(tmp_path / "a.fa", draw(1, 9))
    options = ["--genome", inputs.genome, "-o", tmp_path / "out", *QUICK]
    assert shell("mutate", runs.regions, given, inputs.peaks, *options).code == 0
    rows = table(tmp_path / "out" / "mutations.tsv")
    assert [rows[0][name] for name in ("chrom", "start", "end", "strand")] == [".", "-1", "-1", "."]
    with h5py.File(tmp_path / "out" / "mutations.h5") as file:
        assert file["start"][0] == -1
        assert file["chrom"].shape == file["names"].shape


def test_scores_are_expressed_as_said(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    given = fasta(tmp_path / "a.fa", draw(4, 30, MOTIF))
    deltas = {}
    for score in ("difference", "deepbind", "log-odds", "response"):
        out = tmp_path / score
        assert shell("mutate", runs.dna, given, "-o", out, "--score", score, *QUICK).code == 0
        deltas[score] = np.array([float(row["delta"]) for row in table(out / "mutations.tsv")])
        with h5py.File(out / "mutations.h5") as file:
            assert file.attrs["score"] == score
    reference = np.repeat([float(row["score"]) for row in table(tmp_path / "difference" / "sequences.tsv")], 90)
    mutant = reference + deltas["difference"]
    logistic = [1 / (1 + np.exp(-x)) for x in (mutant, reference)]
    np.testing.assert_allclose(deltas["response"], logistic[0] - logistic[1], atol=1e-5)
    np.testing.assert_allclose(deltas["log-odds"], deltas["difference"])
    shown = np.maximum(mutant, reference) > 0
    np.testing.assert_allclose(deltas["deepbind"], np.where(shown, deltas["difference"], 0))


def test_the_largest_changes_are_named(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    given = fasta(tmp_path / "a.fa", draw(5, 40, MOTIF))
    assert shell("mutate", runs.dna, given, "-o", tmp_path / "out", *QUICK).code == 0
    rows = table(tmp_path / "out" / "mutations.tsv")
    for row in table(tmp_path / "out" / "sequences.tsv"):
        own = {f"{r['position']}{r['ref']}>{r['alt']}": float(r["delta"]) for r in rows if r["name"] == row["name"]}
        low, high = min(own.values()), max(own.values())
        assert float(row["largest_loss"]) == pytest.approx(min(low, 0), rel=1e-4)
        assert float(row["largest_gain"]) == pytest.approx(max(high, 0), rel=1e-4)
        assert row["loss_by"] == "." or own[row["loss_by"]] == pytest.approx(low)
        assert row["gain_by"] == "." or own[row["gain_by"]] == pytest.approx(high)


@pytest.mark.parametrize("method", ["gradient", "integrated-gradients", "deeplift"])
def test_estimates_say_how_complete_they_are(method: str, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    given = fasta(tmp_path / "a.fa", [*draw(3, 30, MOTIF), ""])
    out = tmp_path / "out"
    done = shell("mutate", runs.dna, given, "-o", out, "--method", method, "--maps", 1)
    assert done.code == 0, done.err
    assert f"{method}, target: the contributions miss" in done.err
    rows = table(out / "sequences.tsv")
    share = np.median([abs(float(row["gap"]) / float(row["from_baseline"])) for row in rows[:3]])
    assert math.isnan(float(rows[3]["gap"]))
    record = json.loads((out / "run.json").read_text())
    assert record["incomplete"]["target"] == pytest.approx(share, rel=1e-3, abs=1e-9)
    assert len(list((out / "maps").iterdir())) == 1
    with h5py.File(out / "mutations.h5") as file:
        assert file.attrs["method"] == method
        np.testing.assert_allclose(file["gap"][:3], [float(row["gap"]) for row in rows[:3]], rtol=1e-4, atol=1e-9)


def test_several_targets(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    sequences = draw(2, 20)
    given, out = fasta(tmp_path / "a.fa", sequences), tmp_path / "out"
    done = shell("mutate", runs.regression, given, "-o", out, "--maps", 1, "--deletions", "--map-format", "png,pdf")
    assert done.code == 0, done.err
    rows = table(out / "mutations.tsv")
    assert list(rows[0]) == ["name", "position", "ref", "alt", "a_delta", "b_delta"]
    predictor = seqcnn.load(runs.regression)
    mutants = [mutated(sequences[int(row["name"][1:])], row) for row in rows]
    wanted = predictor.predict(mutants) - np.repeat(predictor.predict(sequences), 80, axis=0)
    found = np.array([[float(row["a_delta"]), float(row["b_delta"])] for row in rows])
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    with h5py.File(out / "mutations.h5") as file:
        assert file["delta"].shape == (2, 2, 4, 20)
        assert file["deletion"].shape == (2, 2, 20)
        assert file["reference"].shape == (2, 2)
    names = {path.name for path in (out / "maps").iterdir()}
    assert names == {f"0001_s0_{target}.{kind}" for target in "ab" for kind in ("png", "pdf")}
    assert {"a_score", "b_largest_loss"} <= set(table(out / "sequences.tsv")[0])


def test_rna_is_read_on_one_strand_with_u(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    assert shell("mutate", runs.rna, inputs.rna, "-o", tmp_path / "out", *QUICK).code == 0
    rows = table(tmp_path / "out" / "mutations.tsv")
    assert {row["alt"] for row in rows} == set("ACGU")
    assert {row["ref"] for row in rows} == set("ACGU")


def test_members_have_a_spread(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    options = [*SMALL, "--members", 3]
    assert (
        shell("train", inputs.labelled, "--label-pattern", "class:([01])", "-o", tmp_path / "run", *options).code == 0
    )
    given, out = fasta(tmp_path / "a.fa", draw(2, 25, MOTIF)), tmp_path / "out"
    assert shell("mutate", tmp_path / "run", given, "-o", out, *QUICK).code == 0
    rows = table(out / "mutations.tsv")
    network = load(tmp_path / "run").network
    for row in rows[::37]:
        sequence = draw(2, 25, MOTIF)[int(row["name"][1:])]
        changes = [
            float(np.diff(alone(network, i, [sequence, mutated(sequence, row)]))[0])
            for i in range(network.settings.n_members)
        ]
        assert float(row["delta"]) == pytest.approx(np.mean(changes), abs=1e-5)
        assert float(row["sd"]) == pytest.approx(np.std(changes), abs=1e-5)
    with h5py.File(out / "mutations.h5") as file:
        assert file["delta_sd"].shape == file["delta"].shape


def alone(network: Any, member: int, sequences: list[str]) -> np.ndarray[Any, Any]:
    """Return the scores of one member."""
    return member_scores(network, encode_all(sequences))[member, :, 0]


def test_rule(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    sequences = draw(2, 30)
    given, out = fasta(tmp_path / "a.fa", sequences), tmp_path / "out"
    assert shell("mutate", runs.dna, given, "-o", out, "--rule", "window", *QUICK).code == 0
    rows = table(out / "mutations.tsv")[::11]
    mutants = fasta(tmp_path / "b.fa", sequences + [mutated(sequences[int(r["name"][1:])], r) for r in rows])
    scores = [float(row[1]) for row in shell("predict", runs.dna, mutants, "--rule", "window").rows]
    for row, score in zip(rows, scores[2:], strict=True):
        assert float(row["delta"]) == pytest.approx(score - scores[int(row["name"][1:])], abs=2e-5)
    refused = shell("mutate", runs.dna, given, "-o", out, "--force", "--rule", "window", "--method", "gradient")
    assert refused.code == 2
    assert "say --rule whole" in refused.err


def test_maps(runs: Runs, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation_map, "LONGEST", 30)
    sequences = draw(2, 20) + draw(1, 31) + [""] + draw(3, 10)
    given = fasta(tmp_path / "a.fa", sequences, prefix="a/b|")
    for n, drawn in ((0, []), (4, [1, 2]), ("all", [1, 2, 5, 6, 7])):
        out = tmp_path / f"out{n}"
        done = shell("mutate", runs.dna, given, "-o", out, "--maps", n, "--array", "none", "--no-table")
        assert done.code == 0
        assert {path.name for path in out.iterdir()} == {"sequences.tsv", "run.json"} | ({"maps"} if drawn else set())
        names = sorted(path.name for path in (out / "maps").iterdir()) if drawn else []
        assert names == [f"{i:04d}_a_b_{i - 1}.png" for i in drawn]
        assert ("1 sequences are too long for a map" in done.err) == (n in (4, "all"))
        assert "1 empty sequences: they have no mutations, and their score is nan" in done.err


def test_inputs_of_other_kinds(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    once = shell("mutate", runs.dna, inputs.positives, "-o", tmp_path / "a", *QUICK)
    piped = shell("mutate", runs.dna, "-", "-o", tmp_path / "b", *QUICK, stdin=inputs.positives.read_bytes())
    rows = shell("mutate", runs.dna, inputs.table, "-o", tmp_path / "c", *QUICK)
    assert once.code == piped.code == rows.code == 0
    assert (tmp_path / "a" / "mutations.tsv").read_bytes() == (tmp_path / "b" / "mutations.tsv").read_bytes()
    assert (tmp_path / "c" / "mutations.tsv").read_text().split("\n")[1].startswith("row0\t0\t")
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert record["counts"]["mutated"] == 40
    assert {"path", "sha256"} <= set(record["inputs"][-1])
    assert once.out == ""
    assert "40 sequences, 0 maps" in once.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--maps", "some"], 2, "'some' is neither a number nor all"),
        (["--map-format", "png,bmp"], 2, "unknown format 'bmp'; there are: png, svg, pdf"),
        (["--insertions", "A,J"], 2, "insertion 'J': 'J' at position 1 is not a nucleotide letter"),
        (["--method", "gradient", "--deletions"], 2, "gradient says nothing of deletions and insertions"),
        (["--method", "deeplift", "--insertions", "A"], 2, "deeplift says nothing of deletions and insertions"),
        (["--score", "ratio"], 2, "'ratio' is not one of"),
        (["--alphabet", "rna"], 2, "the model reads DNA, but --alphabet says rna"),
    ],
)
def test_options_that_cannot_be(
    options: list[str], code: int, message: str, runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path
) -> None:
    done = shell("mutate", runs.dna, inputs.positives, "-o", tmp_path / "out", *options)
    assert done.code == code
    assert message in done.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_regression_model_has_no_log_odds(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("mutate", runs.regression, inputs.positives, "-o", tmp_path / "out", "--score", "log-odds")
    assert done.code == 2
    assert "a regression model predicts no probabilities" in done.err


def test_bad_inputs_leave_nothing(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    def run(*words: object) -> Result:
        return shell("mutate", runs.dna, *words, "-o", tmp_path / "out", *QUICK)

    wrong = tmp_path / "a.fa"
    wrong.write_text(">a\nACGT\n>b\nAC!T\n")
    for words, message in (
        ([wrong], "a.fa:4"),
        ([tmp_path / "none.fa"], "none.fa"),
        ([inputs.peaks], "say which genome they are of with --genome"),
    ):
        done = run(*words)
        assert done.code in (1, 2)
        assert message in done.err
        assert not any(path.is_file() for path in tmp_path.glob("out/*"))
    empty = tmp_path / "empty.fa"
    empty.write_text("")
    assert run(empty).code == 1


def test_an_output_that_exists_is_kept(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    (out / "maps").mkdir()
    former = [out / "maps" / "0001_former.svg", out / "mutations.npz"]
    for path in former:
        path.write_text("former")
    refused = shell("mutate", runs.dna, inputs.positives, "-o", out, *QUICK)
    assert refused.code == 1
    assert "use --force" in refused.err
    assert shell("mutate", runs.dna, inputs.positives, "-o", out, "--force", *QUICK).code == 0
    assert (out / "mine").read_text() == "mine"
    assert not any(path.exists() for path in former)


def test_from_python(runs: Runs) -> None:
    predictor, sequences = seqcnn.load(runs.dna), draw(2, 20) + draw(1, 33)
    delta = predictor.saturation_mutagenesis(sequences)
    assert delta.shape == (3, 4, 33)
    assert np.isnan(delta[:2, :, 20:]).all()
    mutant = sequences[1][:7] + "G" + sequences[1][8:]
    scores = predictor.predict([sequences[1], mutant])[:, 0]
    assert delta[1, 2, 7] == pytest.approx(scores[1] - scores[0], abs=1e-5)
    assert not np.array_equal(delta, predictor.saturation_mutagenesis(sequences, score="response"), equal_nan=True)
    assert not np.array_equal(delta, predictor.saturation_mutagenesis(sequences, method="gradient"), equal_nan=True)
    several = seqcnn.load(runs.regression)
    with pytest.raises(ValueError, match="say of which target: a, b"):
        several.saturation_mutagenesis(sequences)
    with pytest.raises(ValueError, match="there is no target 'c'; there are: a, b"):
        several.saturation_mutagenesis(sequences, target="c")
    of_b = several.saturation_mutagenesis(sequences, target="b")
    scores = several.predict([sequences[1], mutant])[:, 1]
    assert of_b[1, 2, 7] == pytest.approx(scores[1] - scores[0], abs=1e-5)

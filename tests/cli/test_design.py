"""`seqcnn design`: FASTA, trajectory and picture, for all ways to say what is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import seqcnn
from seqcnn.cli.design_goals import find_terms
from seqcnn.interpret.design.goals import Objective
from seqcnn.models.modelfile import Model
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import from_rows
from tests.cli.conftest import Inputs, Runs, Shell, draw, fasta
from tests.models.test_embedding import collection

ONE = ["--threads", "1"]


def records(path: Path) -> list[tuple[str, dict[str, str], str]]:
    """Return name, what the header says, and sequence of each record."""
    lines = path.read_text().splitlines()
    found = []
    for header, letters in zip(lines[::2], lines[1::2], strict=True):
        name, *words = header[1:].split()
        found.append((name, dict(word.split("=") for word in words), letters))
    return found


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_random_sequences_are_raised(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    out, table, picture = (tmp_path / name for name in ("x.fa", "x.tsv", "x.svg"))
    words = ["--n", "3", "--length", "30", "--gc", "0.4-0.6", "--edits", "4", "--seed", "2", *ONE]
    done = shell("design", runs.dna, *words, "-o", out, "--trajectory", table, "--picture", picture, "-v")
    assert done.code == 0, done.err
    assert "score: " in done.err
    assert "CPU seconds" in done.err
    assert f"wrote {out}, {table}, {picture}: 3 sequences" in done.err
    found = records(out)
    assert [name for name, _, _ in found] == ["design_1", "design_2", "design_3"]
    scores = seqcnn.load(runs.dna).predict([letters for _, _, letters in found])[:, 0]
    steps = rows(table)
    for (name, said, letters), score in zip(found, scores, strict=True):
        assert float(said["score"]) == pytest.approx(score, rel=1e-4)
        assert float(said["gc"]) == pytest.approx((letters.count("G") + letters.count("C")) / 30, abs=1e-3)
        assert 0.4 <= float(said["gc"]) <= 0.6
        own = [row for row in steps if row["sequence"] == name]
        assert [int(row["step"]) for row in own] == list(range(len(own)))
        assert own[0]["position"] == "."
        assert 1 < len(own) <= 5
        assert (np.diff([float(row["score"]) for row in own]) > 0).all()
        for row in own[1:]:
            assert row["ref"] != row["alt"]
        assert letters[int(own[-1]["position"])] == own[-1]["alt"]
        assert int(said["edits"]) <= 4
    assert "design_2" in picture.read_text()
    assert json.loads(Path(f"{out}.run.json").read_text())["counts"]["sequences"] == 3
    again = shell("design", runs.dna, *words, "-o", "-")
    assert again.out == out.read_text()
    assert shell("design", runs.dna, *words[:-4], "--seed", "3", *ONE, "-o", "-").out != again.out


def test_what_is_fixed_stays(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    given = tmp_path / "t.fa"
    given.write_text(">a\nNNNNNNNNacgtNNNNNNNN\n>b\nACGTACGTACGTACGTRRRR\n")
    bed = tmp_path / "keep.bed"
    bed.write_text("b\t0\t4\n")
    out = tmp_path / "x.fa"
    words = ["--from", given, "--fixed", f"lower,18-20,{bed}", "--n", "2", *ONE]
    assert shell("design", runs.dna, *words, "-o", out).code == 0
    found = {name: letters for name, _, letters in records(out)}
    assert list(found) == ["a_1", "a_2", "b_1", "b_2"]
    assert all(found[name][8:12] == "ACGT" for name in ("a_1", "a_2"))
    assert all(found[name][:4] == "ACGT" and set(found[name][16:]) <= set("AG") for name in ("b_1", "b_2"))
    words = ["--from", given, "--fixed", "letters", *ONE]
    assert shell("design", runs.dna, *words, "-o", out, "--force").code == 0
    assert records(out)[1][2].startswith("ACGTACGTACGTACGT")
    words = ["--from", given, "--edits", "0", *ONE]
    assert shell("design", runs.dna, *words, "-o", out, "--force").code == 0
    assert records(out)[1][1]["edits"] == "0"


def test_several_scores_and_goals(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    given = fasta(tmp_path / "a.fa", draw(3, 25))
    out = tmp_path / "x.fa"
    words = ["--from", given, "--target", "a,b", "--objective", "raise,target=-0.5", "--balance", "1,2", *ONE]
    done = shell("design", runs.regression, *words, "-o", out)
    assert done.code == 0, done.err
    predictor = seqcnn.load(runs.regression)
    before, after = predictor.predict(draw(3, 25)), predictor.predict([letters for _, _, letters in records(out)])

    def utility(scores: np.ndarray) -> np.ndarray:
        return scores[:, 0] - 2 * abs(scores[:, 1] + 0.5)

    assert (utility(after) > utility(before)).all()
    said = records(out)[0][1]
    assert float(said["regression_a"]) == pytest.approx(after[0, 0], rel=1e-4)
    two = ["--objective", "raise,lower", "--target", "target,a", "--length", "20", "--n", "2", *ONE]
    done = shell("design", runs.dna, runs.regression, *two, "-o", out, "--force")
    assert done.code == 0, done.err
    assert set(records(out)[0][1]) == {"dna", "regression_a", "edits", "gc"}


def test_methods_and_gains(runs: Runs, shell: Shell) -> None:
    words = ["design", runs.dna, "--n", "2", "--length", "12", "--edits", "2", "-o", "-", *ONE]
    greedy = shell(*words).out
    assert shell(*words, "--min-gain", "1").out.count("edits=0") > greedy.count("edits=0")
    gradient = shell(*words, "--method", "gradient", "--iterations", "1")
    assert gradient.code == 0, gradient.err
    assert shell(*words, "--method", "gradient", "--iterations", "8").out != gradient.out
    assert shell(*words, "--rule", "window").out != greedy


def test_rna_is_written_with_u(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    given = tmp_path / "r.fa"
    given.write_text(">r\nACGUACGUUUUUACG\n")
    table, picture = tmp_path / "x.tsv", tmp_path / "x.png"
    done = shell("design", runs.rna, "--from", given, "-o", "-", "--trajectory", table, "--picture", picture, *ONE)
    assert done.code == 0, done.err
    assert set(done.out.splitlines()[1]) <= set("ACGU")
    assert "T" not in {row["alt"] for row in rows(table)}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_regions_give_the_length(runs: Runs, shell: Shell) -> None:
    done = shell("design", runs.regions, "--n", "1", "--edits", "1", "-o", "-", *ONE)
    assert len(done.out.splitlines()[1]) == 61


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say --length: the models were trained on sequences as they were"),
        (["--length", "9", "--objective", "rise"], "unknown goal 'rise'; there are: raise, lower"),
        (["--length", "9", "--objective", "raise,lower,raise", "--target", "target,target"], "--target: 2 are said"),
        (["--length", "9", "--target", "x"], "dna has no target 'x'; it has: target"),
        (["--length", "9", "--objective", "raise,lower"], "dna is named twice; say --target"),
        (["--length", "9", "--balance", "0"], "--balance '0' is not a number above 0"),
        (["--length", "9", "--balance", "x"], "--balance 'x' is not a number above 0"),
        (["--length", "9", "--gc", "0.6-0.4"], "'0.6-0.4' is not LOW-HIGH with shares from 0 to 1"),
        (["--length", "9", "--gc", "half"], "'half' is not LOW-HIGH"),
        (["--length", "9", "--gc", "0.48-0.5"], "no sequence of 9 bp has a GC content from 0.48 to 0.5"),
        (["--length", "9", "--fixed", "lower"], "--fixed lower, letters and BED files are for sequences of --from"),
        (["--length", "9", "--picture", "x.jpg"], "--picture x.jpg: the name must end in .png, .svg, .pdf"),
        (["--length", "9", "--trajectory", "-"], "- is named for two outputs"),
        (["--length", "9", "--from", "x.fa"], "--length is that of random sequences; those of --from have their own"),
        (["--from", "none.fa"], "none.fa: there is no such file"),
    ],
)
def test_what_cannot_be(words: list[str], said: str, runs: Runs, shell: Shell) -> None:
    done = shell("design", runs.dna, *words, "-o", "-")
    assert done.code in (1, 2)
    assert done.out == ""
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_models_that_do_not_go_together(runs: Runs, shell: Shell) -> None:
    done = shell("design", runs.dna, runs.rna, "--length", "9", "-o", "-")
    assert (done.code, "one model reads DNA and another RNA" in done.err) == (2, True)
    done = shell("design", runs.regression, "--length", "9", "-o", "-")
    assert (done.code, "regression has several targets: say which with --target (a, b)" in done.err) == (2, True)


def test_of_a_collection_only_what_is_asked_for_is_scored() -> None:
    network = collection()
    model = Model(network, "collection", "dna", "binary", ("A", "B", "C"), None, {})
    (term,) = find_terms([("published", model)], ["B"], ["raise"], None)
    assert (term.name, term.network.settings.n_targets) == ("score", 1)
    codes = np.random.default_rng(0).integers(0, 4, (3, 20), dtype=np.uint8)
    whole = predict(network, from_rows(list(codes)))
    np.testing.assert_allclose(Objective([term]).scores(codes)[:, 0], whole[:, 1], rtol=1e-5)
    two = find_terms([("published", model)], ["B", "A"], ["raise", "lower"], None)
    assert [term.name for term in two] == ["published_B", "published_A"]
    np.testing.assert_allclose(Objective(two).scores(codes), whole[:, [1, 0]], rtol=1e-5)

"""What holds when some inputs are regions of a genome: window lengths kept, places written, options that fit."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import SMALL, Inputs, Runs, Shell


def windows_of(shell: Shell, run: Path) -> str:
    windows: str = json.loads(shell("info", run, "--json").out)["windows"]
    return windows


def test_the_window_length_survives_encoding(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    assert shell("encode", inputs.peaks, "--genome", inputs.genome, "--length", 61, "-o", tmp_path / "d.h5").code == 0
    assert shell("train", tmp_path / "d.h5", "-o", tmp_path / "run", *SMALL).code == 0
    assert windows_of(shell, tmp_path / "run") == "61 bp"
    scores = shell("predict", tmp_path / "run", inputs.peaks, "--genome", inputs.genome)
    assert {int(row[3]) - int(row[2]) for row in scores.rows} == {61}


def test_sequences_have_no_window_length(runs: Runs, shell: Shell) -> None:
    assert windows_of(shell, runs.regions) == "61 bp"
    assert windows_of(shell, runs.dna) == "sequences as they are"


def test_sequences_beside_regions_are_nowhere(inputs: Inputs, runs: Runs, shell: Shell) -> None:
    for order in ([inputs.positives, inputs.peaks], [inputs.peaks, inputs.positives]):
        done = shell("predict", runs.regions, *order, "--genome", inputs.genome)
        assert done.header == ["name", "chrom", "start", "end", "strand", "score", "probability"]
        assert {len(row) for row in done.rows} == {7}
        assert sum(row[1:5] == [".", "-1", "-1", "."] for row in done.rows) == 40
        assert sum(row[1].startswith("chr") for row in done.rows) == 30


def test_no_place_begins_before_its_chromosome(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    edge = tmp_path / "edge.bed"
    edge.write_text("chr1\t0\t3\tfirst\n")
    done = shell("predict", runs.regions, edge, "--genome", inputs.genome)
    assert done.rows[0][1:4] == ["chr1", "0", "32"]
    assert "1 windows filled up with N" in done.err


def test_no_place_ends_after_its_chromosome(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """Whichever strand is read, and after encoding too."""
    edge = tmp_path / "edge.bed"
    edge.write_text("chr1\t7990\t7999\tplus\t0\t+\nchr1\t7990\t7999\tminus\t0\t-\n")
    regions = [edge, "--genome", inputs.genome]
    done = shell("predict", runs.regions, *regions)
    assert [row[1:4] for row in done.rows] == [["chr1", "7964", "8000"]] * 2
    assert shell("encode", *regions, "--length", 61, "--negatives", "none", "-o", tmp_path / "d.h5").code == 0
    encoded = shell("predict", runs.regions, tmp_path / "d.h5")
    assert encoded.out == done.out
    for i, given in enumerate((regions, [tmp_path / "d.h5"])):
        out = tmp_path / str(i)
        assert shell("mutate", runs.regions, *given, "-o", out, "--maps", 0, "--insertions", "a,A").code == 0
        rows = [line.split("\t") for line in (out / "mutations.tsv").read_text().splitlines()]
        places = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        assert {row["chrom"] for row in places} == {"chr1", "."}
        assert max(int(row["end"]) for row in places) == 8000
        assert min(int(row["start"]) for row in places if row["chrom"] != ".") == 7964
        unplaced = {(row["name"], int(row["position"])) for row in places if row["chrom"] == "." and row["ref"] != "-"}
        assert unplaced == {("plus", i) for i in range(36, 61)} | {("minus", i) for i in range(25)}
        assert sum(row["alt"] == "A" and row["ref"] == "-" for row in places) == 2 * 62  # "a" is "A"
        sequences = [line.split("\t")[1:4] for line in (out / "sequences.tsv").read_text().splitlines()[1:]]
        assert sequences == [["chr1", "7964", "8000"]] * 2


def test_options_that_have_no_use_are_refused(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    for option in (["--length", 30], ["--target-column", "bound"], ["--header"], ["--name-column", 1]):
        done = shell("encode", inputs.positives, *option, "-o", tmp_path / "d.h5")
        assert done.code == 2
        assert f"{option[0]} is for" in done.err
    assert not (tmp_path / "d.h5").exists()


def test_a_column_that_is_not_known_as_a_target_is_told(shell: Shell, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("sequence,affinity\n" + "ACGTACGTACGT,0.5\nTTGCACGTACGT,0.7\n" * 20)
    done = shell("encode", table, "-o", tmp_path / "d.h5")
    assert done.code == 0
    assert "no column is known as a target" in done.err
    assert "--target-column (there are: sequence, affinity)" in done.err


def test_a_method_misspelt_is_told_the_methods(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("encode", inputs.positives, "--negatives", "GC", "-o", tmp_path / "d.h5")
    assert done.code == 1
    assert "dinucleotide, gc, flank, none" in done.err


def test_a_ratio_is_not_for_a_file(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    options = ["--negatives", inputs.negatives, "--negatives-ratio", 2]
    done = shell("encode", inputs.positives, *options, "-o", tmp_path / "d.h5")
    assert done.code == 2
    assert "--negatives-ratio is for negatives that are made" in done.err

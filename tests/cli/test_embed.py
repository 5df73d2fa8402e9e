"""`seqcnn embed`: features as tables and HDF5, and classes by the nearest prototype."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from seqcnn.cli.commands import embed as command
from seqcnn.models.embedding import embed, joined
from seqcnn.models.modelfile import load
from seqcnn.sequence.ragged import encode_all
from tests.cli.conftest import MOTIF, SMALL, Inputs, Runs, Shell, draw, fasta


@pytest.fixture(scope="module")
def ensemble(inputs: Inputs, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("ensemble") / "run"
    options = [*SMALL, "--members", "2", "--hidden", "3"]
    done = shell("train", inputs.positives, "--negatives", inputs.negatives, "-o", run, *options)
    assert done.code == 0, done.err
    return run


def test_tables_and_arrays_hold_the_features(ensemble: Path, shell: Shell, tmp_path: Path) -> None:
    given = [*draw(2, 30), "", "ACGTN"]
    sequences = fasta(tmp_path / "a.fa", given)
    network = load(ensemble).network
    for layer, n_features in (("last", 3), ("pooled", 4)):
        for way in ("concatenate", "mean"):
            wanted = joined(embed(network, encode_all(given), layer), way)
            assert wanted.shape == (4, n_features * (2 if way == "concatenate" else 1))
            options = ["--layer", layer, "--ensemble", way, "--threads", "1"]
            done = shell("embed", ensemble, sequences, *options)
            assert done.code == 0, done.err
            assert [row[0] for row in done.rows] == ["s0", "s1", "s2", "s3"]
            table = np.array([[float(cell) for cell in row[1:]] for row in done.rows])
            np.testing.assert_allclose(table, wanted, rtol=1e-5)
            out = tmp_path / f"{layer}_{way}.h5"
            done = shell("embed", ensemble, sequences, "-o", out, *options)
            assert done.code == 0, done.err
            assert f"wrote {out}: 4 sequences, {wanted.shape[1]} features" in done.err
            assert "1 empty sequences: their features are nan" in done.err
            with h5py.File(out) as file:
                np.testing.assert_array_equal(file["features"][:], wanted)
                assert file["names"].asstr()[:].tolist() == ["s0", "s1", "s2", "s3"]
                first = "m0_f0" if way == "concatenate" else "f0"
                assert file["feature_names"].asstr()[0] == first
                assert (file.attrs["layer"], file.attrs["ensemble"]) == (layer, way)
            assert json.loads(Path(f"{out}.run.json").read_text())["features"] == wanted.shape[1]
    assert shell("embed", ensemble, sequences).header == ["name", *(f"m{m}_f{i}" for m in (0, 1) for i in range(3))]


def test_parts_do_not_matter(
    ensemble: Path, inputs: Inputs, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = shell("embed", ensemble, inputs.positives).out
    monkeypatch.setattr(command, "VALUES_AT_ONCE", 40)
    out = tmp_path / "x.tsv"
    done = shell("embed", ensemble, inputs.positives, "-o", out, "--batch-size", "3")
    assert done.code == 0, done.err
    few = [[float(cell) for cell in line.split("\t")[1:]] for line in out.read_text().splitlines()[1:]]
    np.testing.assert_allclose(
        few, [[float(c) for c in line.split("\t")[1:]] for line in one.splitlines()[1:]], rtol=1e-4
    )
    done = shell("embed", ensemble, inputs.positives, "-o", out)
    assert (done.code, "output exists; use --force" in done.err) == (1, True)
    assert shell("embed", ensemble, inputs.positives, "-o", out, "--force", "--quiet").err == ""


def test_regions_have_places_and_windows_their_rule(runs: Runs, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    given = [inputs.peaks, "--genome", inputs.genome, "--length", "61"]
    done = shell("embed", runs.regions, *given)
    assert done.header[:5] == ["name", "chrom", "start", "end", "strand"]
    assert done.rows[0][:5] == ["peak0", "chr1", "290", "351", "+"]
    assert shell("embed", runs.regions, *given, "-o", tmp_path / "x.h5").code == 0
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["start"][:2].tolist() == [290, 490]
        assert file["chrom"].asstr()[:2].tolist() == ["chr1", "chr2"]
    by_window = shell("embed", runs.regions, *given, "--rule", "window")
    assert by_window.code == 0, by_window.err
    assert by_window.rows[0][5:] != done.rows[0][5:]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """References: sequences with the motif and without, in every form."""
    folder = tmp_path_factory.mktemp("kinds")
    with_motif, without = draw(8, 40, MOTIF, seed=5), draw(8, 40, seed=6)
    rows = [(s, "site") for s in with_motif] + [(s, "other") for s in without]
    table = folder / "reference.tsv"
    table.write_text("sequence\tkind\tclass\n" + "".join(f"{s}\t{k}\t{k[0]}\n" for s, k in rows))
    headers = folder / "headers.fa"
    headers.write_text("".join(f">r{i} kind={k}\n{s}\n" for i, (s, k) in enumerate(rows)))
    return {
        "table": table,
        "headers": headers,
        "site": fasta(folder / "site.fa", with_motif),
        "other": fasta(folder / "other.fa", without),
        "new": fasta(folder / "new.fa", [*draw(6, 40, MOTIF, seed=7), ""]),
    }


def test_nearest_classes(runs: Runs, kinds: dict[str, Path], shell: Shell, tmp_path: Path) -> None:
    files = ["--nearest", kinds["site"], "--nearest", kinds["other"]]
    done = shell("embed", runs.dna, kinds["new"], *files)
    assert done.code == 0, done.err
    columns = ["name", "nearest", "other_similarity", "other_probability", "site_similarity", "site_probability"]
    assert done.header == columns
    assert done.rows[-1] == ["s6", ".", "nan", "nan", "nan", "nan"]
    for row in done.rows[:-1]:
        assert row[1] == ("site" if float(row[4]) > float(row[2]) else "other")
        assert float(row[3]) + float(row[5]) == pytest.approx(1, abs=1e-5)
    assert "of 16 sequences fall to their own class by the others'" in done.err
    for other in (
        ["--nearest", kinds["headers"], "--label-pattern", "kind=(\\w+)"],
        ["--nearest", kinds["table"], "--target-column", "kind"],
    ):
        assert shell("embed", runs.dna, kinds["new"], *other).rows == done.rows
    out = tmp_path / "n.tsv"
    options = ["--metric", "euclidean", "--temperature", "0.5", "-o", out]
    far = shell("embed", runs.dna, kinds["new"], *files, *options)
    assert far.code == 0, far.err
    assert out.read_text().splitlines()[0].split("\t")[2] == "other_distance"
    record = json.loads(Path(f"{out}.run.json").read_text())
    assert record["temperature"] == 0.5
    assert record["reference"] == {"other": 8, "site": 8}
    table = record["leave_one_out"]["confusion"]
    right = table["site"]["site"] + table["other"]["other"]
    assert record["leave_one_out"]["accuracy"] == pytest.approx(right / 16)
    assert f"wrote {out}: 7 sequences, 2 classes" in far.err


def test_one_example_of_each_class(runs: Runs, kinds: dict[str, Path], shell: Shell, tmp_path: Path) -> None:
    few = [fasta(tmp_path / f"{name}.fa", draw(1, 30, seed=i)) for i, name in enumerate("ab")]
    done = shell("embed", runs.dna, kinds["new"], "--nearest", few[0], "--nearest", few[1])
    assert done.code == 0, done.err
    assert "each class has one sequence, so that none can be held against the others" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.txt"], "x.txt: the name must end in .tsv or .h5"),
        (["--metric", "cosine"], "--metric goes with --nearest"),
        (["--label-pattern", "x(.)"], "--label-pattern goes with --nearest"),
        (["--nearest", "SITE", "-o", "x.h5"], "--nearest writes a table: name a .tsv file"),
        (["--nearest", "SITE"], "the reference has only one class, 'site'"),
        (["--nearest", "none.fa"], "none.fa: there is no such file"),
        (["--nearest", "-"], "standard input cannot be the reference"),
    ],
)
def test_what_cannot_be(words: list[str], said: str, runs: Runs, kinds: dict[str, Path], shell: Shell) -> None:
    done = shell("embed", runs.dna, kinds["new"], *(str(kinds["site"]) if word == "SITE" else word for word in words))
    assert done.code in (1, 2)
    assert done.out == ""
    assert said in done.err
    assert len(done.err.splitlines()) == 1

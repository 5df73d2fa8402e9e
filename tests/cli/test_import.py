"""`seqcnn import deepbind`, and what the other commands then say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Shell, fasta
from tests.formats.test_deepbind_parameters import text

INDEX = "ID\tProtein\tSpecies\tExperiment\tLabels\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five models of three proteins, one without a line in the table, one deprecated."""
    (tmp_path / "db" / "params").mkdir(parents=True)
    shapes = {"D1.001": {}, "D2.001": {"average": 1}, "D3.001": {"hidden": 0, "both": 0}, "D4.001": {}, "D5.001": {}}
    for name, shape in shapes.items():
        (tmp_path / "db" / "params" / f"{name}.txt").write_text(text(**shape))
    rows = ["D1.001\tCTCF\tHomo sapiens\tSELEX\t", "D2.001\tSP1\tHomo sapiens\tPBM\t", "D3.001\tQKI\t\tRNAcompete\t"]
    rows += ["D4.001\tCTCF\tHomo sapiens\tChIP-seq\tdeprecated"]
    (tmp_path / "db" / "db.tsv").write_text(INDEX + "".join(f"{row}\n" for row in rows))
    return tmp_path / "db"


def test_a_folder(folder: Path, shell: Shell, tmp_path: Path) -> None:
    model = tmp_path / "all.safetensors"
    done = shell("import", "deepbind", folder, "-o", model)
    assert (done.code, done.out) == (0, "")
    assert f"{folder / 'db.tsv'} does not say what 1 of the models is of" in done.err
    assert done.err.endswith(f"wrote {model}: 5 models, DNA, regression, scored by windows\n")
    info = shell("info", model).out
    assert "targets              D1.001, D2.001, D3.001, D4.001, D5.001\n" in info
    assert "scoring rule         best window of detector length" in info
    assert "imported by          seqcnn" in info
    assert "strands              both (4 of 5 models), one (the others)\n" in info
    assert "D1.001               CTCF, Homo sapiens, SELEX, 3 bp, both strands\n" in info
    assert "D3.001               QKI, RNAcompete, 3 bp, one strand\n" in info
    assert "D5.001               3 bp, both strands\n" in info
    facts = json.loads(shell("info", model, "--json").out)
    assert (facts["D3.001"]["protein"], facts["D3.001"]["strands"]) == ("QKI", "one")
    assert (facts["D1.001"]["species"], facts["D1.001"]["detector_length"]) == ("Homo sapiens", 3)
    scores = shell("predict", model, fasta(tmp_path / "a.fa", ["ACGTNACGT", "AC"]))
    assert scores.header == ["name", "D1.001", "D2.001", "D3.001", "D4.001", "D5.001"]


def test_one_file(folder: Path, shell: Shell, tmp_path: Path) -> None:
    path = folder / "params" / "D1.001.txt"
    done = shell("import", "deepbind", path, "-o", tmp_path / "one.safetensors", "--verbose")
    assert "D1.001  CTCF (Homo sapiens, SELEX)\n" in done.err
    assert "1 model, DNA, binary, scored by windows" in done.err
    assert "architecture         deepbind" in shell("info", tmp_path / "one.safetensors").out
    assert shell("import", "deepbind", path, "-o", tmp_path / "one.safetensors").code == 1
    rna = shell("import", "deepbind", folder / "params" / "D3.001.txt", "-o", tmp_path / "rna.safetensors")
    assert "1 model, RNA, regression" in rna.err


def names(shell: Shell, model: Path, tmp_path: Path) -> list[str]:
    return shell("predict", model, fasta(tmp_path / "a.fa", ["ACGTACGT"]), "--echo").header[1:]


def test_choices(folder: Path, shell: Shell, tmp_path: Path) -> None:
    ids = tmp_path / "some.ids"
    ids.write_text("D4.001 # CTCF\nD1.001 of CTCF\nD4.001 D1.001\n")
    pair = tmp_path / "pair.ids"
    pair.write_text("D4.001 D2.001\n")
    model = tmp_path / "m.safetensors"
    for chosen, wanted in (
        (["--ids", "D3.001, D1.001"], ["D3.001", "D1.001"]),
        (["--ids", ids], ["D4.001", "D1.001"]),
        (["--ids", pair], ["D4.001", "D2.001"]),
        (["--protein", "sp1,CTCF"], ["D1.001", "D2.001"]),
        (["--protein", "CTCF", "--ids", ids], ["D4.001", "D1.001"]),
    ):
        done = shell("import", "deepbind", folder, "-o", model, "--force", *chosen)
        assert done.code == 0, done.err
        assert names(shell, model, tmp_path) == wanted
        assert ("1 deprecated left out; --ids takes them all the same" in done.err) == (chosen[-1] == "sp1,CTCF")


def test_index_and_task(folder: Path, shell: Shell, tmp_path: Path) -> None:
    (folder / "db.tsv").rename(tmp_path / "other.tsv")
    path = folder / "params" / "D1.001.txt"
    bare = shell("import", "deepbind", path, "-o", tmp_path / "m.safetensors")
    assert "without db.tsv it is not known what 1 of the models is of" in bare.err
    assert "regression" in bare.err
    done = shell(
        "import", "deepbind", path, "-o", tmp_path / "m.safetensors", "--force", "--index", tmp_path / "other.tsv"
    )
    assert "binary" in done.err
    done = shell("import", "deepbind", path, "-o", tmp_path / "m.safetensors", "--force", "--task", "binary", "--quiet")
    assert done.err == ""
    scores = shell("predict", tmp_path / "m.safetensors", fasta(tmp_path / "a.fa", ["ACGT"]))
    assert scores.header == ["name", "score", "probability"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["{folder}", "--ids", "D9.001,D8.001"], 1, "there is no parameter file of D9.001 and 1 more"),
        (["{folder}", "--ids", ""], 2, "--ids is empty"),
        (["{folder}", "--ids", "D1.001", "--protein", "SP1"], 1, "no model among --ids is of SP1"),
        (["{folder}", "--protein", "MYC"], 1, "no model here is of MYC"),
        (["{folder}/params/D4.001.txt", "--protein", "CTCF"], 1, "all models of CTCF here are deprecated"),
        (["{folder}", "{folder}/params/D1.001.txt"], None, ""),
        (["{folder}", "{folder}/../D1.001.txt"], 1, "D1.001 is there a second time, first as"),
        (["{folder}/.."], 1, "holds no D*.txt, nor does its params/"),
        (["{folder}/none.txt"], 1, "there is no such file"),
        (["{folder}/db.tsv"], 1, "db.tsv:1: found 'ID\\tProtein"),
        (["{folder}", "--index", "{folder}/none.tsv"], 1, "none.tsv: there is no such file"),
    ],
)
def test_refused(
    folder: Path, shell: Shell, tmp_path: Path, arguments: list[str], code: int | None, reason: str
) -> None:
    if ".." in " ".join(arguments[1:]):
        (folder.parent / "D1.001.txt").write_text(text())
    given = [word.format(folder=folder) for word in arguments]
    done = shell("import", "deepbind", *given, "-o", tmp_path / "m.safetensors")
    assert done.code == (code or 0)
    assert reason in done.err
    assert (tmp_path / "m.safetensors").exists() == (code is None)


def test_parameters_in_place_of_a_model(folder: Path, shell: Shell, tmp_path: Path) -> None:
    done = shell("predict", folder / "params" / "D1.001.txt", fasta(tmp_path / "a.fa", ["ACGT"]))
    assert (done.code, "seqcnn import deepbind makes a model of it" in done.err) == (1, True)


def test_protein_without_a_table(folder: Path, shell: Shell, tmp_path: Path) -> None:
    (folder / "db.tsv").unlink()
    done = shell("import", "deepbind", folder, "--protein", "CTCF", "-o", tmp_path / "m.safetensors")
    assert (done.code, "--protein needs the table of models" in done.err) == (2, True)


def test_a_malformed_file_is_told(folder: Path, shell: Shell, tmp_path: Path) -> None:
    path = folder / "params" / "D1.001.txt"
    path.write_text(text(version="9.9"))
    done = shell("import", "deepbind", folder, "-o", tmp_path / "m.safetensors")
    assert done.code == 1
    assert done.err == f"seqcnn: error: {path}:1: is of deepbind 9.9; version 0.1 can be read\n"


@pytest.mark.realdata
def test_the_published_example(shared_data: Path, shell: Shell, tmp_path: Path) -> None:
    folder = shared_data / "deepbind_models"
    model = tmp_path / "example.safetensors"
    assert shell("import", "deepbind", folder, "--ids", folder / "example.ids", "-o", model).code == 0
    done = shell("predict", model, "--echo", folder / "example.seq")
    assert done.header == ["sequence", "D00210.001", "D00120.001", "D00410.003", "D00328.003"]
    scores = np.array([row[1:] for row in done.rows], dtype=float)
    np.testing.assert_allclose(scores[[3, 2, 0], [3, 2, 0]], [17.682623, 5.885349, 7.345649], atol=1e-4)
    assert done.rows[3][0] == "TACCACTAGGGGGCGCCACC"
    assert "CTCF, TF, Homo sapiens" in shell("info", model).out
    assert shell("import", "deepbind", folder, "-o", tmp_path / "all.safetensors").err.startswith(
        "36 of the models give log-odds, the others do not"
    )

"""RNA structure through the commands: read from files, folded, and refused where it cannot be had."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from seqcnn.dataset.store import Dataset
from seqcnn.sequence.contexts import CONTEXTS, contexts, contexts_of_letters, contexts_of_pairs
from tests.cli.conftest import SMALL, Inputs, Shell

MOTIF = "UGUAAAUA"
RNA = ["--alphabet", "rna"]
READ = [*RNA, "--structure", "read", "--label-pattern", "class:([01])"]
TRAINING = [*SMALL, "--epochs", "8", "--batch-size", "32", "--learning-rate", "0.02", "--valid-fraction", "0.2"]


def with_structures(n: int, seed: int = 0) -> str:
    """Return FASTA in which a site is one of class 1 in a hairpin, of class 0 in a stem: bases alone do not tell."""
    rng = random.Random(seed)
    text = ""
    for i in range(n):
        letters = rng.choices("ACGU", k=40)
        place = rng.choices("EHBIMS", k=40)
        at = rng.randrange(33)
        letters[at : at + 8] = MOTIF
        place[at : at + 8] = "HHHHHHHH" if i % 2 else "SSSSSSSS"
        text += f">s{i} class:{i % 2}\n{''.join(letters)}\n{''.join(place)}\n"
    return text


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write sequences with structures, to train on and to judge by, and some without."""
    folder = tmp_path_factory.mktemp("structures")
    paths = {name: folder / f"{name}.fa" for name in ("train", "test", "plain", "hairpins")}
    paths["train"].write_text(with_structures(200))
    paths["test"].write_text(with_structures(100, seed=1))
    lines = with_structures(6, seed=2).splitlines()
    paths["plain"].write_text("".join(f"{a}\n{b}\n" for a, b in zip(lines[::3], lines[1::3], strict=True)))
    hairpins = [f"GGGGC{''.join(random.Random(i).choices('AU', k=6))}GCCCCAAAGGCAAAAGCC" for i in range(8)]
    paths["hairpins"].write_text("".join(f">h{i}\n{s}\n" for i, s in enumerate(hairpins)))
    return paths


@pytest.fixture(scope="module")
def trained(shell: Shell, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Encode the set; train on it with structures and without."""
    folder = tmp_path_factory.mktemp("trained")
    data = folder / "data.h5"
    done = shell("encode", files["train"], *READ, "-o", data)
    assert done.code == 0, done.err
    for name, options in (("with", []), ("without", ["--structure", "none"])):
        done = shell("train", data, "-o", folder / name, *TRAINING, *options)
        assert done.code == 0, done.err
    return {"data": data, "with": folder / "with", "without": folder / "without"}


def auroc(shell: Shell, run: Path, data: Path, out: Path) -> float:
    labels = [] if data.suffix == ".h5" else ["--label-pattern", "class:([01])"]
    done = shell("evaluate", run, data, *labels, "-o", out, "--force")
    assert done.code == 0, done.err
    (metrics,) = json.loads(out.read_text())["metrics"].values()
    value: float = metrics["auroc"]["value"]
    return value


def test_the_dataset(shell: Shell, trained: dict[str, Path], files: dict[str, Path]) -> None:
    dataset = Dataset(trained["data"])
    assert dataset.structure == {"method": "read"}
    (chunk,) = dataset.chunks()
    letters = "".join(files["train"].read_text().splitlines()[2::3])
    assert contexts(chunk.sequences.data).tolist() == contexts_of_letters(letters).tolist()
    with h5py.File(trained["data"]) as file:
        assert file["codes"][:].max() <= 4
        assert file.attrs["version"] == 2
    about = shell("info", trained["data"]).out
    assert "read from the input: " in about
    assert "% hairpin" in about


def test_structure_tells_what_bases_do_not(
    shell: Shell, trained: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    assert auroc(shell, trained["with"], files["test"], tmp_path / "a.json") > 0.95
    encoded = tmp_path / "test.h5"
    assert shell("encode", files["test"], *READ, "-o", encoded).code == 0
    assert auroc(shell, trained["without"], encoded, tmp_path / "b.json") < 0.75
    plain, again = shell("predict", trained["with"], files["test"]), shell("predict", trained["with"], encoded)
    assert plain.out == again.out
    assert len(plain.rows) == 100
    assert re.search(r"^structure +read from the input$", shell("info", trained["with"]).out, re.MULTILINE)


def test_motifs(shell: Shell, trained: dict[str, Path], files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "motifs"
    done = shell(
        *("motifs", trained["with"], files["test"], "-o", out, "--label-pattern", "class:([01])", "--merge"),
        *("--n-logos", "1", "--logos", "svg", "--threads", "1"),
    )
    assert done.code == 0, done.err
    header, first, *_ = [line.split("\t") for line in (out / "motifs.tsv").read_text().splitlines()]
    assert header[-1] == "structure"
    row = dict(zip(header, first, strict=True))
    assert len(row["structure"]) == int(row["width"])
    assert row["structure"].count("H") >= 4
    lines = [line.split("\t") for line in (out / "structures.tsv").read_text().splitlines()]
    assert lines[0] == ["motif", "position", *CONTEXTS]
    mine = [line for line in lines if line[0] == row["name"]]
    assert [int(line[1]) for line in mine] == list(range(1, int(row["width"]) + 1))
    assert all(abs(sum(map(float, line[2:])) - 1) < 1e-2 for line in mine)
    assert {path.name for path in (out / "logos").iterdir()} == {f"{row['name']}.svg", "sheet.svg"}
    none = shell("motifs", trained["with"], files["test"], "--negatives", "dinucleotide", "-o", tmp_path / "n")
    assert none.code == 2
    assert "were read, and shuffles have none" in none.err
    other = shell("motifs", trained["with"], files["test"], "--method", "contributions", "-o", tmp_path / "c")
    assert other.code == 2
    assert "models that read no RNA structure" in other.err


def test_motifs_without_structure_have_no_such_column(
    shell: Shell, trained: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    done = shell("motifs", trained["without"], files["plain"], "-o", tmp_path / "m", "--logos", "none")
    assert done.code == 0, done.err
    assert "structure" not in (tmp_path / "m" / "motifs.tsv").read_text().splitlines()[0]
    assert not (tmp_path / "m" / "structures.tsv").exists()


def test_mutate(shell: Shell, trained: dict[str, Path], files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "mutations"
    done = shell("mutate", trained["with"], files["test"], "-o", out, "--maps", "0", "--threads", "1")
    assert done.code == 0, done.err
    header, *rows = [line.split("\t") for line in (out / "mutations.tsv").read_text().splitlines()]
    row = dict(zip(header, rows[0], strict=True))
    lines = files["test"].read_text().splitlines()
    at = int(row["position"])
    assert lines[1][at] == row["ref"]
    mutant = tmp_path / "mutant.fa"
    mutant.write_text(f">m\n{lines[1][:at]}{row['alt']}{lines[1][at + 1 :]}\n{lines[2]}\n>r\n{lines[1]}\n{lines[2]}\n")
    scores = [float(cells[1]) for cells in shell("predict", trained["with"], mutant).rows]
    assert float(row["delta"]) == pytest.approx(scores[0] - scores[1], abs=1e-4)
    for options in (["--deletions"], ["--insertions", "A"], ["--method", "gradient"]):
        refused = shell("mutate", trained["with"], files["test"], "-o", tmp_path / "x", *options)
        assert refused.code == 2
        assert "substitutions leave as it is" in refused.err


def test_commands_without_structure_refuse_the_model(
    shell: Shell, trained: dict[str, Path], inputs: Inputs, tmp_path: Path
) -> None:
    model, refused = trained["with"], "the model reads RNA structure, which only predict, evaluate, motifs, mutate"
    for words in (
        ["export", model, "-o", tmp_path / "m.onnx"],
        ["scan", model, inputs.genome, "-o", tmp_path / "s.bw"],
        ["design", model, "--length", 30, "-o", tmp_path / "d.fa"],
        ["embed", model, inputs.rna, "-o", tmp_path / "e.tsv"],
    ):
        done = shell(*words)
        assert done.code == 2
        assert refused in done.err
    windows = shell("predict", model, inputs.rna, "--rule", "window")
    assert (windows.code, "a window by itself has no structure" in windows.err) == (2, True)


def test_what_does_not_go_together(
    shell: Shell, trained: dict[str, Path], files: dict[str, Path], inputs: Inputs, tmp_path: Path
) -> None:
    encode = ["encode", "-o", tmp_path / "x.h5"]
    train = ["train", "-o", tmp_path / "run", *SMALL]
    cases: list[tuple[list[object], int, str]] = [
        ([*encode, files["train"], "--structure", "read"], 2, "structures are of RNA: say --alphabet rna"),
        ([*encode, inputs.table, *RNA, "--structure", "read"], 2, "--structure read is for FASTA with a second line"),
        ([*encode, files["plain"], *READ], 1, "has no line of structure"),
        ([*encode, files["train"], *READ[:4]], 2, "the structures of"),
        ([*encode, files["train"], *RNA, "--fold-span", 20], 2, "--fold-span goes with --structure fold"),
        ([*encode, trained["data"], files["plain"], *RNA], 1, "has structures none; those of"),
        ([*train, trained["data"], "--strands", "both"], 2, "structures are of one strand"),
        (
            [*train, trained["data"], "--strands", "one", "--reverse-complement"],
            2,
            "--reverse-complement: structures are of one strand",
        ),
        (
            [*train, trained["data"], "--from", trained["without"]],
            1,
            "reads no structures, but the sequences have such",
        ),
        ([*train, files["plain"], *READ[:2], *READ[4:], "--from", trained["with"]], 1, "but the sequences have none"),
        ([*train, trained["data"], "--structure", "none", "--stream"], 2, "--stream: "),
        (["predict", trained["without"], files["test"], "--structure", "read"], 2, "reads no structures, but"),
        (["predict", trained["with"], files["test"], "--structure", "none"], 2, "reads structures, but --structure"),
        (["predict", trained["with"], files["plain"]], 1, "has no line of structure"),
    ]
    for words, code, message in cases:
        done = shell(*words)
        assert message in done.err, (words, done.err)
        assert done.code == code
        assert len(done.err.strip().splitlines()) <= 2


def test_reading_a_dataset_without_structures(
    shell: Shell, trained: dict[str, Path], inputs: Inputs, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.h5"
    assert shell("encode", inputs.rna, *RNA, "-o", plain).code == 0
    done = shell("predict", trained["with"], plain)
    assert (done.code, "holds no structures" in done.err) == (1, True)


@pytest.mark.slow
def test_training_goes_on_from_a_model_and_in_blocks(
    shell: Shell, trained: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    more = shell("train", trained["data"], "--from", trained["with"], "-o", tmp_path / "more", "--epochs", 1)
    assert more.code == 0, more.err
    blocks = shell("train", trained["data"], "--stream", "-o", tmp_path / "blocks", *TRAINING)
    assert blocks.code == 0, blocks.err
    assert auroc(shell, tmp_path / "blocks", files["test"], tmp_path / "m.json") > 0.9
    assert json.loads((tmp_path / "blocks" / "run.json").read_text())["structure"] == {"method": "read"}


def test_motifs_to_begin_with(shell: Shell, trained: dict[str, Path], tmp_path: Path) -> None:
    meme = tmp_path / "m.meme"
    meme.write_text(
        "MEME version 4\n\nALPHABET= ACGU\n\nMOTIF m\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n"
        "0.9 0.05 0.03 0.02\n0.02 0.9 0.05 0.03\n"
    )
    done = shell("train", trained["data"], "--motifs", meme, "-o", tmp_path / "run", *SMALL, "--epochs", 1)
    assert done.code == 0, done.err


@pytest.mark.slow
def test_folds_and_calibration(shell: Shell, trained: dict[str, Path], tmp_path: Path) -> None:
    folds = shell("train", trained["data"], "--folds", 2, "-o", tmp_path / "folds", *SMALL)
    assert folds.code == 0, folds.err
    options = ["--trials", 2, "--folds", 2, "--epochs", 1, "--n-filters", 4, "--threads", 1]
    found = shell("calibrate", trained["data"], "-o", tmp_path / "found", *options)
    assert found.code == 0, found.err
    assert "read from the input" in shell("info", tmp_path / "found").out


def test_folding(shell: Shell, files: dict[str, Path], tmp_path: Path) -> None:
    package = pytest.importorskip("RNA", reason="ViennaRNA is not installed")
    data, near = tmp_path / "data.h5", tmp_path / "near.h5"
    options = ["encode", files["hairpins"], *RNA, "--structure", "fold"]
    done = shell(*options, "-o", data)
    assert done.code == 0, done.err
    dataset = Dataset(data)
    assert dataset.structure == {"method": "fold", "by": f"ViennaRNA {package.__version__}", "span": None}
    (chunk,) = dataset.chunks()
    assert len(chunk) == 16  # shuffles are folded too
    for row in chunk.sequences:
        text = "".join("ACGUN"[i] for i in row % 5)
        assert contexts(row).tolist() == contexts_of_pairs(package.fold(text)[0]).tolist()
    assert shell(*options, "--fold-span", 14, "-o", near).code == 0
    (other,) = Dataset(near).chunks()
    assert (other.sequences.data != chunk.sequences.data).any()
    assert "pairs at most 14 bp apart" in shell("info", near).out
    trained = shell("train", data, "-o", tmp_path / "run", *SMALL, "--valid-fraction", 0)
    assert trained.code == 0, trained.err
    scores = shell("predict", tmp_path / "run", files["hairpins"])
    assert scores.out.splitlines()[1:] == shell("predict", tmp_path / "run", data).out.splitlines()[1:9]
    motifs = shell(
        *("motifs", tmp_path / "run", files["hairpins"], "--negatives", "dinucleotide", "-o", tmp_path / "m"),
        *("--logos", "none", "--min-sites", 1),
    )
    assert motifs.code == 0, motifs.err
    refolded = shell("predict", tmp_path / "run", near)
    assert refolded.out == shell("predict", tmp_path / "run", data).out


def test_negatives_of_a_file_are_folded(shell: Shell, files: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("RNA", reason="ViennaRNA is not installed")
    words = ["encode", files["hairpins"], "--negatives", files["plain"], *RNA, "--structure", "fold"]
    done = shell(*words, "-o", tmp_path / "x.h5")
    assert done.code == 0, done.err
    (chunk,) = Dataset(tmp_path / "x.h5").chunks()
    assert np.asarray(contexts(chunk.sequences.data) > 0).all()
    assert len(chunk) == 14

"""`seqcnn logo`."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import write_motifs
from tests.cli.conftest import Shell

PPM = np.array([[0.7, 0.1], [0.1, 0.1], [0.1, 0.7], [0.1, 0.1]])


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Write a file of two motifs."""
    path = tmp_path / "two.meme"
    write_motifs([Motif("one", PPM, "first"), Motif("two", PPM[:, ::-1], "second")], path)
    return path


def test_a_folder(shell: Shell, two: Path, tmp_path: Path) -> None:
    out = tmp_path / "logos"
    done = shell("logo", two, "-o", out)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"wrote {out}: 5 pictures of 2 motifs; all together in sheet.png\n"
    names = ["one.png", "one_rc.png", "run.json", "sheet.png", "two.png", "two_rc.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    record = json.loads((out / "run.json").read_text())
    assert record["counts"] == {"motifs": 2, "pictures": 5}
    assert record["inputs"][0]["path"] == str(two)
    again = shell("logo", two, "-o", out)
    assert (again.code, "use --force" in again.err) == (1, True)
    assert shell("logo", two, "-o", out, "--force", "--format", "svg,pdf", "--motif", "second").code == 0
    assert {path.name for path in out.iterdir()} >= {"two.svg", "two_rc.pdf", "sheet.svg"}
    assert not (out / "one.svg").exists()


def test_a_picture(shell: Shell, two: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    size = ["--width", "50.8", "--height", "25.4", "--dpi", "50"]
    pictures = []
    for more in (["one"], ["two"], ["one", "--scale", "probability"], ["one", "--reverse-complement"]):
        done = shell("logo", two, "-o", path, "--force", *size, "--motif", *more)
        assert (done.code, done.err) == (0, f"wrote {path}: 1 motif\n")
        pictures.append(imread(path))
        assert pictures[-1].shape[:2] == (50, 100)
    for one, other in itertools.pairwise(pictures):
        assert not np.array_equal(one, other)
    assert shell("logo", two, "-o", path, "--force", "--motif", "one", "--alphabet", "rna", "--quiet").err == ""


def test_a_sheet(shell: Shell, two: Path, tmp_path: Path) -> None:
    for name in ("x.png", "x.svg", "x.PDF"):
        assert shell("logo", two, two, "-o", tmp_path / name).err == f"wrote {tmp_path / name}: 4 motifs\n"
    height, width = imread(tmp_path / "x.png").shape[:2]
    assert (height, width) == pytest.approx([(24 + 4 * 21) / 25.4 * 300, 210 / 25.4 * 300], abs=1)


def test_too_many_for_a_picture(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "many.meme"
    write_motifs([Motif(f"m{i}", np.full((4, 1), 0.25)) for i in range(101)], path)
    done = shell("logo", path, "-o", tmp_path / "x.png")
    assert done.code == 2
    assert "101 motifs are too many for one picture (100); write a .pdf, which has pages" in done.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-o", "x.png", "--motif", "three"], "has no motif 'three'; it has one first, two second\n"),
        (["-o", "x.png", "--reverse-complement"], "--reverse-complement is for one motif, and a sheet shows both"),
        (["-o", "x", "--reverse-complement"], "--reverse-complement is for a picture; a folder gets both strands"),
        (["-o", "x", "--format", "png,gif"], "--format gif: pictures are png, svg, pdf"),
        (["-o", "x.png", "--width", "3"], "--width"),
    ],
)
def test_usage(shell: Shell, two: Path, tmp_path: Path, more: list[str], message: str) -> None:
    more[1] = str(tmp_path / more[1])
    done = shell("logo", two, *more)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not Path(more[1]).is_file()


def test_bad_files(shell: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "bad.meme"
    bad.write_text("MEME version 4\nMOTIF a\n")
    done = shell("logo", bad, "-o", tmp_path / "x.png")
    assert (done.code, done.err) == (
        1,
        f"seqcnn: error: {bad}:2: motif 'a' has no letter-probability matrix\n",
    )

"""Logos: what is drawn, to what scale, and that nothing lies on anything else."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.transforms import Bbox

from seqcnn.formats.motif import Motif
from seqcnn.report import logos
from seqcnn.report.logos import COLOURS, LogoStyle, draw_logo, file_stems, save_logo, save_logos, save_sheet

PPM = np.array([[1, 0.5, 0.25, 0.7, 0.1], [0, 0.5, 0.25, 0.1, 0.2], [0, 0, 0.25, 0.1, 0.3], [0, 0, 0.25, 0.1, 0.4]])
MOTIF = Motif("MA1.1", PPM, "name")
RNA = Motif("r", PPM, alphabet="rna")


def drawn(motif: Motif, scale: str = "information") -> Any:
    """Return axes with a logo."""
    figure = Figure(figsize=(3, 1.2))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.2, 0.2, 0.75, 0.6))
    draw_logo(axes, motif, scale)
    return axes


@pytest.mark.parametrize("scale", ["information", "probability"])
def test_letters_are_to_scale(scale: str) -> None:
    axes = drawn(MOTIF, scale)
    heights = PPM * (MOTIF.information() if scale == "information" else 1)
    found: dict[tuple[int, str], float] = {}
    for patch in axes.patches:
        box = patch.get_path().get_extents()
        found[round((box.x0 + box.x1) / 2), to_hex(patch.get_facecolor()).upper()] = box.height
        assert box.width <= 0.95 + 1e-9
    for place, (base, letter) in itertools.product(range(5), enumerate("ACGT")):
        expected = heights[base, place]
        assert found.get((place + 1, COLOURS[letter].upper()), 0.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("scale", ["information", "probability"])
def test_the_axis(scale: str) -> None:
    axes = drawn(MOTIF, scale)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    if scale == "information":
        assert (axes.get_ylim(), axes.get_ylabel(), labels) == ((0, 2), "bits", ["0", "1", "2"])
    else:
        assert (axes.get_ylim(), axes.get_ylabel(), labels) == ((0, 1), "probability", ["0", "0.5", "1"])
    assert axes.get_xticks().tolist() == [1, 2, 3, 4, 5]
    assert axes.get_xlim() == (0.5, 5.5)


def test_colours_of_the_field() -> None:
    red, green, blue = (np.array([int(COLOURS[letter][i : i + 2], 16) for i in (1, 3, 5)]) for letter in "TAC")
    assert (red.argmax(), green.argmax(), blue.argmax()) == (0, 1, 2)
    assert COLOURS["U"] == COLOURS["T"]
    assert COLOURS["G"].startswith("#F")


def test_rna_is_drawn_with_u() -> None:
    def shapes(motif: Motif) -> list[Any]:
        return [patch.get_path().vertices.shape for patch in drawn(motif).patches]

    only_last = np.array([[0.0], [0], [0], [1]])
    assert shapes(Motif("t", only_last)) != shapes(Motif("u", only_last, alphabet="rna"))


def test_a_motif_without_information_has_an_axis_only() -> None:
    assert not drawn(Motif("flat", np.full((4, 3), 0.25))).patches


def boxes_of_text(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return every text that is seen, with its place in pixels."""
    figure.canvas.draw()
    found = []
    for axes in figure.axes:
        texts = [axes.title, axes._left_title, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]  # type: ignore[attr-defined]
        found += [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    return found


@pytest.mark.parametrize("width", [1, 7, 33])
@pytest.mark.parametrize("alphabet", ["dna", "rna"])
def test_nothing_overlaps_on_a_sheet(
    width: int, alphabet: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(logos, "_save", lambda figure, *_: figures.append(figure))
    rng = np.random.default_rng(0)
    long_name = "CTCF(Zf)/CD4+-CTCF-ChIP-Seq(Barski_et_al.)/Homer, and a remark that is longer than any place for it"
    motifs = [Motif(long_name, rng.dirichlet([1] * 4, w).T, alphabet=alphabet) for w in (width, 2)]
    save_sheet(motifs, tmp_path / "x.png")
    (figure,) = figures
    assert len(figure.axes) == (4 if alphabet == "dna" else 2)
    texts = boxes_of_text(figure)
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        assert not a.padded(-0.5).overlaps(b.padded(-0.5)), (one, other)
    page = figure.bbox
    for text, box in texts:
        assert page.x0 <= box.x0 and box.x1 <= page.x1, text  # noqa: PT018
    for axes in figure.axes:
        assert not any(axes.bbox.padded(-1).overlaps(box) for _, box in texts)
    widths = {axes.bbox.width / (axes.get_xlim()[1] - 0.5) for axes in figure.axes}
    assert max(widths) == pytest.approx(min(widths))


@pytest.mark.parametrize("width", [1, 5, 24])
def test_nothing_overlaps_in_a_picture(width: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(logos, "_save", lambda figure, *_: figures.append(figure))
    motif = Motif("a name of many words that will not fit", np.random.default_rng(1).dirichlet([1] * 4, width).T)
    for style in (LogoStyle(), LogoStyle(width=50, height=20)):
        save_logo(motif, tmp_path / "x.png", style)
        for (one, a), (other, b) in itertools.combinations(boxes_of_text(figures.pop()), 2):
            assert not a.padded(-0.5).overlaps(b.padded(-0.5)), (one, other)


def test_size_and_resolution(tmp_path: Path) -> None:
    save_logo(MOTIF, tmp_path / "x.png", LogoStyle(width=50.8, height=25.4, dpi=100))
    assert imread(tmp_path / "x.png").shape[:2] == (100, 200)
    save_logo(MOTIF, tmp_path / "y.svg", LogoStyle(width=50.8, height=25.4))
    root = ElementTree.parse(tmp_path / "y.svg").getroot()
    assert (root.get("width"), root.get("height")) == ("144pt", "72pt")
    save_logo(MOTIF, tmp_path / "z.PDF", LogoStyle(width=50.8, height=25.4))
    assert b"/MediaBox [ 0 0 144 72 ]" in (tmp_path / "z.PDF").read_bytes()


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_motif_makes_the_same_file(suffix: str, tmp_path: Path) -> None:
    for name in "ab":
        save_logo(MOTIF, tmp_path / f"{name}.{suffix}")
        save_sheet([MOTIF, MOTIF], tmp_path / f"{name}{name}.{suffix}")
    for name in ("a", "aa"):
        other = name.replace("a", "b")
        assert (tmp_path / f"{name}.{suffix}").read_bytes() == (tmp_path / f"{other}.{suffix}").read_bytes()


def test_names_are_not_mathematics(tmp_path: Path) -> None:
    save_logo(Motif("V$MYOD_01 and V$E47", PPM), tmp_path / "x.png")


def test_other_suffixes(tmp_path: Path) -> None:
    for save in (lambda path: save_logo(MOTIF, path), lambda path: save_sheet([MOTIF], path)):
        with pytest.raises(ValueError, match="pictures are png, svg, pdf"):
            save(tmp_path / "x.gif")


def test_a_long_sheet_needs_pages(tmp_path: Path) -> None:
    small = Motif("s", np.full((4, 1), 0.25))
    with pytest.raises(ValueError, match="101 motifs on a sheet that holds 1 to 100"):
        save_sheet([small] * 101, tmp_path / "x.png")
    with pytest.raises(ValueError, match="0 motifs"):
        save_sheet([], tmp_path / "x.pdf")
    done: list[int] = []
    save_sheet([small] * 15, tmp_path / "x.pdf", after_each=done.append)
    assert sum(done) == 30
    assert (tmp_path / "x.pdf").read_bytes().count(b"/Type /Page /") == 2


def test_a_folder_of_logos(tmp_path: Path) -> None:
    files = list(save_logos([MOTIF, RNA, MOTIF], tmp_path, ("png", "svg")))
    names = [path.name for path in files]
    assert names[:4] == ["MA1.1.png", "MA1.1_rc.png", "MA1.1.svg", "MA1.1_rc.svg"]
    again = [f"MA1.1_2{end}" for end in (".png", "_rc.png", ".svg", "_rc.svg")]
    assert names[4:] == ["r.png", "r.svg", *again, "sheet.png", "sheet.svg"]
    assert all(path.stat().st_size > 1000 for path in files)
    forward, reverse = (imread(tmp_path / f"MA1.1{end}.png") for end in ("", "_rc"))
    assert not np.array_equal(forward, reverse)
    (tmp_path / "few").mkdir()
    few = save_logos([MOTIF], tmp_path / "few", reverse_complements=False, sheet=False)
    assert [path.name for path in few] == ["MA1.1.png"]


def test_file_names() -> None:
    names = ["a", "a/b", "A", "a_rc", "sheet", "../x", "  ", "CTCF(Zf)/Homer", "é", "x" * 200]
    stems = file_stems([Motif(name, PPM) for name in names])
    assert stems[:6] == ["a", "a_b", "A_2", "a_rc_2", "sheet_2", "x"]
    assert stems[6:9] == ["motif", "CTCF_Zf_Homer", "motif_2"]
    assert len(stems[9]) == 80
    assert len({stem.lower() for stem in stems}) == len(stems)

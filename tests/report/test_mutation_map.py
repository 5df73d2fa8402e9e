"""Mutation maps: what is drawn, where it stands, and how it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqcnn.report import mutation_map
from seqcnn.report.mutation_map import Place, draw, importance, save

RNG = np.random.default_rng(0)


def panels(figure: Figure) -> tuple[list[Axes], list[Axes]]:
    """Return the heat maps and the letters of a figure."""
    axes = figure.axes[:-1]  # the last one is the colour bar
    return axes[::2], axes[1::2]


def labels(axes: Axes) -> list[str]:
    """Return what is written under a picture."""
    return [text.get_text() for text in axes.get_xticklabels()]


@pytest.mark.parametrize("length", [1, 20, 101, 126, 500])
def test_sequences_of_any_length(length: int) -> None:
    letters = "".join(RNG.choice(list("ACGTN"), length))
    figure = draw(letters, RNG.normal(size=(4, length)), title="a title")
    heat, drawn = panels(figure)
    shown = [axes.collections[0].get_array() for axes in heat]
    assert sum(np.asarray(cells).size for cells in shown if cells is not None) == 4 * length
    assert len(heat) == len(drawn) == -(-length // mutation_map.PER_ROW)
    assert figure.texts[0].get_text() == "a title"
    width, height = figure.get_size_inches()
    assert 3 < width < 19
    assert height < 12


def test_a_letter_is_as_high_as_its_replacement_costs() -> None:
    own = np.eye(4, dtype=bool)[:, [0, 2]]
    change = np.array([[9.0, -1.0], [-3.0, -2.0], [-6.0, 9.0], [0.0, 6.0]])
    assert importance(change, own).tolist() == [3.0, -1.0]
    unknown = np.zeros((4, 1), dtype=bool)
    assert importance(np.array([[-4.0], [0.0], [0.0], [0.0]]), unknown).tolist() == [1.0]
    figure = draw("AG", change)
    patches = {patch.get_extents().height for patch in panels(figure)[1][0].patches}
    assert len(patches) == 2
    corners = [
        panels(figure)[1][0].transData.inverted().transform_bbox(p.get_extents()) for p in panels(figure)[1][0].patches
    ]
    tops = sorted((round(float(box.y0), 6), round(float(box.y1), 6)) for box in corners)
    assert tops == [(-1.0, 0.0), (0.0, 3.0)]


def test_colours_are_even_about_zero_and_the_own_base_is_white() -> None:
    change = np.full((4, 3), -2.0)
    change[0, 0] = 50  # at the base itself: means nothing
    heat = panels(draw("ACG", change))[0][0]
    mesh = heat.collections[0]
    assert mesh.get_clim() == (-2.0, 2.0)
    assert np.asarray(mesh.get_array()).reshape(4, 3)[0, 0] == 0
    assert len(np.asarray(heat.lines[0].get_xdata())) == 3


def test_more_lines_of_the_heat_map() -> None:
    extra = [("del", np.array([1.0, -7.0])), ("+A", np.array([0.5, 0.0]))]
    heat = panels(draw("AC", np.zeros((4, 2)), extra=extra))[0][0]
    assert [text.get_text() for text in heat.get_yticklabels()] == ["A", "C", "G", "T", "del", "+A"]
    assert heat.collections[0].get_clim() == (-7.0, 7.0)


def test_rna_has_u() -> None:
    heat = panels(draw("ACGU", np.ones((4, 4)), alphabet="rna"))[0][0]
    assert [text.get_text() for text in heat.get_yticklabels()] == ["A", "C", "G", "U"]
    assert np.asarray(heat.collections[0].get_array()).reshape(4, 4)[3, 3] == 0


def test_positions() -> None:
    letters, change = "A" * 40, np.zeros((4, 40))
    plain = panels(draw(letters, change))[1][0]
    assert labels(plain)[:3] == ["0", "2", "4"] or labels(plain)[:3] == ["0", "5", "10"]
    assert plain.get_xlabel() == "position in the sequence (0-based)"
    placed = panels(draw(letters, change, place=Place("chr7", 1_000_005, 1_000_045)))[1][0]
    assert placed.get_xlabel() == "chr7 (0-based)"
    assert labels(placed)[0] == "1,000,010"
    assert placed.get_xticks()[0] == 5
    minus = panels(draw(letters, change, place=Place("chr7", 1_000_005, 1_000_045, "-")))[1][0]
    assert minus.get_xlabel() == "chr7 (0-based, minus strand)"
    assert labels(minus)[0] == "1,000,040"
    assert minus.get_xticks()[0] == 4  # base 0 of the sequence is 1,000,044


def test_names_are_not_mathematics(tmp_path: Path) -> None:
    place = Place("chr$1_{$", 5, 45)
    figure = draw("ACGT" * 10, np.zeros((4, 40)), title="V$CREB_01|V$ATF_{", place=place)
    save(figure, tmp_path / "map.svg")
    assert "V$CREB_01|V$ATF_{" in (tmp_path / "map.svg").read_text()


def test_nothing_changes() -> None:
    heat = panels(draw("ACGT", np.zeros((4, 4))))[0][0]
    assert heat.collections[0].get_clim() == (-1.0, 1.0)


@pytest.mark.parametrize("kind", mutation_map.FORMATS)
def test_the_same_picture_twice_is_the_same_file(kind: str, tmp_path: Path) -> None:
    for name in "ab":
        save(draw("ACGTN" * 5, np.tile(RNG.normal(size=(4, 1)) * 0 + 1.5, 25)), tmp_path / f"{name}.{kind}")
    first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
    assert first == second
    assert first[:4] == {"png": b"\x89PNG", "svg": b"<?xm", "pdf": b"%PDF"}[kind]


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a picture ends in png, svg, pdf, not 'bmp'"):
        save(draw("A", np.zeros((4, 1))), tmp_path / "a.bmp")
    assert not list(tmp_path.iterdir())

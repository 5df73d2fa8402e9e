"""Structures in pictures and tables of motifs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from seqcnn.formats.motif import Motif
from seqcnn.interpret.found_motifs import FoundMotif, Measures
from seqcnn.report.logos import COLOURS, CONTEXT_COLOURS, draw_contexts, save_logo, save_sheet
from seqcnn.report.motif_table import COLUMNS, motif_lines, structure_lines
from seqcnn.sequence.contexts import CONTEXTS

MOTIF = Motif("m", np.full((4, 3), 0.25), alphabet="rna")
SHARES = np.array([[0.7, 0, 0], [0.3, 0.5, 0], [0, 0.5, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1.0]])


def test_letters_are_as_high_as_their_shares() -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    draw_contexts(axes, SHARES)
    assert axes.get_ylim() == (0, 1)
    assert len([patch for patch in axes.patches if patch.get_path().get_extents().height > 0]) == 5
    assert set(CONTEXT_COLOURS) == set(CONTEXTS)
    assert len({*CONTEXT_COLOURS.values(), *COLOURS.values()}) == 6 + 4


def test_a_picture_with_structure_is_higher_and_a_sheet_has_pairs(tmp_path: Path) -> None:
    save_logo(MOTIF, tmp_path / "one.png")
    save_logo(MOTIF, tmp_path / "two.png", contexts=SHARES)
    one, two = imread(tmp_path / "one.png"), imread(tmp_path / "two.png")
    assert one.shape[1] == two.shape[1]
    assert two.shape[0] > 1.7 * one.shape[0]
    save_sheet([MOTIF, MOTIF], tmp_path / "plain.png")
    save_sheet([MOTIF, MOTIF], tmp_path / "pairs.png", contexts=[SHARES, SHARES])
    assert imread(tmp_path / "pairs.png").shape[0] > imread(tmp_path / "plain.png").shape[0]


def test_tables() -> None:
    plain = FoundMotif(MOTIF, "filter 0", measures=Measures(n_sites=3))
    structured = FoundMotif(MOTIF, "filter 1", measures=Measures(n_sites=2), contexts=SHARES)
    assert next(iter(motif_lines([plain]))) == "\t".join(COLUMNS)
    header, first, second = [line.split("\t") for line in motif_lines([plain, structured])]
    assert header == [*COLUMNS, "structure"]
    assert (first[-1], second[-1]) == ("", "E.S")
    assert list(structure_lines([plain, structured])) == [
        "motif\tposition\tE\tH\tB\tI\tM\tS",
        "m\t1\t0.7\t0.3\t0\t0\t0\t0",
        "m\t2\t0\t0.5\t0.5\t0\t0\t0",
        "m\t3\t0\t0\t0\t0\t0\t1",
    ]

"""Sites as BED6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcnn.errors import UsageError
from seqcnn.formats.motif import Motif
from seqcnn.interpret.found_motifs import FoundMotif, PlacedSites, Sites
from seqcnn.report.motif_folder import MotifOutputs, write_sites
from seqcnn.sequence.ragged import from_text
from seqcnn.sequence.windows import Windows

FOUND = [
    FoundMotif(Motif("m", np.full((4, 5), 0.25)), ""),
    FoundMotif(Motif("n", np.full((4, 5), 0.25)), "", "weak: x"),
]
SITES = Sites(
    np.array([0, 1, 2, 2]),
    np.array([2, 2, -3, 18]),
    np.array([False, True, False, True]),
    np.array([1, 2.5, 0.123456, 4], np.float32),
    5,
)


def lines(windows: Windows | None, path: Path) -> list[str]:
    said: list[int] = []
    part = PlacedSites(from_text(["a", "b", "c"]), np.array([20, 20, 20]), windows, [(0, SITES), (1, SITES)])
    assert write_sites([part], FOUND, path, after_each=said.append) == 4 == sum(said)
    return path.read_text().splitlines()


def test_names(tmp_path: Path) -> None:
    """What hangs over an end is cut off; motifs that do not count have no sites."""
    assert lines(None, tmp_path / "s.bed") == [
        "a\t2\t7\tm\t1\t+",
        "b\t2\t7\tm\t2.5\t-",
        "c\t0\t2\tm\t0.1235\t+",
        "c\t18\t20\tm\t4\t-",
    ]


def test_distances_from_the_centre(tmp_path: Path) -> None:
    """Of sequences of 20 bp, the centre between bases 9 and 10; a half is rounded down."""
    lines(None, tmp_path / "s.bed")
    assert (tmp_path / "positions.tsv").read_text().splitlines() == [
        "motif\tdistance\tn_sites",
        "m\t-11\t1",
        "m\t-6\t2",
        "m\t10\t1",
    ]


def test_places(tmp_path: Path) -> None:
    """Of a region read on the minus strand the site is counted from its end; without a place it is the name's."""
    chrom = np.array(["chr1", "chr2", ""], dtype=object)
    windows = Windows(chrom, np.array([100, 200, 0]), np.array([120, 220, 0]), np.array(["+", "-", "."]))
    assert lines(windows, tmp_path / "s.bed")[:3] == [
        "chr1\t102\t107\tm\t1\t+",
        "chr2\t213\t218\tm\t2.5\t+",
        "c\t0\t2\tm\t0.1235\t+",
    ]


def test_a_window_that_begins_before_its_chromosome(tmp_path: Path) -> None:
    """No line begins there."""
    chrom = np.array(["chr1"] * 3, dtype=object)
    windows = Windows(chrom, np.array([-4, 5, 5]), np.array([16, 25, 25]))
    assert lines(windows, tmp_path / "s.bed")[0] == "chr1\t0\t3\tm\t1\t+"


def test_a_window_that_ends_after_its_chromosome(tmp_path: Path) -> None:
    """No line ends there."""
    chrom = np.array(["chr1"] * 3, dtype=object)
    windows = Windows(chrom, np.array([98, 5, 5]), np.array([118, 25, 25]), None, np.array([103, 900, 900]))
    assert lines(windows, tmp_path / "s.bed")[0] == "chr1\t100\t103\tm\t1\t+"


def test_formats() -> None:
    """Are known, or refused."""
    MotifOutputs().check()
    with pytest.raises(UsageError, match="unknown format 'x'"):
        MotifOutputs(formats=("x",)).check()

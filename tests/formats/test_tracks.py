"""Text tracks."""

from __future__ import annotations

import numpy as np

from seqcnn.formats.tracks import bed_lines, bedgraph_lines, known_runs

VALUES = np.array([np.nan, 0.5, -1.23456789, np.nan, np.nan, 3, np.nan], dtype=np.float32)


def test_bedgraph() -> None:
    assert bedgraph_lines("c", 10, VALUES, 1, 100) == "c\t11\t12\t0.5\nc\t12\t13\t-1.23457\nc\t15\t16\t3\n"
    assert bedgraph_lines("c", 10, VALUES[:3], 5, 22) == "c\t15\t20\t0.5\nc\t20\t22\t-1.23457\n"
    assert bedgraph_lines("c", 10, VALUES[:1], 1, 100) == ""


def test_bed() -> None:
    text = bed_lines("c", np.array([3, 9]), 5, "x", np.array([1.5, -2], dtype=np.float32), ["+", "-"])
    assert text == "c\t3\t8\tx\t1.5\t+\nc\t9\t14\tx\t-2\t-\n"


def test_runs() -> None:
    assert known_runs(VALUES) == [(1, 3), (5, 6)]
    assert known_runs(VALUES[1:3]) == [(0, 2)]
    assert known_runs(VALUES[:1]) == []

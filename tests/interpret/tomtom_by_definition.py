"""Tomtom written down as it is defined, one alignment and one random target at a time."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

Span = dict[int, Fraction]


def column_score(a: Any, b: Any, score: str) -> float:
    """Compare two columns of four probabilities."""
    if score == "euclidean":
        return -math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
    a, b = [x - 0.25 for x in a], [y - 0.25 for y in b]
    norm = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm if norm > 0 else 0.0


def steps(query: Any, columns: list[Any], score: str) -> list[list[int]]:
    """Return whole-number scores of each query column against each target column; 0 is the median."""
    table = [[column_score(q, t, score) for t in columns] for q in query.T]
    centred = [[x - sorted(row)[(len(row) - 1) // 2] for x in row] for row in table]
    least, most = min(map(min, centred)), max(map(max, centred))
    if least == most:
        least = most - 1
    least = math.floor(least)
    scale = math.floor(100 / (most - least))
    return [[math.floor((x - least) * scale + 0.5) + least * scale for x in row] for row in centred]


def alignments(query_width: int, target_width: int) -> list[tuple[int, list[int]]]:
    """Return every offset with the query columns that lie on the target, from the left."""
    offsets = range(-(query_width - 1), target_width)
    return [(o, [q for q in range(query_width) if 0 <= o + q < target_width]) for o in offsets]


def chance_of(values: list[list[int]], columns: list[int], score: int) -> Fraction:
    """Return the probability that random target columns score so much at these query columns; every tuple is tried."""
    found: Counter[int] = Counter(map(sum, itertools.product(*(values[q] for q in columns))))
    total = sum(found.values())
    return Fraction(sum(n for value, n in found.items() if value >= score), total)


def compare(query: Any, targets: list[Any], score: str, both_strands: bool) -> list[tuple[float, int, int, str]]:
    """Return p, offset, overlap and strand of each target, all of shape (4, width)."""
    strands = [("+", targets)] + ([("-", [t[::-1, ::-1] for t in targets])] if both_strands else [])
    columns = [column for _, of_strand in strands for target in of_strand for column in target.T]
    values = steps(query, columns, score)
    at, places = 0, {}
    for strand, of_strand in strands:
        for i, target in enumerate(of_strand):
            places[strand, i] = at
            at += target.shape[1]
    found = []
    for i, target in enumerate(targets):
        best: tuple[Any, ...] | None = None
        width = target.shape[1]
        for strand, _ in strands:
            for offset, on in alignments(query.shape[1], width):
                total = sum(values[q][places[strand, i] + offset + q] for q in on)
                if best is None or (total, len(on)) > best[:2]:
                    best = (total, len(on), offset, strand)
        assert best is not None
        below = math.prod(1 - chance_of(values, on, best[0]) for _, on in alignments(query.shape[1], width))
        p = 1 - below ** len(strands)
        found.append((float(p), best[2], best[1], best[3]))
    return found


def random_ppm(rng: np.random.Generator, width: int) -> Any:
    """Return random probabilities, some columns of which are pure or uniform."""
    ppm = rng.dirichlet([0.4] * 4, width).T
    for place in range(width):
        kind = rng.integers(6)
        if kind == 0:
            ppm[:, place] = np.eye(4)[rng.integers(4)]
        elif kind == 1:
            ppm[:, place] = 0.25
    return ppm

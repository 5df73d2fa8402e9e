"""A table of the scores of bases, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from seqcnn.dataset.examples import Examples
from seqcnn.models.bases import base_scores
from seqcnn.models.modelfile import Model
from seqcnn.models.tasks import RESPONSES, respond
from seqcnn.sequence.alphabet import decode

LETTERS: Final = 1 << 18
"""Bases whose lines are made at a time, about."""


def base_lines(model: Model, chunk: Examples, *, placed: bool, header: bool) -> Iterator[str]:
    """Yield lines, tab-separated: name, place, letter, and score and response of each target.

    Parameters
    ----------
    model : Model
        That scores bases.
    chunk : Examples
    placed : bool
        Say the chromosome, the base's place on it (0-based) and the strand it is read on; ``. -1 .`` where there is
        none. Else the place is that in its sequence.
    header : bool
        Begin with the names of columns.
    """
    single, response = len(model.target_names) == 1, RESPONSES.get(model.task)
    if header:
        names = ["name", *(("chrom", "position", "strand") if placed else ("position",)), "base"]
        for target in model.target_names:
            names.append("score" if single else target)
            names += [] if response is None else [response if single else f"{target}_{response}"]
        yield "\t".join(names) + "\n"
    most = max(1, int(chunk.sequences.lengths.max(initial=1)))
    at_once = max(1, LETTERS // most)
    for start in range(0, len(chunk), at_once):
        rows = np.arange(start, min(len(chunk), start + at_once))
        yield _lines(model, chunk.take(rows), placed=placed)


def _lines(model: Model, chunk: Examples, *, placed: bool) -> str:
    lengths = chunk.sequences.lengths
    row = np.repeat(np.arange(len(chunk)), lengths)
    place = np.arange(len(row)) - chunk.sequences.offsets[:-1][row]
    columns = [np.array(chunk.names.decode(), dtype=object)[row].tolist()]
    windows = chunk.windows
    if not placed:
        columns.append(list(map(str, place.tolist())))
    elif windows is None:
        columns += [["."] * len(row), ["-1"] * len(row), ["."] * len(row)]
    else:
        strand = np.full(len(windows), "+") if windows.strand is None else windows.strand
        back = strand[row] == "-"
        on = np.where(back, windows.end[row] - 1 - place, windows.start[row] + place)
        on = np.where(windows.chrom[row] == "", -1, on)
        columns += [[str(name) or "." for name in windows.chrom[row].tolist()], list(map(str, on.tolist()))]
        columns.append(strand[row].tolist())
    columns.append(list(decode(chunk.sequences.data, model.alphabet)))
    scores = base_scores(model.network, chunk.sequences)
    responses = respond(model.task, scores)
    for score, expected in zip(scores.T, responses.T, strict=True):
        columns.append([f"{value:.6g}" for value in score.tolist()])
        if model.task in RESPONSES:
            columns.append([f"{value:.6g}" for value in expected.tolist()])
    return "".join("\t".join(cells) + "\n" for cells in zip(*columns, strict=True))

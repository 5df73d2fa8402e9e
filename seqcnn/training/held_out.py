"""What a model says of examples that it was not trained on: kept so that curves can be drawn of them later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.output import atomic_path
from seqcnn.sequence.ragged import Ragged

FILE_NAME: Final = "held_out.tsv"
_AT_ONCE: Final = 65536  # rows


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Scores of a part that was held out.

    Parameters
    ----------
    part : str
        valid, test, or that of a fold, such as ``fold 1``.
    names : Ragged
    truth : ndarray of float32, shape (n, n_targets)
        NaN where missing; class numbers for several classes.
    scores : ndarray of float32, shape (n, n_scores)
        On the model's scale: log-odds, numbers, log rates; NaN where there is none.
    weights : ndarray of float32, shape (n,), optional
    """

    part: str
    names: Ragged
    truth: NDArray[np.float32]
    scores: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None


def columns(target_names: Sequence[str], task: str, *, weighted: bool) -> list[str]:
    """Return the header: ``truth`` and ``score``, or with several targets ``NAME_truth`` and ``NAME_score``."""
    first = ["part", "name"] + ["weight"] * weighted
    if task == "multiclass":
        return [*first, "truth", *(f"{name}_score" for name in target_names)]
    if len(target_names) == 1:
        return [*first, "truth", "score"]
    return [*first, *(f"{name}_{what}" for name in target_names for what in ("truth", "score"))]


def write(parts: Sequence[HeldOut], path: Path, target_names: Sequence[str], task: str) -> None:
    """Write a line for each example of each part."""
    weighted = any(part.weights is not None for part in parts)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write("\t".join(columns(target_names, task, weighted=weighted)) + "\n")
        for part in parts:
            for text in _lines(part, target_names, task, weighted=weighted):
                file.write(text)


def _lines(part: HeldOut, target_names: Sequence[str], task: str, *, weighted: bool) -> Iterator[str]:
    for first in range(0, len(part.names), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        names = part.names.slice(first, first + _AT_ONCE).decode()
        cells: list[Sequence[str]] = [[part.part] * len(names), names]
        if weighted:
            weights = np.ones(len(names)) if part.weights is None else part.weights[rows]
            cells.append(_numbers(weights))
        scores = [_numbers(column) for column in part.scores[rows].T]
        if task == "multiclass":
            truth = part.truth[rows, 0].tolist()
            cells += [["nan" if value != value else target_names[int(value)] for value in truth], *scores]
        else:
            for column, score in zip(part.truth[rows].T, scores, strict=True):
                cells += [_numbers(column), score]
        yield "".join("\t".join(line) + "\n" for line in zip(*cells, strict=True))


def _numbers(values: NDArray[Any]) -> list[str]:
    return [f"{value:.6g}" for value in values.tolist()]

"""What a report shows of a folder that `motifs` wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import MOTIF_FORMATS, read_motifs
from seqcnn.report.motif_table import COLUMNS
from seqcnn.report.run_files import read_table
from seqcnn.report.svg_letters import logo, sparkline, structure_bars
from seqcnn.sequence.contexts import CONTEXTS

if TYPE_CHECKING:
    import pandas as pd

MOST: Final = 60
"""Motifs that are shown, those with the largest effects."""

_BINS: Final = 31


@dataclass(frozen=True, slots=True)
class MotifRow:
    """A line of the table; None where nothing is known.

    Parameters
    ----------
    name, source, consensus, match, match_name : str
    logo, structure, positions : str
        SVG, or nothing.
    effect, auroc, in_positives, in_negatives, q_value, central_p : float or None
    n_sites, central_width : int or None
    """

    name: str
    source: str
    consensus: str
    match: str
    match_name: str
    logo: str
    structure: str
    positions: str
    effect: float | None
    auroc: float | None
    in_positives: float | None
    in_negatives: float | None
    q_value: float | None
    central_p: float | None
    n_sites: int
    central_width: int | None


@dataclass(frozen=True, slots=True)
class Motifs:
    """The motifs of a run.

    Parameters
    ----------
    folder : str
    rows : list of MotifRow
        Of those that count, the largest effect first.
    n_kept : int
        How many there are; more than rows are not shown.
    others : dict of str to int
        Of those that do not count, how many for which reason: dead, weak.
    reach : int
        Distance at either end of the plots of positions, bp; 0 where positions are not known.
    compared : bool
        Whether they were compared with known motifs.
    labelled : bool
        Whether shares of positives and negatives, or AUROC, are known.
    structured : bool
        Whether the structural contexts of their sites are known.
    """

    folder: str
    rows: list[MotifRow]
    n_kept: int
    others: dict[str, int]
    reach: int
    compared: bool
    labelled: bool
    structured: bool


def read_found(folder: Path) -> Motifs:
    """Read motifs.tsv, a motif file, positions.tsv and structures.tsv; only the first has to be there.

    Raises
    ------
    InputError
        If motifs.tsv is not there, or a file is damaged.
    """
    path = folder / "motifs.tsv"
    if not path.is_file():
        raise InputError("holds no motifs.tsv: is no folder that motifs has written", folder)
    text = ("name", "source", "status", "consensus", "match", "match_name", "strand")
    table = read_table(path, COLUMNS, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=_empty(text))
    kept = table[table["status"] == "kept"]
    others = Counter(status.partition(":")[0] for status in table["status"] if status != "kept")
    shown = kept.head(MOST)
    drawn = _matrices(folder)
    places, reach = _positions(folder / "positions.tsv")
    contexts = _contexts(folder / "structures.tsv")
    rows = [_row(line, drawn, contexts, places, reach) for line in shown.to_dict("records")]
    compared = (folder / "matches.tsv").is_file()
    labelled = any(row.in_positives is not None or row.auroc is not None for row in rows)
    structured = any(row.structure for row in rows)
    return Motifs(str(folder), rows, len(kept), dict(others), reach, compared, labelled, structured)


def _empty(text: tuple[str, ...]) -> dict[str, list[str]]:
    return {name: [""] for name in COLUMNS if name not in text}


def _row(
    line: Mapping[Any, Any],
    drawn: dict[str, Motif],
    contexts: dict[str, NDArray[np.float64]],
    places: dict[str, Counter[int]],
    reach: int,
) -> MotifRow:
    name = line["name"]
    numbers = {key: _number(line[key]) for key in COLUMNS if not isinstance(line[key], str)}
    width = numbers.get("central_width")
    return MotifRow(
        name,
        line["source"],
        line["consensus"],
        line["match"],
        line["match_name"],
        logo(drawn[name]) if name in drawn else "",
        structure_bars(contexts[name]) if name in contexts else "",
        _plot(places[name], reach) if name in places else "",
        numbers.get("effect"),
        numbers.get("auroc"),
        numbers.get("in_positives"),
        numbers.get("in_negatives"),
        numbers.get("q_value"),
        numbers.get("central_p"),
        int(numbers.get("n_sites") or 0),
        None if width is None else int(width),
    )


def _number(value: Any) -> float | None:
    return None if value != value else float(value)


def _matrices(folder: Path) -> dict[str, Motif]:
    """Return the motifs of the first motif file that is there, by name."""
    for kind in MOTIF_FORMATS:
        path = folder / f"motifs.{kind}"
        if path.is_file():
            return {motif.name: motif for motif in read_motifs(path)}
    return {}


def _contexts(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the shares of structural contexts of each motif, shape (6, width), if they are there."""
    if not path.is_file():
        return {}
    table: pd.DataFrame = read_table(path, ("motif", "position", *CONTEXTS), dtype={"motif": str})
    of_motifs = table.sort_values("position").groupby("motif", sort=False)
    return {str(name): part[list(CONTEXTS)].to_numpy(dtype=float).T for name, part in of_motifs}


def _positions(path: Path) -> tuple[dict[str, Counter[int]], int]:
    if not path.is_file():
        return {}, 0
    table: pd.DataFrame = read_table(path, ("motif", "distance", "n_sites"), dtype={"motif": str})
    found: dict[str, Counter[int]] = {}
    for name, distance, n in zip(table["motif"], table["distance"], table["n_sites"], strict=True):
        found.setdefault(name, Counter())[int(distance)] += int(n)
    reach = int(table["distance"].abs().max()) if len(table) else 0
    return found, reach


def _plot(counts: Counter[int], reach: int) -> str:
    """Draw how many sites lie how far from the centre, in at most 31 bins of a whole number of bp."""
    step = max(1, -(-(2 * reach + 1) // _BINS))
    n_bins = -(-(2 * reach + 1) // step)
    first = -(n_bins * step // 2)
    heights = np.zeros(n_bins)
    for distance, n in counts.items():
        heights[min(max((distance - first) // step, 0), n_bins - 1)] += n
    edges = (first + step * np.arange(n_bins + 1) - 0.5).tolist()
    return sparkline(edges, heights.tolist())


def is_accession(name: str) -> bool:
    """Say whether a match's first name is a number in a database, such as MA0139.2, of which the second says more."""
    return re.fullmatch(r"[A-Z]{2,}\d+(\.\d+)?", name) is not None

"""What does not go together in inputs and the options for reading them, refused before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqcnn.dataset.reading import ReadOptions
from seqcnn.dataset.sources import Source
from seqcnn.errors import UsageError


def refuse_idle(reading: ReadOptions, sources: Sequence[Source]) -> None:
    """Refuse options that none of the inputs has a use for: they were meant to do something."""
    kinds = {source.kind for source in sources}
    # With a genome both may be meant for negatives that are regions.
    regions = {"--length": reading.length if reading.genome is None else None}
    tables = {
        "--sequence-column": reading.sequence_column,
        "--target-column": reading.target_columns,
        "--name-column": reading.name_column,
        "--split-column": reading.split_column,
        "--header": reading.header,
    }
    for options, kind, what in ((regions, "bed", "regions (BED, narrowPeak)"), (tables, "table", "tables")):
        said = [name for name, value in options.items() if value is not None]
        if said and kind not in kinds:
            raise UsageError(f"{said[0]} is for {what}, but {sources[0].path} is {_called(sources[0].kind)}")
    if reading.weight_column is not None and not kinds & {"table", "bed"}:
        what = _called(sources[0].kind)
        raise UsageError(f"--weight-column is for tables and regions, but {sources[0].path} is {what}")


def refuse_structure(sources: Sequence[Source], reading: ReadOptions) -> None:
    """Refuse structures of what is DNA."""
    structured = any(source.structure is not None for source in sources)
    if structured and reading.prepare is not None and reading.prepare.assay != "rnacompete":
        raise UsageError(f"--prepare {reading.prepare.assay} is for DNA, which has no --structure")


def refuse_read_structure(structure: dict[str, Any] | None, method: str, path: str) -> None:
    """Refuse to make negatives of what has structures from a file."""
    if structure is not None and structure["method"] == "read":
        raise UsageError(
            f"--negatives {method}: the structures of {path} were read, and what is made has none; name a file of "
            "negatives with structures, or use --structure fold"
        )


def check_bound(reading: ReadOptions, sources: Sequence[Source]) -> None:
    """Refuse to mark bound bases where they cannot be known, or would be all bases there are."""
    if reading.bound is None:
        return
    other = next((source for source in sources if source.kind != "bed"), None)
    if other is not None:
        hint = "; an encoded dataset holds those it was encoded with" if other.kind == "h5" else ""
        raise UsageError(
            f"--bound-bases is for regions (BED, narrowPeak), but {other.path} is {_called(other.kind)}{hint}"
        )
    if reading.bound.width is None and sources[0].length is None:
        raise UsageError("--bound-bases peaks needs --length, for windows wider than the peaks")


def _called(kind: str) -> str:
    return {"h5": "an encoded dataset", "table": "a table", "bed": "a list of regions"}.get(kind, kind.upper())

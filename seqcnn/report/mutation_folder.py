"""The folder that mutations of many sequences are written to: tables, arrays, maps."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.errors import UsageError
from seqcnn.formats.output import atomic_path, remove_former
from seqcnn.interpret.mutate import Changes, MutateOptions
from seqcnn.models.modelfile import Model
from seqcnn.report.mutation_arrays import FORMATS, Sink, arrays, open_arrays
from seqcnn.report.mutation_table import MutationTable
from seqcnn.sequence.alphabet import decode

MAP_FORMATS: Final = ("png", "svg", "pdf")

_LABELS: Final = {
    "difference": "change of the score",
    "deepbind": "change of the score",
    "log-odds": "change of the log-odds",
    "response": "change of the prediction",
}


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written beside sequences.tsv.

    Parameters
    ----------
    table : bool
        A line for each mutation.
    array : str or None
        One of :data:`seqcnn.report.mutation_arrays.FORMATS`.
    n_maps : int or None
        Sequences that maps are drawn of, from the first on; None: all.
    map_formats : tuple of str
        Of :data:`MAP_FORMATS`.
    """

    table: bool = True
    array: str | None = "h5"
    n_maps: int | None = 20
    map_formats: tuple[str, ...] = ("png",)

    def check(self) -> None:
        """Raise UsageError if there is no such format."""
        for format, known in [(self.array or FORMATS[0], FORMATS), *((each, MAP_FORMATS) for each in self.map_formats)]:
            if format not in known:
                raise UsageError(f"unknown format {format!r}; there are: {', '.join(known)}")


class MutationFolder:
    """Writes part after part; a context. The files are there when it has ended without an error, the maps at once.

    Parameters
    ----------
    folder : Path
    model : Model
    options : MutateOptions
    outputs : Outputs
    placed : bool
        Whether sequences have places in a genome.

    Attributes
    ----------
    counts : dict of str to int
    """

    def __init__(self, folder: Path, model: Model, options: MutateOptions, outputs: Outputs, *, placed: bool) -> None:
        self.folder, self.model, self.options, self.outputs, self.placed = folder, model, options, outputs, placed
        members = model.network.settings.n_members > 1 and options.method == "saturation"
        self.lines = MutationTable(model.target_names, model.alphabet, placed=placed, members=members)
        self.counts = {"mutated": 0, "without a letter": 0, "maps": 0, "too long for a map": 0}
        self._missing: list[NDArray[np.floating[Any]]] = []
        self._files: list[str] = []
        self._maps: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._sequences = self._open(stack, "sequences.tsv")
            self._sequences.write(self.lines.sequence_header(estimated=self.options.method != "saturation"))
            self._mutations = self._open(stack, "mutations.tsv") if self.outputs.table else None
            if self._mutations is not None:
                self._mutations.write(self.lines.header())
            self._arrays: Sink | None = None
            if self.outputs.array is not None:
                path = self.folder / f"mutations.{self.outputs.array}"
                self._files.append(path.name)
                self._arrays = stack.enter_context(open_arrays(path, self._about()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)
        if error is None:  # what an earlier run left here would be taken for ours
            remove_former(self.folder, ["mutations.tsv", *(f"mutations.{each}" for each in FORMATS)], self._files)
            maps = [f"[0-9][0-9][0-9][0-9]*_*.{each}" for each in MAP_FORMATS]
            remove_former(self.folder / "maps", maps, self._maps)

    def _open(self, stack: ExitStack, name: str) -> TextIO:
        self._files.append(name)
        path = stack.enter_context(atomic_path(self.folder / name))
        return stack.enter_context(open(path, "w", encoding="utf-8"))

    def _about(self) -> dict[str, Any]:
        """Return what the arrays say of themselves."""
        return {
            "alphabet": self.model.alphabet,
            "score": self.options.definition,
            "method": self.options.method,
            "target_names": list(self.model.target_names),
        }

    def take(self, part: Examples, changes: Changes) -> None:
        """Write a part."""
        self._sequences.write(self.lines.sequences(part, changes))
        if self._mutations is not None:
            self._mutations.write(self.lines.mutations(part, changes))
        if self._arrays is not None:
            self._arrays.append(arrays(part, changes, placed=self.placed))
        n_maps = self.outputs.n_maps
        left = len(part) if n_maps is None else min(len(part), max(0, n_maps - self.counts["mutated"]))
        for row in range(left):
            self._draw(part, changes, row)
        self.counts["without a letter"] += int((part.sequences.lengths == 0).sum())
        if changes.gap is not None and changes.from_baseline is not None:
            whole = np.maximum(np.abs(changes.from_baseline), np.finfo(np.float64).tiny)
            self._missing.append(np.abs(changes.gap) / whole)
        self.counts["mutated"] += len(part)

    def missing(self) -> dict[str, float]:
        """Return for each target which share of the score's difference from the baseline an estimate misses, median."""
        if not self._missing:
            return {}
        shares = np.concatenate(self._missing)
        known = shares[~np.isnan(shares).any(1)]
        return dict(zip(self.model.target_names, np.median(known, 0).tolist(), strict=True)) if len(known) else {}

    def _draw(self, part: Examples, changes: Changes, row: int) -> None:
        """Draw the maps of a sequence, one for each target."""
        from seqcnn.report import mutation_map

        codes, name = part.sequences[row], part.names.slice(row, row + 1).decode()[0]
        if not 0 < len(codes) <= mutation_map.LONGEST:
            self.counts["too long for a map"] += len(codes) > 0
            return
        (self.folder / "maps").mkdir(exist_ok=True)
        place = _place(part, row)
        first = int(part.sequences.offsets[row])
        base = slice(first, first + len(codes))
        several = len(self.model.target_names) > 1
        for target, target_name in enumerate(self.model.target_names):
            extra = [] if changes.deletion is None else [("del", changes.deletion[base, target])]
            for letters, change in changes.insertion.items():
                extra.append((f"+{letters.upper()}", change[first + row : first + row + len(codes), target]))
            shown = [
                name,
                "" if place is None else f"{place.chrom}:{place.start:,}-{place.end:,}",
                target_name * several,
            ]
            figure = mutation_map.draw(
                decode(codes, self.model.alphabet),
                changes.substitution[base, :, target].T,
                alphabet=self.model.alphabet,
                extra=extra,
                title="   ".join([*filter(None, shown), f"score {changes.reference[row, target]:.4g}"]),
                label=_LABELS[self.options.definition],
                place=place,
            )
            words = [f"{self.counts['mutated'] + row + 1:04d}", _safe(name), _safe(target_name) * several]
            for kind in self.outputs.map_formats:
                self._maps.append(f"{'_'.join(filter(None, words))}.{kind}")
                mutation_map.save(figure, self.folder / "maps" / self._maps[-1])
                self.counts["maps"] += 1


def _place(part: Examples, row: int) -> Any:
    """Return where a sequence lies; None if it is not known."""
    from seqcnn.report.mutation_map import Place

    windows = part.windows
    if windows is None or not windows.chrom[row]:
        return None
    strand = "+" if windows.strand is None else str(windows.strand[row])
    return Place(str(windows.chrom[row]), int(windows.start[row]), int(windows.end[row]), strand)


def _safe(name: str) -> str:
    """Return a name that may stand in a file's name."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", name)[:60] or "sequence"

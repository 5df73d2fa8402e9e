"""What mutations do, as tab-separated tables: a line for each mutation, and a line for each sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.interpret.mutate import Changes
from seqcnn.report.row_tables import PLACE, place_columns
from seqcnn.sequence.alphabet import LETTERS, N_CODE
from seqcnn.sequence.ragged import Ragged, offsets_of

Column = list[str]
Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


class MutationTable:
    """Makes the lines of both tables.

    Parameters
    ----------
    target_names : sequence of str
    alphabet : {"dna", "rna"}
    placed : bool
        Whether sequences have places in a genome.
    members : bool
        Whether there is a spread over members.
    """

    def __init__(self, target_names: Sequence[str], alphabet: str, *, placed: bool, members: bool) -> None:
        self.letters = np.array(list(LETTERS[alphabet]), dtype=object)
        self.placed, self.members = placed, members
        self.prefixes = [""] if len(target_names) == 1 else [f"{name}_" for name in target_names]

    def header(self) -> str:
        """Return the header line of the table of mutations."""
        place = ["chrom", "start", "end", "strand"] if self.placed else []
        values = [prefix + name for prefix in self.prefixes for name in ["delta"] + ["sd"] * self.members]
        return "\t".join(["name", *place, "position", "ref", "alt", *values]) + "\n"

    def mutations(self, chunk: Examples, changes: Changes) -> str:
        """Return a line for each mutation: substitutions in order, then deletions, then insertions, by sequence."""
        lengths, codes = chunk.sequences.lengths, chunk.sequences.data
        row = np.repeat(np.arange(len(chunk)), lengths)
        base = np.arange(len(codes)) - np.repeat(chunk.sequences.offsets[:-1], lengths)
        # What is written first has the smaller key: sequence, kind, position.
        parts: list[tuple[Integers, Integers, Integers, Column, Column, list[Floats]]] = []
        at, alternative = np.nonzero(codes[:, None] != np.arange(4))
        spread = changes.spread

        def values(mean: Floats, of_members: Floats | None) -> list[Floats]:
            pairs = [mean] if of_members is None else [mean, of_members]
            return [each[..., t] for t in range(len(self.prefixes)) for each in pairs]

        each = values(changes.substitution, None if spread is None else spread.substitution)
        parts.append(
            (
                row[at],
                base[at],
                np.zeros(len(at), dtype=np.int64),
                self.letters[codes[at]].tolist(),
                self.letters[alternative].tolist(),
                [column[at, alternative] for column in each],
            )
        )
        if changes.deletion is not None:
            each = values(changes.deletion, None if spread is None else spread.deletion)
            nothing = ["-"] * len(codes)
            parts.append((row, base, np.ones(len(codes), dtype=np.int64), self.letters[codes].tolist(), nothing, each))
        for number, (letters, change) in enumerate(changes.insertion.items()):
            after = lengths + 1
            where = np.repeat(np.arange(len(chunk)), after)
            before = np.arange(after.sum()) - np.repeat(offsets_of(after)[:-1], after)
            each = values(change, None if spread is None else spread.insertion[letters])
            kind = np.full(len(where), 2 + number)
            parts.append((where, before, kind, ["-"] * len(where), [letters.upper()] * len(where), each))
        row, base, kind = (np.concatenate(each) for each in zip(*(part[:3] for part in parts), strict=True))
        order = np.lexsort((base, kind, row)).tolist() if len(parts) > 1 else None
        columns = self._names_and_places(chunk, row, base, inserted=kind > 1)
        columns += [[str(place) for place in base.tolist()]]
        columns += [list(chain.from_iterable(each)) for each in zip(*(part[3:5] for part in parts), strict=True)]
        for column in zip(*(part[5] for part in parts), strict=True):
            columns.append([f"{value:.6g}" for value in np.concatenate(column).tolist()])
        lines = list(map("\t".join, zip(*columns, strict=True)))
        lines = lines if order is None else [lines[i] for i in order]
        return "".join(f"{line}\n" for line in lines)

    def _names_and_places(
        self, chunk: Examples, row: Integers, base: Integers, *, inserted: NDArray[np.bool_]
    ) -> list[Column]:
        names = np.array(chunk.names.decode(), dtype=object)
        columns = [names[row].tolist()]
        windows = chunk.windows
        if not self.placed:
            return columns
        if windows is None:
            return columns + [[cell] * len(row) for cell in (".", "-1", "-1", ".")]
        strand = windows.strand if windows.strand is not None else np.full(len(windows), "+")
        minus = strand[row] == "-"
        size = np.where(inserted, 0, 1)
        start = np.where(minus, windows.end[row] - base - size, windows.start[row] + base)
        # A window may begin before its chromosome, and end after it; nothing there has a place.
        known = (windows.chrom[row] != "") & (start >= 0) & (start + size <= windows.last()[row])
        columns.append([str(cell) for cell in np.where(known, windows.chrom[row], ".").tolist()])
        columns.append([str(cell) for cell in np.where(known, start, -1).tolist()])
        columns.append([str(cell) for cell in np.where(known, start + size, -1).tolist()])
        columns.append([str(cell) or "." for cell in strand[row].tolist()])
        return columns

    def sequence_header(self, *, estimated: bool) -> str:
        """Return the header line of the table of sequences; estimates have columns of how complete they are."""
        place = PLACE if self.placed else ()
        names = ["score", "largest_loss", "loss_by", "largest_gain", "gain_by"] + ["gap", "from_baseline"] * estimated
        return "\t".join(["name", *place, "length", *(p + name for p in self.prefixes for name in names)]) + "\n"

    def sequences(self, chunk: Examples, changes: Changes) -> str:
        """Return a line for each sequence: its score, and the substitutions that lower and raise it most."""
        columns = [chunk.names.decode(), *(place_columns(chunk) if self.placed else [])]
        columns.append([str(length) for length in chunk.sequences.lengths.tolist()])
        for target in range(len(self.prefixes)):
            columns.append([f"{value:.6g}" for value in changes.reference[:, target].tolist()])
            for sign in (-1, 1):
                found = [
                    self._extreme(chunk.sequences, i, sign * part) for i, part in self._each(chunk, changes, target)
                ]
                columns.append([f"{sign * value + 0.0:.6g}" for value, _ in found])  # 0 without a sign
                columns.append([name for _, name in found])
            for column in (changes.gap, changes.from_baseline):
                if column is not None:
                    columns.append([f"{value:.6g}" for value in column[:, target].tolist()])
        return "".join("\t".join(line) + "\n" for line in zip(*columns, strict=True))

    @staticmethod
    def _each(chunk: Examples, changes: Changes, target: int) -> Iterator[tuple[int, Floats]]:
        offsets = chunk.sequences.offsets.tolist()
        for i in range(len(chunk)):
            yield i, changes.substitution[offsets[i] : offsets[i + 1], :, target]

    def _extreme(self, sequences: Ragged, row: int, change: Floats) -> tuple[float, str]:
        """Return the largest change, if any is above 0, and the substitution that makes it, such as ``17A>G``."""
        if not change.size or not np.nanmax(change, initial=0) > 0:
            return 0.0, "."
        base, alternative = divmod(int(np.nanargmax(change)), 4)
        own = self.letters[min(sequences[row][base], N_CODE)]
        return float(change[base, alternative]), f"{base}{own}>{self.letters[alternative]}"

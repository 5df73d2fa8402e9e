"""Scored variants as lines of VCF or of a table, packed and indexed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqcnn.cli.streams import opened, write_all
from seqcnn.errors import UsageError
from seqcnn.formats.bgzf import END, pack
from seqcnn.formats.tabix import TabixIndex
from seqcnn.formats.vcf_index import Places, enter, places
from seqcnn.formats.vcf_records import SAID, Reason
from seqcnn.interpret.allele_scores import STATISTICS, Field
from seqcnn.interpret.variants import Scored
from seqcnn.sequence.alphabet import decode

FORMATS: Final = {
    "P": "%.4g",
    "Z": "%.4g",
}
"""How numbers are written; all others to six digits."""

_COLUMNS: Final = ("chrom", "pos", "id", "ref", "alt")


class Rendered(NamedTuple):
    """A block of records, ready to be written.

    Parameters
    ----------
    n : int
        Records.
    blocks : list of bytes
        What goes into the file, packed if it is.
    places : Places or None
        Where the records are, for the index.
    sequences : bytes
        FASTA of what was scored, if it is wanted.
    """

    n: int
    blocks: list[bytes]
    places: Places | None
    sequences: bytes


class Renderer:
    """Turns scored records into what is written; several threads may.

    Parameters
    ----------
    fields : sequence of Field
    as_table : bool
        Tab-separated columns with a line for each allele, not VCF.
    packed : bool
    indexed : bool
    """

    def __init__(self, fields: Sequence[Field], *, as_table: bool, packed: bool, indexed: bool) -> None:
        self.fields, self.as_table, self.packed, self.indexed = fields, as_table, packed, indexed
        self._formats = [FORMATS.get(STATISTICS[each.statistic], "%.6g").encode() for each in fields]
        self._names = [each.name.encode() for each in fields]
        self._info = b";".join(name + b"=" + number for name, number in zip(self._names, self._formats, strict=True))
        self._row = b"\t".join(self._formats)

    def header_lines(self, haplotypes: Sequence[str] = ()) -> list[str]:
        """Return the lines that a VCF header gets; `haplotypes` are the names of fields of samples."""
        said = "score of each haplotype of the sample in the window of the record, as GT orders them"
        return [
            f'##INFO=<ID={each.name},Number=A,Type=Float,Description="{_escaped(each.description)}">'
            for each in self.fields
        ] + [f'##FORMAT=<ID={name},Number=.,Type=Float,Description="{said}">' for name in haplotypes]

    def table_header(self) -> bytes:
        """Return the first line of a table."""
        return "\t".join([*_COLUMNS, *(each.name for each in self.fields), "skipped"]).encode() + b"\n"

    def render(self, scored: Scored) -> Rendered:
        """Write out a block."""
        lines = self._table(scored) if self.as_table else self._vcf(scored)
        n = len(scored.records.fields)
        data = b"\n".join([*lines, b""])
        found = None
        if self.indexed and lines:
            found = places(scored.records, lines)
        return Rendered(n, pack(data) if self.packed else [data], found, _fasta(scored))

    def _vcf(self, scored: Scored) -> list[bytes]:
        """Return the records with their new INFO fields; those of which no allele has a score as they were."""
        values, records = scored.values + 0.0, scored.records
        taken = scored.alleles.reason == Reason.SCORED
        texts: list[bytes | None]
        if len(taken) == len(records.fields) and len(taken) and not (np.isnan(values).any(1) & taken).any():
            # One long text is made faster than many short ones.
            rows = values[taken]
            filled = b"\n".join([self._info] * len(rows)) % tuple(rows.reshape(-1).tolist())
            each = iter(filled.split(b"\n"))
            texts = [next(each) if there else None for there in taken.tolist()]
        else:
            texts = self._lists(values, taken, scored.alleles.record, len(records.fields))
        lines = []
        for row, text in zip(records.fields, texts, strict=True):
            if text is not None:
                row[7] = text if row[7] == b"." else row[7] + b";" + text
            lines.append(b"\t".join(row))
        return lines

    def _lists(
        self, values: NDArray[np.float64], taken: NDArray[np.bool_], record: NDArray[np.int64], n: int
    ) -> list[bytes | None]:
        """Return the new INFO fields of each record, with a number for each of its alleles."""
        bounds = np.searchsorted(record, np.arange(n + 1)).tolist()
        scored = np.add.reduceat(np.append(taken, False), bounds[:-1]) if n else np.zeros(0)
        rows = values.tolist()
        texts: list[bytes | None] = []
        for i, (first, last) in enumerate(pairwise(bounds)):
            if not scored[i] or first == last:
                texts.append(None)
                continue
            columns = zip(*rows[first:last], strict=True)
            texts.append(
                b";".join(
                    name + b"=" + b",".join(_shown(number, value) for value in column)
                    for name, number, column in zip(self._names, self._formats, columns, strict=True)
                )
            )
        return texts

    def _table(self, scored: Scored) -> list[bytes]:
        """Return a line for each allele."""
        records, lines = scored.records, []
        said = [SAID.get(Reason(code), ".").encode() for code in range(len(Reason))]
        number, last = 0, -1
        for record, row, reason in zip(
            scored.alleles.record.tolist(),
            (scored.values + 0.0).tolist(),
            scored.alleles.reason.tolist(),
            strict=True,
        ):
            number, last = (number + 1 if record == last else 0), record
            fields = records.fields[record]
            alt = fields[4].split(b",")[number]
            numbers = [_shown(form, value) for form, value in zip(self._formats, row, strict=True)]
            lines.append(b"\t".join([*fields[:4], alt, *numbers, said[reason]]))
        return lines


class Writer:
    """The output, and with it an index and the sequences; a context manager.

    Parameters
    ----------
    path : str
        "-" for stdout.
    renderer : Renderer
    header : bytes
    sequences : str or None
        FASTA file for what was scored.
    """

    def __init__(self, path: str, renderer: Renderer, header: bytes, sequences: str | None = None) -> None:
        self._path, self._renderer, self._header, self._sequences = path, renderer, header, sequences
        self._closing = ExitStack()
        self._at = 0
        self.index = TabixIndex() if renderer.indexed else None
        self.n = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._out = stack.enter_context(opened(self._path, as_it_is=True))
            self._fasta = None if self._sequences is None else stack.enter_context(opened(self._sequences))
            self._write(pack(self._header) if self._renderer.packed else [self._header])
            self._closing = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and self._renderer.packed:
            self._write([END])
        self._closing.__exit__(kind, error, at)
        if kind is None and self.index is not None:
            if self.index.problem is None:
                self.index.write(self._path + ".tbi")
            else:
                Path(self._path + ".tbi").unlink(missing_ok=True)  # of a file that was here before

    def take(self, rendered: Rendered) -> None:
        """Write a block."""
        if rendered.places is not None and self.index is not None:
            enter(self.index, rendered.places, rendered.blocks, self._at)
        self._write(rendered.blocks)
        if self._fasta is not None:
            write_all(self._fasta, rendered.sequences)
        self.n += rendered.n

    def _write(self, blocks: list[bytes]) -> None:
        for block in blocks:
            write_all(self._out, block)
            self._at += len(block)


def find_kind(output: str) -> tuple[bool, bool]:
    """Return whether an output is a table, and whether it is packed, by its name.

    Raises
    ------
    UsageError
    """
    name = Path(output).name.lower()
    packed = name.endswith((".gz", ".bgz"))
    bare = name.removesuffix(".gz").removesuffix(".bgz")
    if output != "-" and not bare.endswith((".vcf", ".tsv")):
        raise UsageError(f"{output}: name a .vcf.gz, .vcf or .tsv file, or - for VCF on standard output")
    return bare.endswith(".tsv"), packed


def _shown(number: bytes, value: float) -> bytes:
    return number % value if value == value else b"."


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _fasta(scored: Scored) -> bytes:
    """Return both sequences of every allele that was scored, in the order of the file."""
    entries: list[tuple[int, bytes]] = []
    for sites, rows in scored.sequences:
        alternates = sites.alternates()
        for i, allele in enumerate(rows.tolist()):
            row = scored.records.fields[int(scored.alleles.record[allele])]
            first = int(scored.alleles.start[allele] - sites.left[i])
            window = f"{row[0].decode()}:{first + 1}-{first + len(sites.windows[i])}"
            changed = decode(sites.windows[i][sites.left[i] : sites.left[i] + sites.removed[i]]) or "-"
            to = decode(sites.alt[i]) or "-"
            name = f"{row[0].decode()}:{int(scored.alleles.start[allele]) + 1}:{changed}:{to}"
            text = "".join(
                f">{name}:{which} {window} {row[2].decode('utf-8', 'replace')}\n{decode(letters)}\n"
                for which, letters in (("ref", sites.windows[i]), ("alt", alternates[i]))
            )
            entries.append((allele, text.encode()))
    return b"".join(text for _, text in sorted(entries, key=lambda entry: entry[0]))

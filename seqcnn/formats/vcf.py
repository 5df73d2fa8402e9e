"""Read VCF in blocks of lines, each line kept as it is; BCF through cyvcf2.

Only the eight fixed columns are told apart. What stands in them, and in the samples, is passed on byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike, fspath
from typing import Final, NamedTuple, Self

from seqcnn.errors import InputError
from seqcnn.formats.stream import open_input, shown_path

COLUMNS: Final = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"

RECORDS_AT_ONCE: Final = 4096
"""Most records of a block."""

_READ_BYTES: Final = 1 << 20
_NO_HEADER: Final = "has no VCF header"
_HINT: Final = "a VCF begins with ##fileformat=VCFv4.2 and has a line #CHROM POS ID REF ALT QUAL FILTER INFO"


class Block(NamedTuple):
    """Some records that follow each other.

    Parameters
    ----------
    first : int
        Number of the first record in the file, from 0.
    line : int
        1-based line of the first record.
    lines : list of bytes
        Without the line ends.
    """

    first: int
    line: int
    lines: list[bytes]

    def slice(self, start: int, stop: int) -> Block:
        """Return some of the records."""
        return Block(self.first + start, self.line + start, self.lines[start:stop])


class Vcf:
    """A VCF (plain, gzip or BGZF; "-" for stdin) or BCF that is open for reading; use it in a ``with`` block.

    Parameters
    ----------
    path : str or path

    Attributes
    ----------
    header : list of bytes
        Lines that begin with ``#``, the last is the line of columns.
    samples : list of bytes

    Raises
    ------
    InputError
        If the file cannot be read, is truncated or has no VCF header.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path, self.shown = fspath(path), shown_path(path)
        self._stream = open_input(self.path)
        self._rest: Iterator[bytes]
        try:
            if self._stream.peek(5)[:3] == b"BCF":
                if self.path == "-":
                    raise InputError(
                        "is BCF, which is read from files only", self.shown, hint="bcftools view unpacks it"
                    )
                self._rest = iter(_bcf_lines(self.path))
            else:
                self._rest = iter(_lines(self._stream))
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise
        self.samples = self.header[-1].split(b"\t")[9:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    @property
    def contigs(self) -> list[str]:
        """Names of the sequences that the header declares."""
        return self._ids(b"contig")

    @property
    def info(self) -> list[str]:
        """INFO fields that the header declares."""
        return self._ids(b"INFO")

    @property
    def format(self) -> list[str]:
        """FORMAT fields that the header declares."""
        return self._ids(b"FORMAT")

    def _ids(self, kind: bytes) -> list[str]:
        pattern = re.compile(b"##" + kind + rb"=<(?:.*,)?ID=([^,>]+)")
        return [found[1].decode("utf-8", "replace") for line in self.header if (found := pattern.match(line))]

    def header_with(self, new: Sequence[str]) -> bytes:
        """Return the header with lines put in before the line of columns."""
        return b"\n".join([*self.header[:-1], *(line.encode() for line in new), self.header[-1]]) + b"\n"

    def blocks(self, size: int = RECORDS_AT_ONCE) -> Iterator[Block]:
        """Yield the records, at most so many at a time.

        Raises
        ------
        InputError
            If the file ends too early or is damaged.
        """
        n, first_line = 0, len(self.header) + 1
        while lines := list(islice(self._rest, size)):
            while lines and not lines[-1]:  # empty lines at the end
                lines.pop()
            yield Block(n, first_line + n, lines)
            n += len(lines)

    def _read_header(self) -> list[bytes]:
        header: list[bytes] = []
        for line in self._rest:
            if not line.startswith(b"#") or len(header) > 1 << 20:
                break
            header.append(line)
            if line.startswith(b"#CHROM"):
                if line[: len(COLUMNS)] != COLUMNS:
                    raise InputError(
                        "the columns of a VCF are CHROM POS ID REF ALT QUAL FILTER INFO, split by tabs",
                        self.shown,
                        len(header),
                    )
                return header
        raise InputError(_NO_HEADER, self.shown, hint=_HINT)


def _lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends."""
    read = stream.read  # type: ignore[attr-defined]
    begun = b""
    while data := read(_READ_BYTES):
        lines = (begun + data).split(b"\n")
        begun = lines.pop()
        if b"\r" in data or (lines and lines[0].endswith(b"\r")):
            lines = [line.removesuffix(b"\r") for line in lines]
        yield from lines
    if begun:
        yield begun.removesuffix(b"\r")


def _bcf_lines(path: str) -> Iterator[bytes]:
    """Yield the lines that a BCF says in VCF."""
    from cyvcf2 import VCF

    try:
        file = VCF(path)
        yield from file.raw_header.encode().rstrip(b"\n").split(b"\n")
        for record in file:
            yield str(record).encode().rstrip(b"\n")
    except Exception as error:  # cyvcf2 raises bare exceptions
        raise InputError(f"cannot be read as BCF ({error})", path) from error

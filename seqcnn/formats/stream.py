"""Opening an input: a file or stdin, plain or gzip, with every failure told as one line; and guessing its format."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from os import PathLike, fspath
from typing import Final, Literal, Protocol, cast

from seqcnn.errors import InputError
from seqcnn.formats.bgzf import check_whole
from seqcnn.formats.output import describe
from seqcnn.sequence.alphabet import ENCODE_TABLE, INVALID

Format = Literal["fasta", "fastq", "table", "hdf5", "binary"]

BUFFER_BYTES: Final = 1 << 16
"""What ``peek`` can show of an opened input."""

SEQUENCE_NAMES: Final = ("sequence", "seq")
"""What the sequence column of a table is called, in any case."""

_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_OTHER_COMPRESSION: Final = {
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
}
_CONTROL: Final = bytes(c for c in range(32) if c not in b"\t\n\v\f\r") + b"\x7f"


class _Readable(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def close(self) -> None: ...


class _Checked(io.RawIOBase):
    """A source whose read errors become InputError, and which fills the buffer it is given unless the input ends."""

    def __init__(self, source: _Readable, path: str, *, owned: bool = True) -> None:
        self._source = source
        self._path = path
        self._owned = owned

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        done = 0
        try:
            while done < len(view):
                count = self._source.readinto(view[done:])
                if not count:
                    break
                done += count
        except EOFError as error:
            message, hint = "gzip data end too early", "the file is truncated: copy or download it again"
            raise InputError(message, self._path, hint=hint) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            message, hint = "gzip data are damaged", "copy or download the file again"
            raise InputError(message, self._path, hint=hint) from error
        except OSError as error:
            raise InputError(f"cannot be read ({describe(error)})", self._path) from error
        return done

    def close(self) -> None:
        if not self.closed and self._owned:
            self._source.close()
        super().close()


def shown_path(path: str | PathLike[str]) -> str:
    """Return the name of an input for messages: the path, or "stdin" for "-"."""
    return "stdin" if fspath(path) == "-" else fspath(path)


def open_input(path: str | PathLike[str]) -> io.BufferedReader:
    """Open a file, or stdin for "-", for reading bytes; gzip (also bgzip) is recognised by its first bytes.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    io.BufferedReader
        A context manager. A UTF-8 byte-order mark is left out. ``peek()`` shows the first bytes (up to
        :data:`BUFFER_BYTES`) without consuming them, also of a pipe.

    Raises
    ------
    InputError
        If the input is missing, a folder, unreadable, empty, or compressed in another way; also while reading,
        if gzip data are truncated or damaged.
    """
    shown = shown_path(path)
    stream = _open_plain(path, shown)
    try:
        if shown != "stdin":
            check_whole(path)
        head = stream.peek(2)
        _refuse_other_compression(head, shown)
        if head.startswith(_GZIP):
            stream = io.BufferedReader(_Checked(_Gunzip(stream), shown), BUFFER_BYTES)
            head = stream.peek(len(_BOM))
        if head.startswith(_BOM):
            stream.read(len(_BOM))
        if not stream.peek(1):
            raise InputError("is empty", shown)
    except BaseException:
        stream.close()
        raise
    return stream


class _Gunzip(gzip.GzipFile):
    """A gzip reader that closes the stream it reads."""

    def __init__(self, packed: io.BufferedReader) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


def _open_plain(path: str | PathLike[str], shown: str) -> io.BufferedReader:
    if shown == "stdin":
        if sys.stdin is None:
            raise InputError("is closed", shown, hint="give a file instead of -")
        stdin = cast(_Readable, sys.stdin.buffer)
        return io.BufferedReader(_Checked(stdin, shown, owned=False), BUFFER_BYTES)
    try:
        return io.BufferedReader(_Checked(open(path, "rb", buffering=0), shown), BUFFER_BYTES)
    except FileNotFoundError as error:
        raise InputError("there is no such file", shown) from error
    except IsADirectoryError as error:
        raise InputError("is a folder, not a file", shown) from error
    except (OSError, ValueError) as error:
        reason = describe(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot be opened ({reason})", shown) from error


def _refuse_other_compression(head: bytes, shown: str) -> None:
    kinds = [kind for magic, kind in _OTHER_COMPRESSION.items() if head.startswith(magic)]
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        kinds.append("compressed with bzip2")
    if kinds:
        raise InputError(f"is {kinds[0]}, which is not read", shown, hint="unpack it, or use gzip")


def sniff(head: bytes) -> Format:
    """Guess a format from the first bytes of an input.

    Parameters
    ----------
    head : bytes
        What ``peek()`` shows; 4 kB are enough.

    Returns
    -------
    {"fasta", "fastq", "table", "hdf5", "binary"}
        "table" is any other text: ask :func:`looks_like_bed` next.
    """
    if head.startswith(_HDF5):
        return "hdf5"
    head = head[:4096]
    n_control = len(head) - len(head.translate(None, _CONTROL))
    if b"\x00" in head or n_control > len(head) // 10:
        return "binary"
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(b">"):
        return "fasta"
    return "fastq" if text.startswith(b"@") else "table"


def looks_like_bed(head: bytes | str) -> bool:
    """Say whether the first line that is not blank, `track`, `browser` or `#` has a BED interval in columns 1-3.

    Columns are split by tabs, or by blanks where there is no tab. A first column that is a nucleotide sequence, or
    is called so, is a table of intensities, not BED.
    """
    text = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    for line in text.splitlines():
        if not line.strip() or line.startswith("#") or line.split(None, 1)[0] in ("track", "browser"):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        first = fields[0].strip()
        if len(fields) < 3 or first.lower() in SEQUENCE_NAMES or looks_like_sequence(first):
            return False
        return all(field.strip().isascii() and field.strip().isdigit() for field in fields[1:3])
    return False


def looks_like_sequence(cell: str) -> bool:
    """Say whether a cell holds a nucleotide sequence rather than a word.

    Many words ("strand", "batch", "chrM") are made of IUPAC letters alone, so nine letters in ten must be A C G T U
    or N; of ten letters or more, four in five, so that a sequence with a wrong letter in it is still recognised.
    """
    cell = cell.strip().upper()
    n_plain = sum(map(cell.count, "ACGTUN"))
    if len(cell) >= 10:
        return n_plain >= 0.8 * len(cell)
    is_iupac = INVALID not in cell.encode("ascii", "replace").translate(ENCODE_TABLE)
    return len(cell) >= 4 and is_iupac and n_plain >= 0.9 * len(cell)

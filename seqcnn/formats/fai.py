"""The .fai index of a FASTA: found, checked against the file, or made by pyfaidx."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from seqcnn.errors import InputError

_LONGEST_GAP: Final = 16
_LONGEST_HEADER: Final = 1 << 20
_UNEVEN: Final = "the lines of a sequence differ in length"
_REWRAP: Final = "give all its lines but the last one length, for example with seqkit seq -w 60"


class Record(NamedTuple):
    """Where a sequence is: `length` bases from byte `offset` on, `bases` to a line of `width` bytes."""

    length: int
    offset: int
    bases: int
    width: int


def read_or_build(
    fasta: Path, file: int, folder: Path, spare: Path, shown: str
) -> tuple[dict[str, Record], str | None]:
    """Return the index of a FASTA, made anew where there is none that fits.

    Parameters
    ----------
    fasta : path
        Not compressed.
    file : int
        Descriptor of the FASTA, open for reading.
    folder : path
        Where the index is or is to be, named as the FASTA with ``.fai`` appended.
    spare : path
        Where it is put if `folder` cannot be written.
    shown : str
        The name to give in messages.

    Returns
    -------
    records : dict of str to Record
        In the order of the file.
    note : str or None
        What was done, for the user.

    Raises
    ------
    InputError
        If the file cannot be indexed.
    """
    path = folder / f"{fasta.name}.fai"
    if path.is_file() and path.stat().st_mtime_ns >= fasta.stat().st_mtime_ns:
        records = _read(fasta, path)
        if records is not None and fits(records, file):
            return records, None
    note = None
    try:
        _build(fasta, path, shown)
        if folder != spare:
            note = f"indexed {fasta.name} ({path})"
    except OSError:
        path = spare / f"{fasta.name}.fai"
        _build(fasta, path, shown)
        note = (
            f"indexed {fasta.name} in a temporary folder, because {folder} cannot be written: this is done every time"
        )
    records = _read(fasta, path)
    if records is None or not fits(records, file):
        path.unlink(missing_ok=True)
        raise InputError(_UNEVEN, shown, hint=_REWRAP)
    return records, note


def _read(fasta: Path, path: Path) -> dict[str, Record] | None:
    """Read an index; None where it is not one."""
    from pyfaidx import Faidx

    try:
        faidx = Faidx(fasta, indexname=path, build_index=False, rebuild=False)
    except (ValueError, OSError):
        return None
    faidx.close()
    # A sequence without bases has no lines; 1 keeps the arithmetic of positions defined.
    records = {name: Record(r.rlen, r.offset, max(1, r.lenc), max(1, r.lenb)) for name, r in faidx.index.items()}
    return dict(sorted(records.items(), key=lambda item: item[1].offset))


def _build(fasta: Path, path: Path, shown: str) -> None:
    """Index a FASTA; the index appears under its name when it is whole."""
    from pyfaidx import Faidx, FastaIndexingError

    with tempfile.TemporaryDirectory(prefix=".seqcnn-index-", dir=path.parent) as folder:
        whole = Path(folder) / "index.fai"
        try:
            Faidx(fasta, indexname=whole).close()
        except UnicodeDecodeError as error:
            raise InputError("is not text, so not a FASTA file", shown) from error
        except (ValueError, FastaIndexingError, RuntimeError) as error:
            raise _explained(str(error), shown) from error
        os.replace(whole, path)


def _explained(message: str, shown: str) -> InputError:
    """Turn pyfaidx's message into one line."""
    if duplicate := re.search(r'Duplicate key "(.*)"', message):
        name = duplicate[1]
        return InputError(f"two sequences are named {name!r}", shown, hint="names up to the first blank must be unique")
    line = re.search(r"at line (\d+)", message)
    number = int(line[1]) if line else None
    if message.startswith("Line length"):
        return InputError(_UNEVEN, shown, number, hint=_REWRAP)
    if message.startswith("Bad sequence name"):
        return InputError("a sequence has no name", shown, None if number is None else number + 1)
    if message.startswith("Unhandled exception"):  # which is how several blank lines at the end are met
        return InputError("has blank lines, or lines that differ in length", shown, number, hint=_REWRAP)
    return InputError("is not a FASTA file", shown, number, hint="a FASTA file begins with >name")


def fits(records: dict[str, Record], file: int) -> bool:
    """Say whether an index describes this file: headers, names and ends of sequences are where it says.

    It also finds what pyfaidx lets through: a last line that is longer than the others.

    Parameters
    ----------
    records : dict of str to Record
        In the order of the file.
    file : int
        Descriptor of the FASTA.
    """
    size = os.fstat(file).st_size
    end = 0
    for name, record in records.items():
        if not end < record.offset <= size or record.offset - end > _LONGEST_HEADER or record.width < record.bases:
            return False
        gap, mark, header = os.pread(file, record.offset - end, end).partition(b">")
        if gap.strip() or not mark or header.split(None, 1)[:1] != [name.encode()] or b"\n" in header[:-1]:
            return False
        end = record.offset
        if record.length:
            last = record.length - 1
            end += last // record.bases * record.width + last % record.bases + 1
            if os.pread(file, 1, end - 1).isspace():
                return False
    return bool(records) and end <= size <= end + _LONGEST_GAP and not os.pread(file, size - end, end).strip()

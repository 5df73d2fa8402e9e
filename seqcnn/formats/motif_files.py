"""Motif files of any format: finding out which one it is, reading, writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from seqcnn.errors import InputError
from seqcnn.formats import homer, jaspar, meme, transfac
from seqcnn.formats.motif import Motif
from seqcnn.formats.output import atomic_path
from seqcnn.formats.stream import open_input, shown_path

_READERS: Final[dict[str, Callable[[Sequence[str], str], list[Motif]]]] = {
    "meme": meme.parse,
    "jaspar": jaspar.parse,
    "transfac": transfac.parse,
    "homer": homer.parse,
}
_WRITERS: Final[dict[str, Callable[[Sequence[Motif]], str]]] = {
    "meme": meme.render,
    "jaspar": jaspar.render,
    "transfac": transfac.render,
    "homer": homer.render,
}

MOTIF_FORMATS: Final = tuple(_READERS)
"""Names of the formats that are read and written; also the suffixes of files of theirs."""


def read_motifs(path: str | PathLike[str], format: str = "auto") -> list[Motif]:
    """Read all motifs of a file.

    Parameters
    ----------
    path : str or path
        Plain or gzip; "-" is standard input.
    format : {"auto", "meme", "jaspar", "transfac", "homer"}
        auto goes by what the file holds.

    Returns
    -------
    list of Motif
        At least one, in the order of the file; names may repeat.

    Raises
    ------
    InputError
        With the line, if the file is not of the format, is damaged, or holds no motifs.
    """
    shown = shown_path(path)
    with open_input(path) as stream:
        raw = stream.read()
    if b"\x00" in raw[:4096]:
        raise InputError("is binary, not a motif file", shown)
    lines = raw.decode("utf-8", "replace").splitlines()
    motifs = _READERS[find_format(lines, shown) if format == "auto" else format](lines, shown)
    if not motifs:
        raise InputError("holds no motifs", shown)
    return motifs


def find_format(lines: Sequence[str], path: str) -> str:
    """Tell the format of a motif file.

    Parameters
    ----------
    lines : sequence of str
        All of the file.
    path : str
        For messages.

    Returns
    -------
    {"meme", "jaspar", "transfac", "homer"}

    Raises
    ------
    InputError
        If it is none of these.
    """
    solid = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not solid:
        raise InputError("holds no motifs: every line is blank", path)
    number, first = solid[0]
    if first.lstrip().startswith("<"):
        raise InputError("is HTML or XML, which is not read", path, number, "give the text file, such as meme.txt")
    if any(line.startswith(("MEME version", "letter-probability matrix")) for _, line in solid):
        return "meme"
    if any(line.split(None, 1)[0] in ("P0", "PO") for _, line in solid):
        return "transfac"
    if first.startswith(">"):
        return _jaspar_or_homer([line for _, line in solid])
    hint = f"give a file in {', '.join(name.upper() for name in MOTIF_FORMATS[:-1])} or HOMER format"
    raise InputError(f"is not a motif file: it begins with {first.strip()[:30]!r}", path, number, hint)


def _jaspar_or_homer(lines: list[str]) -> str:
    """Tell the two formats with `>` headers apart: JASPAR has a row a base, HOMER a row a position."""
    end = next((i for i, line in enumerate(lines[1:], 1) if line.startswith(">")), len(lines))
    rows = [line.split() for line in lines[1:end]]
    if not rows or rows[0][0][0] not in ".-+0123456789":
        return "jaspar"
    if len(lines[0].split("\t")) > 2 or len(rows) != 4:
        return "homer"
    if any(len(row) != 4 for row in rows):
        return "jaspar"
    try:
        return "homer" if all(abs(sum(map(float, row)) - 1) < 0.05 for row in rows) else "jaspar"
    except ValueError:
        return "jaspar"


def render_motifs(motifs: Sequence[Motif], format: str) -> str:
    """Return the text of a motif file.

    Parameters
    ----------
    motifs : sequence of Motif
        At least one.
    format : {"meme", "jaspar", "transfac", "homer"}
        JASPAR and TRANSFAC hold counts, MEME and HOMER probabilities; only MEME holds the background and the E-value.

    Raises
    ------
    ValueError
        If there are no motifs, or, for MEME, they differ in alphabet or background.
    """
    if not motifs:
        raise ValueError("no motifs to write")
    return _WRITERS[format](motifs)


def write_motifs(motifs: Sequence[Motif], path: str | PathLike[str], format: str | None = None) -> None:
    """Write a motif file, whole or not at all.

    Parameters
    ----------
    motifs : sequence of Motif
        At least one.
    path : str or path
    format : {"meme", "jaspar", "transfac", "homer"}, optional
        By default the suffix of `path` says it.

    Raises
    ------
    ValueError
        As :func:`render_motifs`; also if the suffix is of no format.
    OutputError
        If the file cannot be written.
    """
    format = Path(path).suffix[1:] if format is None else format
    if format not in MOTIF_FORMATS:
        raise ValueError(f"{path}: no motif format is called {format!r}; there are {', '.join(MOTIF_FORMATS)}")
    text = render_motifs(motifs, format)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

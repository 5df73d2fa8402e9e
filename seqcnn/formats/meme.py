"""MEME motif format: minimal files, and the text that MEME, STREME and DREME print.

https://meme-suite.org/meme/doc/meme-format.html. Probabilities are read; log-odds matrices and sites are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.matrix_text import normalised, parse_numbers, rounded
from seqcnn.formats.motif import Motif, uniform
from seqcnn.sequence.alphabet import LETTERS

_SETTING: Final = re.compile(r"(\w+)\s*=\s*(\S+)")
_STATISTICS: Final = re.compile(r"\s+width\s*=.*$")
_ALPHABETS: Final = {letters[:4]: name for name, letters in LETTERS.items()}


@dataclass(slots=True)
class _State:
    """What the lines so far say of the file and of the motif being read."""

    path: str
    alphabet: str = "dna"
    background: NDArray[np.float64] = field(default_factory=uniform)
    motifs: list[Motif] = field(default_factory=list)
    names: tuple[str, str] | None = None
    named_at: int = 0

    def close(self) -> None:
        """Refuse a motif that ends before its matrix."""
        if self.names is not None:
            what = f"motif {self.names[0]!r} has no letter-probability matrix"
            raise InputError(what, self.path, self.named_at)


def parse(lines: Sequence[str], path: str) -> list[Motif]:
    """Read the motifs of a MEME file.

    Parameters
    ----------
    lines : sequence of str
        All of the file.
    path : str
        For messages.

    Returns
    -------
    list of Motif
        Without counts; nsites and E-value where the file has them.

    Raises
    ------
    InputError
        With the line.
    """
    state = _State(path)
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        if line.startswith("ALPHABET"):
            state.alphabet = _alphabet(line, numbered, path, number)
        elif line.startswith("Background letter frequencies"):
            state.background = _background(numbered, state.alphabet, path, number)
        elif re.match(r"MOTIF(\s|$)", line):
            state.close()
            state.names, state.named_at = _names(line, path, number), number
        elif line.startswith("letter-probability matrix"):
            state.motifs.append(_matrix(line, lines, number, state))
            state.names = None
        elif line.startswith("URL") and state.motifs and state.names is None:
            state.motifs[-1] = replace(state.motifs[-1], url=line[3:].strip())
    state.close()
    return state.motifs


def _alphabet(line: str, numbered: Iterator[tuple[int, str]], path: str, number: int) -> str:
    """Return the alphabet of `ALPHABET= ACGT` or of a definition that ends in `END ALPHABET`."""
    simple = re.match(r"ALPHABET\s*=\s*(\S+)", line)
    if simple:
        letters = simple[1]
    else:
        core = []
        for _, entry in numbered:
            words = entry.split()
            if words[:2] == ["END", "ALPHABET"]:
                break
            if words and len(words[0]) == 1 and "=" not in words:
                core.append(words[0])
        letters = "".join(sorted(core))
    if letters.upper() not in _ALPHABETS:
        raise InputError(f"motifs over the letters {letters[:24]!r}: only ACGT and ACGU are read", path, number)
    return _ALPHABETS[letters.upper()]


def _background(numbered: Iterator[tuple[int, str]], alphabet: str, path: str, number: int) -> NDArray[np.float64]:
    """Return the frequencies on the lines that follow, which may be several."""
    words: list[str] = []
    for at, line in numbered:
        if words and not line.strip():
            break
        words += line.split()
        number = at
        if len(words) >= 8:
            break
    letters, values = "".join(words[0:8:2]).upper(), words[1:8:2]
    if letters != LETTERS[alphabet][:4] or len(values) != 4:
        wanted = " ".join(f"{letter} 0.25" for letter in LETTERS[alphabet][:4])
        raise InputError(f"background frequencies are not as in {wanted!r}", path, number)
    return normalised([parse_numbers(values, path, number)], path, [number])[:, 0]


def _names(line: str, path: str, number: int) -> tuple[str, str]:
    """Return the names of `MOTIF name [alternate name]`, without what MEME's own output adds."""
    words = _STATISTICS.sub("", line).split()[1:]
    if not words:
        raise InputError("MOTIF without a name", path, number)
    return words[0], " ".join(words[1:])


def _matrix(line: str, lines: Sequence[str], number: int, state: _State) -> Motif:
    """Read the matrix whose first row stands after line `number`."""
    path = state.path
    if state.names is None:
        raise InputError("a letter-probability matrix without a MOTIF line before it", path, number)
    settings = {key.lower(): value for key, value in _SETTING.findall(line)}
    width = _setting(settings, "w", path, number)
    if _setting(settings, "alength", path, number) not in (None, 4):
        raise InputError(f"alength= {settings['alength']}, but DNA and RNA have 4 letters", path, number)
    rows: list[list[float]] = []
    at = number
    while at < len(lines) and (width is None or len(rows) < width):
        words = lines[at].split()
        if not words or (width is None and not _is_number(words[0])):
            break
        at += 1
        if len(words) != 4:
            raise InputError(f"a matrix row of {len(words)} fields, not 4", path, at)
        rows.append(parse_numbers(words, path, at))
    if not rows or (width is not None and len(rows) < width):
        wanted = "" if width is None else f" of {width:g}"
        raise InputError(f"the matrix of motif {state.names[0]!r} ends after {len(rows)} rows{wanted}", path, at)
    ppm = normalised(rows, path, range(number + 1, at + 1))
    nsites, evalue = (_setting(settings, key, path, number) for key in ("nsites", "e"))
    name, alternate = state.names
    return Motif(name, ppm, alternate, state.alphabet, None, nsites or None, state.background, evalue)


def _setting(settings: dict[str, str], key: str, path: str, number: int) -> float | None:
    if key not in settings:
        return None
    try:
        return float(settings[key])
    except ValueError:
        raise InputError(f"{key}= {settings[key]!r} is not a number", path, number) from None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def render(motifs: Sequence[Motif]) -> str:
    """Return a minimal MEME file; probabilities have six decimals and sum to 1 as printed.

    Raises
    ------
    ValueError
        If the motifs differ in alphabet or background: a MEME file has one of each.
    """
    alphabet, background = motifs[0].alphabet, motifs[0].background
    if any(m.alphabet != alphabet or np.abs(m.background - background).max() > 1e-6 for m in motifs):
        raise ValueError("motifs of one MEME file must share alphabet and background")
    letters = LETTERS[alphabet][:4]
    frequencies = zip(letters, rounded(background[:, None])[0], strict=True)
    parts = [
        "MEME version 4\n",
        f"ALPHABET= {letters}\n",
        f"strands: {'+ -' if alphabet == 'dna' else '+'}\n",
        "Background letter frequencies",
        " ".join(f"{letter} {value}" for letter, value in frequencies) + "\n",
    ]
    for motif in motifs:
        parts.append(f"MOTIF {_word(motif.name)} {_word(motif.alternate)}".rstrip() + "\n")
        head = f"letter-probability matrix: alength= 4 w= {motif.width}"
        head += "" if motif.nsites is None else f" nsites= {max(1, round(motif.nsites))}"
        parts.append(head + ("" if motif.evalue is None else f" E= {motif.evalue:.3g}"))
        parts += [" " + "  ".join(row) for row in rounded(motif.ppm)]
        parts.append(f"\nURL {motif.url}\n" if motif.url else "")
    return "\n".join(parts)


def _word(name: str) -> str:
    """Return a name as the one word the format wants."""
    return "_".join(name.split())

"""Letters of many sequences at once: codes, the counts that travel with them, and what to say of a wrong letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.sequence.alphabet import ENCODE_TABLE, INVALID, N_CODE
from seqcnn.sequence.ragged import Ragged, offsets_of

BLANK: Final = 64
"""What :func:`encode_letters` gives for a blank: space, tab, line end."""

_MARK: Final = 8


def _table() -> bytes:
    """Return ENCODE_TABLE with U and the ambiguous letters marked, so that they are counted after one look-up."""
    table = bytearray(ENCODE_TABLE)
    for letter in b"UuRYSWKMBDHVXryswkmbdhvx":
        table[letter] |= _MARK
    for blank in b" \t\n\v\f\r":
        table[blank] = BLANK
    return bytes(table)


_TABLE: Final = _table()
_MARKED_U: Final = _TABLE[ord("U")]
_MARKED_AMBIGUOUS: Final = _TABLE[ord("R")]


@dataclass(slots=True)
class Encoded:
    """Codes of a run of letters.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n,)
        0..4; :data:`BLANK` at a blank and 255 at any other byte that is no nucleotide letter.
    clean : bool
        Neither of these two occurs.
    n_ambiguous, n_u, n_t : int
        As in :class:`seqcnn.formats.records.Records`.
    """

    codes: NDArray[np.uint8]
    clean: bool
    n_ambiguous: int
    n_u: int
    n_t: int


def encode_letters(letters: bytes) -> Encoded:
    """Turn letters into codes and count what is worth telling."""
    codes = np.frombuffer(bytearray(letters.translate(_TABLE)), dtype=np.uint8)
    n_t = int(np.count_nonzero(codes == 3))
    highest = int(codes.max(initial=0))
    if highest <= N_CODE:
        return Encoded(codes, True, 0, 0, n_t)
    n_u = int(np.count_nonzero(codes == _MARKED_U))
    n_ambiguous = int(np.count_nonzero(codes == _MARKED_AMBIGUOUS))
    codes[codes < BLANK] &= _MARK - 1
    return Encoded(codes, highest < BLANK, n_ambiguous, n_u, n_t)


def encode_strings(strings: Sequence[str], path: str, lines: Sequence[int]) -> tuple[Ragged, Encoded]:
    """Encode strings, each from one line of a file; a blank inside a sequence is refused like any wrong letter.

    Parameters
    ----------
    strings : sequence of str
    path : str
        For messages.
    lines : sequence of int
        The line each string stands in.

    Raises
    ------
    InputError
        With the line, if a character is no nucleotide letter.
    """
    letters = "".join(strings).encode("ascii", "replace")
    encoded = encode_letters(letters)
    offsets = offsets_of([len(string) for string in strings])
    if not encoded.clean:
        position = int((encoded.codes > N_CODE).argmax())
        row = int(np.searchsorted(offsets, position, side="right")) - 1
        raise invalid_letter(letters[position], path, lines[row])
    return Ragged(encoded.codes, offsets), encoded


def first_invalid(encoded: Encoded) -> int | None:
    """Return the index of the first byte that is neither a nucleotide letter nor a blank."""
    if encoded.clean:
        return None
    invalid = encoded.codes == INVALID
    return int(invalid.argmax()) if invalid.any() else None


def invalid_letter(byte: int, path: str, line: int | None, where: str = "") -> InputError:
    """Return the error for a byte that is no nucleotide letter; `where` says more about the place."""
    letter = chr(byte)
    if letter in "-.":
        hint = "gaps must be removed"
    elif letter == "*" or (letter.isalpha() and byte < 128):
        hint = "is this protein? Only DNA and RNA are read"
    elif letter.isdigit():
        hint = "sequences are letters only"
    else:
        hint = "only A C G T U N and the IUPAC ambiguity letters are read"
    found = repr(letter) if 32 <= byte < 127 else f"byte 0x{byte:02x}"
    return InputError(f"{found} is not a nucleotide letter{where}", path, line, hint)

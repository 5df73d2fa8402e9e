"""Letters to codes and back: A C G T/U N = 0 1 2 3 4, one uint8 a base."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

N_CODE: Final = 4
"""Code of N: any IUPAC letter that is not one of the four bases, and padding."""

INVALID: Final = 255
"""What :data:`ENCODE_TABLE` gives for a byte that is no IUPAC nucleotide letter."""

LETTERS: Final = {"dna": "ACGTN", "rna": "ACGUN"}


def _encode_table() -> bytes:
    table = bytearray([INVALID] * 256)
    for letters, code in (("A", 0), ("C", 1), ("G", 2), ("TU", 3), ("NRYSWKMBDHVX", N_CODE)):
        for letter in letters:
            table[ord(letter)] = table[ord(letter.lower())] = code
    return bytes(table)


ENCODE_TABLE: Final = _encode_table()
"""256-byte table for ``bytes.translate``: ASCII letter (any case) to code, other bytes to 255."""

_DECODE_TABLES: Final = {name: letters.encode() * 7 + b"N" * 221 for name, letters in LETTERS.items()}
_COMPLEMENT: Final = np.array([3, 2, 1, 0, 4], dtype=np.uint8)


def encode(text: str | bytes) -> NDArray[np.uint8]:
    """Turn letters into codes.

    Parameters
    ----------
    text : str or bytes
        DNA or RNA in any case; IUPAC ambiguity letters become N.

    Returns
    -------
    ndarray of uint8, shape (length,)

    Raises
    ------
    ValueError
        If a byte is not an IUPAC nucleotide letter.
    """
    raw = text.encode("latin-1", "replace") if isinstance(text, str) else text
    codes = np.frombuffer(bytearray(raw.translate(ENCODE_TABLE)), dtype=np.uint8)
    if codes.size and codes.max() > N_CODE:
        position = int(np.argmax(codes > N_CODE))
        found = text[position] if isinstance(text, str) else chr(raw[position])
        raise ValueError(f"{found!r} at position {position + 1} is not a nucleotide letter")
    return codes


def decode(codes: NDArray[np.uint8], alphabet: str = "dna") -> str:
    """Turn codes into upper-case letters of `alphabet` ("dna" or "rna"), whatever contexts bases are in."""
    return np.ascontiguousarray(codes, dtype=np.uint8).tobytes().translate(_DECODE_TABLES[alphabet]).decode("ascii")


def reverse_complement(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the reverse complement along the last axis; N stays N."""
    return _COMPLEMENT[codes[..., ::-1]]


def one_hot(codes: NDArray[np.uint8], n_value: float = 0.25) -> NDArray[np.float32]:
    """Expand codes to one-hot columns.

    Parameters
    ----------
    codes : ndarray of uint8, shape (..., length)
    n_value : float
        What every row holds at an N: 0.25 as in DeepBind (doi:10.1038/nbt.3300), or 0.

    Returns
    -------
    ndarray of float32, shape (..., 4, length)
        Rows A C G T/U.
    """
    table = np.full((4, 5), n_value, dtype=np.float32)
    table[:, :4] = np.eye(4, dtype=np.float32)
    return np.ascontiguousarray(np.moveaxis(table[:, codes], 0, -2))

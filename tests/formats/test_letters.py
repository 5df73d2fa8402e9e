"""Codes and counts of many letters at once, against the one-sequence encoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats.letters import BLANK, encode_letters, encode_strings, first_invalid, invalid_letter
from seqcnn.sequence.alphabet import ENCODE_TABLE, INVALID, encode

IUPAC = "ACGTUNRYSWKMBDHVX"
IUPAC_TEXT = st.text(alphabet=IUPAC + IUPAC.lower(), max_size=60)


@given(IUPAC_TEXT)
def test_codes_and_counts_are_those_of_the_letters(text: str) -> None:
    encoded = encode_letters(text.encode())
    np.testing.assert_array_equal(encoded.codes, encode(text))
    assert encoded.codes.flags.writeable
    upper = text.upper()
    assert (encoded.clean, encoded.n_t, encoded.n_u) == (True, upper.count("T"), upper.count("U"))
    assert encoded.n_ambiguous == sum(letter not in "ACGTUN" for letter in upper)
    assert first_invalid(encoded) is None


@given(st.binary(max_size=60))
def test_every_byte_is_a_code_a_blank_or_invalid(raw: bytes) -> None:
    blanks = b" \t\r\n\v\f"
    expected = [BLANK if byte in blanks else ENCODE_TABLE[byte] for byte in raw]
    encoded = encode_letters(raw)
    assert encoded.codes.tolist() == expected
    assert encoded.clean == (max(expected, default=0) <= 4)
    assert first_invalid(encoded) == (expected.index(INVALID) if INVALID in expected else None)


@given(st.lists(IUPAC_TEXT))
def test_strings_become_rows(strings: list[str]) -> None:
    rows, _ = encode_strings(strings, "x", range(len(strings)))
    assert [row.tolist() for row in rows] == [encode(string).tolist() for string in strings]


def test_wrong_letter_is_found_on_its_line() -> None:
    with pytest.raises(InputError, match=r"^t\.tsv:9: '1' is not a nucleotide letter; sequences are letters only$"):
        encode_strings(["ACGT", "", "AC1T", "A2"], "t.tsv", [5, 7, 9, 11])


@pytest.mark.parametrize(
    ("byte", "said"),
    [(b"-", "gaps"), (b"*", "protein"), (b"E", "protein"), (b"7", "letters only"), (b"?", "IUPAC"), (b"\x00", "0x00")],
)
def test_a_wrong_letter_gets_a_hint(byte: bytes, said: str) -> None:
    message = str(invalid_letter(byte[0], "x.fa", 3))
    assert message.startswith("x.fa:3: ")
    assert said in message
    assert message.isprintable()

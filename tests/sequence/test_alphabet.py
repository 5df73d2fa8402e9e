"""Letters, codes, one-hot and reverse complement, against Biopython and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seqcnn.sequence.alphabet import ENCODE_TABLE, INVALID, N_CODE, decode, encode, one_hot, reverse_complement

IUPAC = "ACGTURYSWKMBDHVNX"
codes_1d = arrays(np.uint8, st.integers(0, 60), elements=st.integers(0, 4))
codes_any = arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7), elements=st.integers(0, 4))


@given(st.text(IUPAC + IUPAC.lower()))
def test_encode_maps_each_letter(text: str) -> None:
    expected = ["ACGT".find(letter) if letter in "ACGT" else N_CODE for letter in text.upper().replace("U", "T")]
    assert encode(text).tolist() == expected
    assert encode(text.encode()).tolist() == expected


@pytest.mark.parametrize("alphabet", ["dna", "rna"])
@given(codes=codes_1d)
def test_decode_then_encode_is_identity(alphabet: str, codes: np.ndarray) -> None:
    text = decode(codes, alphabet)
    assert set(text) <= set("ACGTN" if alphabet == "dna" else "ACGUN")
    assert np.array_equal(encode(text), codes)


@pytest.mark.parametrize("bad", ["ACG1", "AC-G", "AC G", "ACé", "AC→", "*"])
def test_encode_names_the_bad_character(bad: str) -> None:
    position = next(i for i, letter in enumerate(bad) if letter.upper() not in IUPAC)
    with pytest.raises(ValueError, match=f"position {position + 1} ") as caught:
        encode(bad)
    assert repr(bad[position]) in str(caught.value)


def test_table_refuses_everything_else() -> None:
    allowed = {ord(letter) for letter in IUPAC + IUPAC.lower()}
    assert all((ENCODE_TABLE[byte] == INVALID) == (byte not in allowed) for byte in range(256))


def test_encoded_codes_are_writable() -> None:
    codes = encode("ACGT")
    codes[0] = 3
    assert decode(codes) == "TCGT"


@given(codes_1d)
def test_reverse_complement_agrees_with_biopython(codes: np.ndarray) -> None:
    assert decode(reverse_complement(codes)) == str(Seq(decode(codes)).reverse_complement())


@given(codes_any)
def test_reverse_complement_twice_is_identity(codes: np.ndarray) -> None:
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)


@given(codes_any, st.sampled_from([0.0, 0.25]))
def test_one_hot_columns(codes: np.ndarray, n_value: float) -> None:
    hot = one_hot(codes, n_value)
    assert hot.dtype == np.float32
    assert hot.shape == (*codes.shape[:-1], 4, codes.shape[-1])
    for row in range(4):
        expected = np.where(codes == N_CODE, n_value, codes == row)
        assert np.array_equal(hot[..., row, :], expected.astype(np.float32))


@given(codes_any)
def test_one_hot_of_reverse_complement_is_turned_by_half(codes: np.ndarray) -> None:
    assert np.array_equal(one_hot(reverse_complement(codes)), one_hot(codes)[..., ::-1, ::-1])

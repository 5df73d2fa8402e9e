"""Rows of different lengths in one array, against lists of Python bytes."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.sequence.alphabet import N_CODE, decode
from seqcnn.sequence.ragged import (
    Ragged,
    concatenate,
    decode_all,
    encode_all,
    from_rows,
    from_text,
    offsets_of,
)

byte_rows = st.lists(st.binary(max_size=12), max_size=12)
equal_rows = st.integers(0, 8).flatmap(lambda width: st.lists(st.binary(min_size=width, max_size=width), max_size=8))
any_rows = byte_rows | equal_rows


def rows_of(ragged: Ragged) -> list[bytes]:
    assert ragged.data.dtype == np.uint8
    assert ragged.offsets.dtype == np.int64
    assert ragged.offsets[0] == 0
    assert ragged.offsets[-1] == len(ragged.data)
    return [row.tobytes() for row in ragged]


@given(any_rows)
def test_rows_come_back(rows: list[bytes]) -> None:
    ragged = from_rows(rows)
    assert len(ragged) == len(rows)
    assert rows_of(ragged) == rows
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert rows_of(from_rows([np.frombuffer(row, dtype=np.uint8) for row in rows])) == rows


@given(any_rows, st.integers(-15, 15))
def test_index_as_in_a_list(rows: list[bytes], i: int) -> None:
    ragged = from_rows(rows)
    if -len(rows) <= i < len(rows):
        assert ragged[i].tobytes() == rows[i]
    else:
        with pytest.raises(IndexError):
            ragged[i]


@given(any_rows, st.integers(-15, 15), st.integers(-15, 15))
def test_slice_as_of_a_list(rows: list[bytes], start: int, stop: int) -> None:
    assert rows_of(from_rows(rows).slice(start, stop)) == rows[start:stop]


@given(any_rows.filter(bool), st.data())
def test_take_by_index(rows: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=15))
    assert rows_of(from_rows(rows).take(np.array(index, dtype=np.int64))) == [rows[i] for i in index]


@given(any_rows, st.data())
def test_take_by_mask(rows: list[bytes], data: st.DataObject) -> None:
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    kept = [row for row, keep in zip(rows, mask, strict=True) if keep]
    assert rows_of(from_rows(rows).take(np.array(mask, dtype=bool))) == kept


@given(any_rows, st.integers(0, 6), st.integers(0, 255))
def test_padded_fills_the_end(rows: list[bytes], extra: int, fill: int) -> None:
    width = max(map(len, rows), default=0) + extra
    rectangle = from_rows(rows).padded(width, fill)
    assert rectangle.shape == (len(rows), width)
    assert [row.tobytes() for row in rectangle] == [row.ljust(width, bytes([fill])) for row in rows]


@given(any_rows)
def test_padded_default_width_is_the_longest(rows: list[bytes]) -> None:
    rectangle = from_rows(rows).padded()
    width = max(map(len, rows), default=0)
    assert [row.tobytes() for row in rectangle] == [row.ljust(width, bytes([N_CODE])) for row in rows]


def test_padded_refuses_a_row_too_long() -> None:
    with pytest.raises(ValueError, match="row of 3 does not fit a width of 2"):
        from_rows([b"a", b"abc"]).padded(2)


@given(st.lists(any_rows, max_size=4))
def test_concatenate_is_list_addition(parts: list[list[bytes]]) -> None:
    assert rows_of(concatenate([from_rows(part) for part in parts])) == list(chain.from_iterable(parts))


@given(st.lists(st.text(max_size=8)))
def test_names_round_trip(names: list[str]) -> None:
    assert from_text(names).decode() == names


@pytest.mark.parametrize("alphabet", ["dna", "rna"])
@given(texts=st.lists(st.text("ACGTN", max_size=9)))
def test_sequences_round_trip(alphabet: str, texts: list[str]) -> None:
    texts = [text.replace("T", "U") if alphabet == "rna" else text for text in texts]
    ragged = encode_all(texts)
    assert decode_all(ragged, alphabet) == texts
    assert [decode(row, alphabet) for row in ragged] == texts


@given(st.lists(st.integers(0, 50)))
def test_offsets_are_running_sums(lengths: list[int]) -> None:
    assert offsets_of(lengths).tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]


def test_take_of_more_rows_than_fit_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcnn.sequence.ragged._TAKEN_AT_ONCE", 3)
    rows = [bytes([i] * (i % 5)) for i in range(40)]
    index = np.random.default_rng(0).integers(0, 40, 100)
    assert rows_of(from_rows(rows).take(index)) == [rows[i] for i in index]

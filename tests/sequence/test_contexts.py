"""Contexts against their definition, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.sequence import contexts as c
from seqcnn.sequence.ragged import Ragged, from_rows
from seqcnn.sequence.shuffle import dinucleotide_shuffle


def balanced(text: str) -> str:
    """Make a nested structure of any brackets and dots: a bracket without a partner becomes a dot."""
    out, stack = list(text), []
    for i, character in enumerate(text):
        if character == "(":
            stack.append(i)
        elif character == ")" and stack:
            stack.pop()
        else:
            out[i] = "."
    for i in stack:
        out[i] = "."
    return "".join(out)


def by_definition(brackets: str) -> str:
    """Look, for each unpaired base, for the nearest pair around it and what is right inside that."""
    partner, stack = {}, []
    for i, character in enumerate(brackets):
        if character == "(":
            stack.append(i)
        elif character == ")":
            j = stack.pop()
            partner[i], partner[j] = j, i
    out = ""
    for i in range(len(brackets)):
        around = [(a, b) for a, b in partner.items() if a < i < b]
        if i in partner:
            out += "S"
        elif not around:
            out += "E"
        else:
            a, b = max(around)
            inside, at = [], a + 1
            while at < b:
                if at in partner:
                    inside.append((at, partner[at]))
                    at = partner[at]
                at += 1
            if not inside:
                out += "H"
            elif len(inside) > 1:
                out += "M"
            else:
                (first, last) = inside[0]
                out += "I" if first > a + 1 and last < b - 1 else "B"
    return out


def letters(codes: np.ndarray) -> str:
    return "".join(c.CONTEXTS[code - 1] for code in codes.tolist())


@given(st.text("(.)", max_size=40).map(balanced))
def test_contexts_are_as_defined(brackets: str) -> None:
    found = c.contexts_of_pairs(brackets)
    assert letters(found) == by_definition(brackets)
    assert c.contexts_of_letters(letters(found)).tolist() == found.tolist()


@pytest.mark.parametrize(
    ("brackets", "wanted"),
    [
        ("..((...))..", "EESSHHHSSEE"),
        ("(.(...))", "SBSHHHSS"),
        ("((...).)", "SSHHHSBS"),
        ("(.(...)..)", "SISHHHSIIS"),
        ("(.(.).(.).)", "SMSHSMSHSMS"),
        ("(.).(.)", "SHSESHS"),
        ("", ""),
    ],
)
def test_known_structures(brackets: str, wanted: str) -> None:
    assert letters(c.contexts_of_pairs(brackets)) == wanted


@pytest.mark.parametrize(
    ("brackets", "message"),
    [
        (".)", r"'\)' at position 2 closes nothing"),
        ("(()", r"'\(' at position 1 is not closed"),
        ("([])", r"'\[' at position 2 is none of"),
    ],
)
def test_wrong_brackets(brackets: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        c.contexts_of_pairs(brackets)


def test_letters_of_other_programs() -> None:
    assert letters(c.contexts_of_letters("FTXPehbims")) == "EEESEHBIMS"
    with pytest.raises(ValueError, match="'Z' at position 2 is no structural context"):
        c.contexts_of_letters("EZ")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1))
def test_a_base_in_its_context_is_one_byte(pairs: list[tuple[int, int]]) -> None:
    codes, contexts = (np.array(column, dtype=np.uint8) for column in zip(*pairs, strict=True))
    both = c.in_context(codes, contexts)
    assert both.dtype == np.uint8
    assert c.bases(both).tolist() == codes.tolist()
    assert c.contexts(both).tolist() == contexts.tolist()
    row = Ragged(both, np.array([0, len(both)]))
    assert c.has_contexts(row) == bool(contexts.any())
    assert c.bases_of(row).data.tolist() == codes.tolist()


def test_shuffles_in_place() -> None:
    rng = np.random.default_rng(0)
    plain = from_rows([rng.integers(0, 4, 30, dtype=np.uint8) for _ in range(3)])
    contexts = rng.integers(1, 7, 90, dtype=np.uint8)
    shuffled = c.shuffled_in_place(Ragged(c.in_context(plain.data, contexts), plain.offsets), 3, round=1)
    assert c.contexts(shuffled.data).tolist() == contexts.tolist()
    same = dinucleotide_shuffle(plain, 3, round=1).data
    assert c.bases(shuffled.data).tolist() == same.tolist() == c.shuffled_in_place(plain, 3, round=1).data.tolist()


def test_consensus() -> None:
    shares = np.array([[0.6, 0.5, 0.0], [0.4, 0.5, 0.1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0.9]])
    assert c.consensus(shares) == "E.S"

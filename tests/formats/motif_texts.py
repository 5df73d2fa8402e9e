"""Motifs for tests of motif files, and how they are read back by Biopython."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from Bio import motifs as bio
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqcnn.formats.motif import Motif

NAMES = st.text("abcXYZ09._:-", min_size=1, max_size=12)


@st.composite
def motifs(draw: st.DrawFn, alphabets: tuple[str, ...] = ("dna", "rna"), weights: bool = True) -> list[Motif]:
    """Draw motifs of one alphabet and background, of counts or of weights."""
    alphabet = draw(st.sampled_from(alphabets))
    raw = draw(arrays(np.float64, 4, elements=st.integers(1, 50).map(float)))
    numbers = st.integers(0, 500).map(float) | (st.floats(0.01, 900) if weights else st.nothing())
    tables = arrays(np.float64, st.tuples(st.just(4), st.integers(1, 9)), elements=numbers)
    # sums near 1 would be probabilities
    tables = tables.filter(lambda table: bool((table.sum(axis=0) > 2).all()))
    drawn = draw(st.lists(st.tuples(NAMES, NAMES | st.just(""), tables), min_size=1, max_size=3))
    return [
        Motif.from_counts(name, table, background=raw / raw.sum(), alternate=alternate, alphabet=alphabet)
        for name, alternate, table in drawn
    ]


def in_biopython(text: str, format: str) -> list[Any]:
    """Read a motif file with Biopython."""
    return list(bio.parse(io.StringIO(text), format))


def table_of(motif: Any) -> Any:
    """Return Biopython's counts as an array, shape (4, width)."""
    return np.array([motif.counts[letter] for letter in motif.alphabet])

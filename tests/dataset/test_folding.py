"""Folding against ViennaRNA itself."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest

from seqcnn.dataset import folding
from seqcnn.dataset.folding import Folder, Folding, pairs_of
from seqcnn.errors import SeqcnnError
from seqcnn.sequence.contexts import bases, contexts, contexts_of_pairs
from seqcnn.sequence.ragged import Ragged, encode_all

RNA = pytest.importorskip("RNA", reason="ViennaRNA is not installed")


def some(n: int, length: int = 40) -> list[str]:
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(list("ACGUN"), length, p=[0.24, 0.24, 0.24, 0.24, 0.04])) for _ in range(n)]


def test_contexts_of_the_best_structure() -> None:
    texts = [*some(5), "", "A", "GGGGAAAACCCC"]
    counted: list[int] = []
    with Folder(Folding(processes=1), counted.append) as folder:
        found = folder.fold(encode_all(texts))
        again = folder.fold(found)
    assert sum(counted) == 2 * len(texts)
    assert again.data.tolist() == found.data.tolist()
    for text, row in zip(texts, found, strict=True):
        wanted = RNA.fold(text)[0] if text else ""
        assert contexts(row).tolist() == contexts_of_pairs(wanted).tolist()
    assert bases(found.data).tolist() == encode_all(texts).data.tolist()
    assert pairs_of("GGGGAAAACCCC") == "((((....))))"


def test_pairs_within_a_span() -> None:
    text = "GGGGG" + "A" * 20 + "CCCCC" + "GGGGAAAACCCC"
    assert pairs_of(text).startswith("(((((")
    near = pairs_of(text, 15)
    opened = []
    for at, character in enumerate(near):
        if character == "(":
            opened.append(at)
        elif character == ")":
            assert at - opened.pop() < 15
    assert near.endswith("((((....))))")


@pytest.mark.slow
def test_several_processes_give_the_same() -> None:
    rows = encode_all(some(folding.FEW + 1, 20))
    with Folder(Folding(processes=1)) as one, Folder(Folding(processes=2)) as two:
        assert two.fold(rows).data.tolist() == one.fold(rows).data.tolist()
        assert two._executor is not None
    assert two._executor is None


def test_a_killed_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures.process import BrokenProcessPool

    class Broken:
        def map(self, *_: Any, **__: Any) -> None:
            raise BrokenProcessPool

        def shutdown(self, **_: Any) -> None: ...

    with Folder(Folding()) as folder:
        monkeypatch.setattr(folder, "_executor", Broken())
        with pytest.raises(SeqcnnError, match="killed"):
            folder.fold(Ragged(np.zeros(1, np.uint8), np.array([0, 1])))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "RNA":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "RNA", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SeqcnnError, match=r"needs the package ViennaRNA: pip install 'seqcnn\[rna\]'"):
        Folder(Folding())

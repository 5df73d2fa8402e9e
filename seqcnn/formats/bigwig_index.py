"""The two search trees of a bigWig file: of chromosome names, and of the places of values in the file."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FANOUT: Final = 256
_MOST_NAMES: Final = 65535
TREE_HEADER: Final = struct.Struct("<IIIIQQ")
_INDEX_HEADER: Final = struct.Struct("<IIQIIIIQII")
TREE_MAGIC: Final = 0x78CA8C91
_INDEX_MAGIC: Final = 0x2468ACE0
_PLACE: Final = np.dtype([("chrom", "<u4"), ("start", "<u4"), ("end_chrom", "<u4"), ("end", "<u4"), ("offset", "<u8")])
_LEAF: Final = np.dtype([*_PLACE.descr, ("size", "<u8")])
_CORNERS: Final = ((0, "chrom"), (0, "start"), (-1, "end_chrom"), (-1, "end"))


def chromosome_tree(sizes: Mapping[str, int], place: int) -> bytes:
    """Return the names and lengths of chromosomes as a tree by name, to be written at this place of the file."""
    names = sorted((name.encode(), i, size) for i, (name, size) in enumerate(sizes.items()))
    width = max((len(name) for name, _, _ in names), default=1)
    items = [name.ljust(width, b"\0") + struct.pack("<II", i, size) for name, i, size in names]
    leaves = [items[at : at + _MOST_NAMES] for at in range(0, max(1, len(items)), _MOST_NAMES)]
    texts = [struct.pack("<BBH", True, 0, len(leaf)) + b"".join(leaf) for leaf in leaves]
    if len(leaves) > 1:
        at = place + TREE_HEADER.size + 4 + len(leaves) * (width + 8)
        root = struct.pack("<BBH", False, 0, len(leaves))
        for leaf, text in zip(leaves, texts, strict=True):
            root += leaf[0][:width] + struct.pack("<Q", at)
            at += len(text)
        texts.insert(0, root)
    return TREE_HEADER.pack(TREE_MAGIC, _MOST_NAMES, width, 8, len(items), 0) + b"".join(texts)


class Index:
    """Where in the file the values of which bases are."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.void]] = []
        self.n = 0

    def add(self, chrom: int, start: NDArray[np.uint32], end: NDArray[np.uint32], offset: int, size: int) -> None:
        """Add sections of `size` bytes that follow one another from `offset` on."""
        part = np.empty(len(start), dtype=_LEAF)
        part["chrom"] = part["end_chrom"] = chrom
        part["start"], part["end"], part["size"] = start, end, size
        part["offset"] = offset + np.arange(len(start)) * size
        self._parts.append(part)
        self.n += len(part)

    def to_bytes(self, place: int, per_item: int, shift: int = 0) -> bytes:
        """Return the index as a tree, to be written at this place of the file; data lie `shift` bytes further on."""
        items = np.concatenate([np.zeros(0, dtype=_LEAF), *self._parts])
        items["offset"] += shift
        levels = [_nodes(items, leaf=True)]
        while len(levels[0]) > 1:
            levels.insert(0, _nodes(_spans(levels[0]), leaf=False))
        at = place + _INDEX_HEADER.size
        for upper, lower in pairwise(levels):
            at += upper.nbytes
            offsets = np.arange(upper["items"].size) * lower.itemsize + at
            upper["items"]["offset"] = offsets.reshape(upper["items"].shape)
        whole = [int(items[i][name]) for i, name in _CORNERS] if len(items) else [0, 0, 0, 0]
        header = _INDEX_HEADER.pack(_INDEX_MAGIC, _FANOUT, len(items), *whole, place, per_item, 0)
        return header + b"".join(level.tobytes() for level in levels)


def _nodes(items: NDArray[np.void], *, leaf: bool) -> NDArray[np.void]:
    """Put items into nodes of the index."""
    n = max(1, -(-len(items) // _FANOUT))
    nodes = np.zeros(n, dtype=[("leaf", "u1"), ("_", "u1"), ("count", "<u2"), ("items", items.dtype, (_FANOUT,))])
    nodes["leaf"], nodes["count"] = leaf, _FANOUT
    nodes["count"][-1] = len(items) - (n - 1) * _FANOUT
    nodes["items"] = np.concatenate([items, np.zeros(n * _FANOUT - len(items), items.dtype)]).reshape(n, _FANOUT)
    return nodes


def _spans(nodes: NDArray[np.void]) -> NDArray[np.void]:
    """Return what each node spans, as items of the nodes above."""
    spans = np.zeros(len(nodes), dtype=_PLACE)
    last = nodes["items"][np.arange(len(nodes)), nodes["count"] - 1]
    for name in ("chrom", "start"):
        spans[name] = nodes["items"][name][:, 0]
    for name in ("end_chrom", "end"):
        spans[name] = last[name]
    return spans

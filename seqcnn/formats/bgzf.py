"""BGZF, the gzip in blocks that bgzip writes: indexed files of the field are packed so."""

from __future__ import annotations

import os
import struct
import zlib
from os import PathLike
from typing import Final

from seqcnn.errors import InputError

BLOCK_BYTES: Final = 0xFF00
"""Most bytes in a block before packing, as in bgzip."""

LEVEL: Final = 2
"""Of zlib: files are a seventh larger than at its usual level, in a quarter of the time."""

END: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that a whole file ends with."""

_HEAD: Final = bytes.fromhex("1f8b08040000000000ff060042430200")


def pack(data: bytes) -> list[bytes]:
    """Return the blocks of some bytes; each block but the last holds :data:`BLOCK_BYTES`.

    References
    ----------
    The SAM/BAM format specification, section 4.1.
    """
    blocks = []
    for start in range(0, len(data), BLOCK_BYTES):
        part = data[start : start + BLOCK_BYTES]
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
        body = packer.compress(part) + packer.flush()
        if len(body) + 26 > 1 << 16:  # what cannot be packed is stored as it is
            packer = zlib.compressobj(0, zlib.DEFLATED, -15)
            body = packer.compress(part) + packer.flush()
        blocks.append(
            _HEAD + struct.pack("<H", len(body) + 25) + body + struct.pack("<LL", zlib.crc32(part), len(part))
        )
    return blocks


def check_whole(path: str | PathLike[str]) -> None:
    """Raise InputError if a file is BGZF but lacks the block that ends it; other files pass."""
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        head = file.read(len(_HEAD))
        if len(head) < len(_HEAD) or head[:4] != _HEAD[:4] or head[10:16] != _HEAD[10:16]:
            return
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(END)))
        tail = file.read()
    if tail != END:
        raise InputError(
            "is truncated: the block that ends a BGZF file is missing", path, hint="copy or download the file again"
        )

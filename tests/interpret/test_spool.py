"""Arrays come back as they were laid aside, as often as wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcnn.interpret.spool import Spool


def test_blocks_come_back(tmp_path: Path) -> None:
    """Of any types and shapes, empty ones too; nothing is left in the folder."""
    blocks = [
        [np.arange(3), np.array(["chr1", "chrX"]), np.zeros((0, 2), np.float32)],
        [np.array([True, False])],
    ]
    with Spool(tmp_path) as spool:
        for block in blocks:
            spool.append(block)
        for _ in range(2):
            for block, found in zip(blocks, spool, strict=True):
                for array, back in zip(block, found, strict=True):
                    np.testing.assert_array_equal(array, back)
                    assert array.dtype == back.dtype
        with pytest.raises(ValueError, match="allow_pickle"):
            spool.append([np.array([None], dtype=object)])
    assert not list(tmp_path.iterdir())

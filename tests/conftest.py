"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published data sets; $SEQCNN_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("SEQCNN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"published data sets are not here ({folder}); set SEQCNN_DATA")
    return folder

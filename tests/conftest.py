"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Have every test begin with one thread, as arrays are small here; what a test or a command sets ends with it."""
    _set_one_thread()
    yield
    _set_one_thread()


def _set_one_thread() -> None:
    torch = sys.modules.get("torch")  # tests that need none do not load it
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published data sets; $SEQCNN_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("SEQCNN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"published data sets are not here ({folder}); set SEQCNN_DATA")
    return folder

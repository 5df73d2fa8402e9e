"""Fixtures that every test may use, and what keeps the whole suite quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent


settings.register_profile("quick", max_examples=40)


def pytest_configure(config: pytest.Config) -> None:
    """Try fewer examples of each property, unless slow tests are asked for too."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what takes longest first, so that no process is left with it when the others have ended."""
    items.sort(key=lambda item: (item.path.name != "test_readme.py", item.path.parent.name != "cli"))


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


@contextmanager
def few_resamples() -> Iterator[None]:
    """Resample for intervals a few times only: what they are has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqcnn.training.judging.N_BOOTSTRAP", 20)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published data sets; $SEQCNN_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("SEQCNN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"published data sets are not here ({folder}); set SEQCNN_DATA")
    return folder

"""seqcnn: DeepBind-style convolutional networks for DNA- and RNA-protein binding.

The names in ``__all__`` are the public interface; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqcnn.version import __version__

if TYPE_CHECKING:
    from seqcnn.api import dinucleotide_shuffle, fit, load, one_hot

__all__ = ["__version__", "dinucleotide_shuffle", "fit", "load", "one_hot"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("seqcnn.api"), name)
    raise AttributeError(f"module 'seqcnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

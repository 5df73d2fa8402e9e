"""One architecture a file, found by the file's name; each defines `Settings` and `Model`.

What a file may say besides: in its first line, after a colon, its shape; ``LINEAGE``; and ``TRAINING``, the training
options that are good for it where they are not the usual ones. See :mod:`seqcnn.models.catalogue` for what is read of
`Settings`.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqcnn.errors import UsageError

if TYPE_CHECKING:
    from seqcnn.models.network import Network


def names() -> list[str]:
    """Return the architectures there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def check(name: str) -> None:
    """Raise UsageError if there is no such architecture."""
    if name not in names():
        raise UsageError(f"unknown architecture {name!r}; there are: {', '.join(names())}")


def find(name: str) -> type[Network]:
    """Return the class of an architecture.

    Raises
    ------
    UsageError
        If there is no such architecture.
    """
    check(name)
    model: type[Network] = import_module(f"{__name__}.{name}").Model
    return model


def gives_bases(name: str) -> bool:
    """Say whether networks of an architecture score every base."""
    return find(name).gives_bases


def create(name: str, options: dict[str, Any]) -> Network:
    """Build a network.

    Parameters
    ----------
    name : str
        A file of this folder.
    options : dict
        Fields of its ``Settings``.

    Raises
    ------
    UsageError
        If there is no such architecture, or it has no such option.
    """
    model = find(name)
    settings = import_module(model.__module__).Settings
    known = [field.name for field in dataclasses.fields(settings)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(f"architecture {name} has no option {unknown[0]!r}; it has: {', '.join(known)}")
    return model(settings(**options))

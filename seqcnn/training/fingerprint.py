"""What a fit is made of, in few words: its options, its shape, and digests of its data and initial weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from os import PathLike, fspath
from typing import Any, Final

from seqcnn.errors import UsageError
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.averaging import Averaging
from seqcnn.training.digest import digest, sketch
from seqcnn.training.fit import Fit

SHOWN: Final = 3
"""Differences that are told."""


def fingerprint(fit: Fit, also: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what two fits that become the same have in common.

    Parameters
    ----------
    fit : Fit
        That has not begun.
    also : mapping, optional
        More that must be the same, named as in a message; what can be JSON.

    Returns
    -------
    dict
        As it is when it has been through JSON.
    """
    network, plan, weight = fit.network, fit.plan, fit.objective.class_weight
    shape = asdict(network.settings) | {"architecture": type(network).__module__.rpartition(".")[2]}
    shape["members"] = shape.pop("n_members")
    members = {"dropout": network.dropouts, "initial scale": [s and asdict(s) for s in network.scales]}
    planned: dict[str, Any] = {}
    for field in fields(plan):
        value = getattr(plan, field.name)
        if isinstance(value, Augmentation | Averaging):
            planned |= asdict(value)
        elif field.name != "rates":
            planned[field.name] = value
    for name in asdict(plan.rates[0]):
        members[name] = [getattr(rates, name) for rates in plan.rates]
    data = {
        "training examples": fit.feed.digest(),
        "validation examples": digest(fit.valid) if fit.valid is not None else None,
        "class weights": weight.tolist() if weight is not None else None,
        "initial weights": sketch(fit.optimiser.weights),
        "frozen weights": sorted(network.frozen),
    }
    found = dict(also or {}) | shape | planned | {name: _one(values) for name, values in members.items()} | data
    through: dict[str, Any] = json.loads(json.dumps(found))
    return through


def _one(values: Any) -> Any:
    """Return the value that all members share, or the list."""
    return values[0] if all(value == values[0] for value in values) else list(values)


def check_same(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    path: str | PathLike[str],
    otherwise: str = "begin anew with --force",
) -> None:
    """Refuse to go on with what another fit has left; `otherwise` is what can be done instead.

    Raises
    ------
    UsageError
        Says what differs.
    """
    names = [name for name in {**now, **before} if json.dumps(now.get(name)) != json.dumps(before.get(name))]
    if not names:
        return
    differ = [(name, before.get(name), now.get(name)) for name in names]
    raise UsageError(
        f"{fspath(path)}: is of another run ({say_differences(differ)}); give the data and options it was begun with, "
        f"or {otherwise}"
    )


def say_differences(differ: Sequence[tuple[str, Any, Any]]) -> str:
    """Say in words what was one thing before and is another now: a name, and both."""
    more = f", and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
    return ", ".join(_difference(*each) for each in differ[:SHOWN]) + more


def _difference(name: str, before: Any, now: Any) -> str:
    """Say how an entry differs; digests, and what would be long, only that they do."""
    plain = all(value is None or isinstance(value, bool | int | float | str) for value in (before, now))
    if not plain or " " in name or name == "data":
        return f"other {name}"
    return f"{name} was {_word(before)}, is {_word(now)}"


def _word(value: Any) -> str:
    return "not set" if value is None else str(value)

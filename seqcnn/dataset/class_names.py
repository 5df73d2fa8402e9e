"""Classes by name: numbered as they are met, and in order in the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.table import MISSING

MOST: Final = 1000
"""More classes than this are taken for a mistake, such as a column of names."""

_NO_CLASS: Final = MISSING - {"none"}
"""What the cell of an example of unknown class looks like; "none" may well be a class."""


class ClassNames:
    """The classes of a set that is being read.

    Parameters
    ----------
    known : sequence of str
        The only classes there may be, numbered in this order; empty for any.
    """

    def __init__(self, known: Sequence[str] = ()) -> None:
        self._known = tuple(known)
        self._numbers = {name: i for i, name in enumerate(known)}

    def number(self, name: str) -> float:
        """Return the number of a class, a new one for a new class, or NaN where the name says that none is known.

        Raises
        ------
        ValueError
            If it is not one of the known classes, or there are too many.
        """
        name = name.strip()
        found = self._numbers.get(name)
        if found is not None:
            return float(found)
        if name.lower() in _NO_CLASS:
            return math.nan
        if self._known:
            raise ValueError(f"class {name!r} is not one of the model's: {', '.join(self._known[:20])}")
        if len(self._numbers) == MOST:
            raise ValueError(f"more than {MOST:,} classes; is it the name of a class?")
        return float(self._numbers.setdefault(name, len(self._numbers)))

    def adopt(self, targets: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float32]:
        """Return targets with the numbers that classes have here; NaN stays.

        Parameters
        ----------
        targets : ndarray of float32
            Numbers of `names`.
        names : sequence of str
            Empty: whole numbers are their own names.

        Raises
        ------
        ValueError
            If a target is not the number of a class, or see :meth:`number`.
        """
        there = ~np.isnan(targets)
        values, which = np.unique(targets[there], return_inverse=True)
        numbers = np.empty(len(values), dtype=np.float32)
        for i, value in enumerate(values.tolist()):
            if not value.is_integer() or (names and not 0 <= value < len(names)):
                raise ValueError(f"the target {value:g} is not the number of a class")
            numbers[i] = self.number(names[int(value)] if names else f"{value:.0f}")
        adopted = targets.copy()
        adopted[there] = numbers[which]
        return adopted

    def order(self) -> tuple[list[str], NDArray[np.float32]]:
        """Return the names of all classes, and for each number that was given its place among them.

        Known classes keep their order; others are sorted, by their value where all are numbers.
        """
        names = list(self._numbers)
        if not self._known:
            values = [_value(name) for name in names]
            numeric = None not in values
            names.sort(key=lambda name: (_value(name) or 0 if numeric else 0, name))
        place = {name: i for i, name in enumerate(names)}
        return names, np.array([place[name] for name in self._numbers], dtype=np.float32)


def renumber(numbers: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return for each class number what `places` has for it; NaN stays."""
    there = ~np.isnan(numbers)
    out = numbers.copy()
    out[there] = places[numbers[there].astype(np.intp)]
    return out


def _value(name: str) -> float | None:
    try:
        value = float(name)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

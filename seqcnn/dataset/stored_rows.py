"""The rows of an encoded dataset as examples, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import UNKNOWN, Examples, Origin
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.contexts import N_CONTEXTS, in_context
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
from seqcnn.sequence.windows import Windows

LETTERS: Final = 1 << 23
"""Read or written at a time, at most, unless a single sequence is longer."""


def read_chunks(file: h5py.File, last: int, size: int) -> Iterator[Examples]:
    """Yield the first `last` examples, `size` at a time, fewer where they are long.

    Raises
    ------
    KeyError, ValueError, IndexError
        If the columns of the file do not go together.
    """
    encoded = "codes" in file
    names = {name: file[f"{name}_names"].asstr()[:] for name in ("chrom", "split") if encoded and name in file}
    start = 0
    while start < last:
        rows = slice(start, min(last, start + size))
        if encoded:
            bounds = file["offsets"][rows.start : rows.stop + 1]
            fit = int(np.searchsorted(bounds, bounds[0] + LETTERS, side="right")) - 1
        else:
            fit = LETTERS // max(1, 4 * file["one_hot"].shape[2])
        rows = slice(start, min(rows.stop, start + max(1, fit)))
        yield _encoded(file, rows, names) if encoded else _one_hot_only(file, rows)
        start = rows.stop


def _encoded(file: h5py.File, rows: slice, names: dict[str, NDArray[Any]]) -> Examples:
    windows = None
    if "chrom" in names:
        strand = file["strand"][rows].astype(str)
        size = file["chrom_size"][rows] if "chrom_size" in file else None
        windows = Windows(names["chrom"][file["chrom"][rows]], file["start"][rows], file["end"][rows], strand, size)
    return Examples(
        _sequences(file, rows),
        _rows(file, "names", "name_offsets", rows),
        _targets(file, rows),
        file["origin"][rows],
        windows,
        names["split"][file["split"][rows]] if "split" in names else None,
        _weights(file, rows),
        _bound(file, rows),
    )


def read_bare(file: h5py.File, rows: slice) -> Examples:
    """Return examples without their names, places and parts, which a fit has no use for.

    Raises
    ------
    KeyError, ValueError, IndexError
        If the columns of the file do not go together.
    """
    if "codes" not in file:
        return _one_hot_only(file, rows)
    sequences = _sequences(file, rows)
    nameless = Ragged(np.zeros(0, dtype=np.uint8), np.zeros(len(sequences) + 1, dtype=np.int64))
    return Examples(
        sequences,
        nameless,
        _targets(file, rows),
        file["origin"][rows],
        weights=_weights(file, rows),
        bound=_bound(file, rows),
    )


def _sequences(file: h5py.File, rows: slice) -> Ragged:
    """Return sequences, their bases in contexts where there are such."""
    sequences = _rows(file, "codes", "offsets", rows)
    if sequences.data.max(initial=0) > N_CODE:
        raise ValueError(f"code {sequences.data.max()} is not a letter")
    if "contexts" not in file:
        return sequences
    contexts = _rows(file, "contexts", "offsets", rows).data
    if contexts.max(initial=0) > N_CONTEXTS:
        raise ValueError(f"{contexts.max()} is not a context")
    return Ragged(in_context(sequences.data, contexts), sequences.offsets)


def _one_hot_only(file: h5py.File, rows: slice) -> Examples:
    """Return examples; a column that is not exactly one base is N."""
    array = file["one_hot"][rows]
    codes = array.argmax(1).astype(np.uint8)
    known = (array.max(1) == 1) & (np.count_nonzero(array, axis=1) == 1)
    codes[~known] = N_CODE
    sequences = Ragged(codes.reshape(-1), offsets_of(np.full(len(array), array.shape[2])))
    names = from_text(f"row_{i + 1}" for i in range(rows.start, rows.stop))
    origin = np.full(len(array), Origin.GIVEN, dtype=np.uint8)
    return Examples(sequences, names, _targets(file, rows), origin, weights=_weights(file, rows))


def _targets(file: h5py.File, rows: slice) -> NDArray[np.float32] | None:
    """Return targets, shape (n, n_targets)."""
    if "targets" not in file:
        return None
    targets: NDArray[np.float32] = file["targets"][rows].astype(np.float32, copy=False)
    return targets.reshape(len(targets), -1)


def _weights(file: h5py.File, rows: slice) -> NDArray[np.float32] | None:
    """Return weights, shape (n,)."""
    if "weights" not in file:
        return None
    weights: NDArray[np.float32] = file["weights"][rows].astype(np.float32, copy=False)
    if not (weights >= 0).all():
        raise ValueError(f"a weight is {weights[~(weights >= 0)][0]}, not 0 or more")
    return weights


def _bound(file: h5py.File, rows: slice) -> Ragged | None:
    """Return which bases are bound."""
    if "bound" not in file:
        return None
    bound = _rows(file, "bound", "offsets", rows)
    if bound.data.max(initial=0) > UNKNOWN:
        raise ValueError(f"bound is {bound.data.max()}, not 0, 1 or {UNKNOWN}")
    return bound


def _rows(file: h5py.File, data: str, offsets: str, rows: slice) -> Ragged:
    bounds = file[offsets][rows.start : rows.stop + 1]
    if (np.diff(bounds) < 0).any():
        raise ValueError(f"{offsets} decrease")
    return Ragged(file[data][bounds[0] : bounds[-1]], bounds - bounds[0])

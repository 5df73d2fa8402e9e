"""What mutations do, as arrays for other tools: HDF5, written chunk by chunk, or NPZ, held in memory until the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import Any, Final, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.formats.output import atomic_path
from seqcnn.interpret.mutate import Changes, rectangle
from seqcnn.sequence.alphabet import N_CODE

FORMATS: Final = ("h5", "npz")

Array = NDArray[Any]


class Sink(Protocol):
    """Takes chunks of arrays, to be put one after another along the first axis."""

    def append(self, arrays: Mapping[str, Array]) -> None:
        """Take a chunk: the same names each time; the last axis may be longer or shorter than before."""


def arrays(chunk: Examples, changes: Changes, *, placed: bool) -> dict[str, Array]:
    """Lay a chunk out in rectangles, short sequences filled up at their end with NaN (codes: N).

    Parameters
    ----------
    chunk : Examples
    changes : Changes
    placed : bool
        Whether places in a genome are wanted; chromosome "" where there is none.

    Returns
    -------
    dict of str to ndarray
        ``names``, ``codes`` (n, length), ``lengths``, ``reference`` (n,), ``delta`` (n, 4, length); where there are
        such, ``delta_sd``, ``deletion`` (n, length), ``insertion_X`` (n, length + 1), and ``chrom``, ``start``,
        ``end``, ``strand``, ``gap`` and ``from_baseline``. With several targets there is an axis for them after the
        first.
    """
    sequences, single = chunk.sequences, changes.reference.shape[1] == 1
    out: dict[str, Array] = {
        "names": np.array(chunk.names.decode(), dtype=object),
        "codes": sequences.padded(fill=N_CODE),
        "lengths": sequences.lengths,
        "reference": changes.reference,
        "delta": rectangle(changes.substitution, sequences.lengths),
    }
    if changes.deletion is not None:
        out["deletion"] = rectangle(changes.deletion, sequences.lengths)
    for letters, change in changes.insertion.items():
        out[f"insertion_{letters.upper()}"] = rectangle(change, sequences.lengths + 1)
    if changes.spread is not None:
        out["delta_sd"] = rectangle(changes.spread.substitution, sequences.lengths)
    if changes.gap is not None and changes.from_baseline is not None:
        out |= {"gap": changes.gap, "from_baseline": changes.from_baseline}
    if single:
        of_targets = [name for name in out if name not in ("names", "codes", "lengths")]
        out |= {name: out[name][:, 0] for name in of_targets}
    return out | _places(chunk) if placed else out


def _places(chunk: Examples) -> dict[str, Array]:
    windows = chunk.windows
    if windows is None:
        nowhere, text = np.full(len(chunk), -1, dtype=np.int64), np.full(len(chunk), "", dtype=object)
        return {"chrom": text, "start": nowhere, "end": nowhere, "strand": text}
    strand = windows.strand if windows.strand is not None else np.full(len(windows), "+")
    return {"chrom": windows.chrom, "start": windows.start, "end": windows.end, "strand": strand.astype(object)}


@contextmanager
def open_arrays(path: str | PathLike[str], about: Mapping[str, Any]) -> Iterator[Sink]:
    """Write arrays to a file whose name ends in .h5 or .npz; it is there when it is whole.

    Parameters
    ----------
    path : str or path
    about : mapping
        What the file is to say of itself: attributes (HDF5), or arrays of their own (NPZ).
    """
    with atomic_path(path) as temporary:
        if str(path).endswith(".h5"):
            with h5py.File(temporary, "w") as file:
                file.attrs.update(about)
                yield _Hdf5(file)
        else:
            held = _Held()
            yield held
            with open(temporary, "wb") as opened:
                every: dict[str, Any] = {**held.joined(), **{name: np.array(value) for name, value in about.items()}}
                np.savez_compressed(opened, **every)


class _Hdf5:
    """Datasets that grow along the first axis and, where sequences are longer than before, the last."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file

    def append(self, arrays: Mapping[str, Array]) -> None:
        for name, values in arrays.items():
            if name not in self.file:
                self._create(name, values)
            dataset, first = self.file[name], len(self.file[name])
            width = values.shape[-1] if values.ndim > 1 else None
            shape = [first + len(values), *dataset.shape[1:]]
            if width is not None:
                shape[-1] = max(shape[-1], width)
            dataset.resize(shape)
            dataset[first:] = values if width is None else _widened(values, name, shape[-1])

    def _create(self, name: str, values: Array) -> None:
        text = values.dtype == object
        grows = values.ndim > 1 and name not in ("reference", "gap", "from_baseline")
        limits = (None, *values.shape[1:-1], *([None] if grows else values.shape[-1:] if values.ndim > 1 else []))
        fill = N_CODE if name == "codes" else np.nan if values.dtype.kind == "f" else None
        self.file.create_dataset(
            name,
            shape=(0, *values.shape[1:]),
            maxshape=limits,
            dtype=h5py.string_dtype() if text else values.dtype,
            fillvalue=fill,
            compression=None if text else "gzip",
            compression_opts=None if text else 1,
            shuffle=not text,
            chunks=True,
        )


class _Held:
    """Chunks that are held until the end."""

    def __init__(self) -> None:
        self.parts: list[Mapping[str, Array]] = []

    def append(self, arrays: Mapping[str, Array]) -> None:
        self.parts.append(arrays)

    def joined(self) -> dict[str, Array]:
        """Return the chunks one after another; text as fixed-width, which needs no pickle."""
        out: dict[str, Array] = {}
        for name in self.parts[0] if self.parts else ():
            parts = [part[name] for part in self.parts]
            if parts[0].dtype == object:
                out[name] = np.concatenate(parts).astype(str)
                continue
            longest = max(part.shape[-1] for part in parts) if parts[0].ndim > 1 else None
            out[name] = np.concatenate([part if longest is None else _widened(part, name, longest) for part in parts])
        return out


def _widened(values: Array, name: str, width: int) -> Array:
    missing = [(0, 0)] * (values.ndim - 1) + [(0, width - values.shape[-1])]
    return np.pad(values, missing, constant_values=N_CODE if name == "codes" else np.nan)

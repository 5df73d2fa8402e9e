"""What embed writes: features as a table or as HDF5, or the nearest classes as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.cli.streams import opened, write_text
from seqcnn.errors import UsageError
from seqcnn.report.mutation_arrays import open_arrays
from seqcnn.report.row_tables import PLACE, place_columns

if TYPE_CHECKING:
    from seqcnn.dataset.examples import Examples
    from seqcnn.interpret.prototypes import Prototypes

Floats = NDArray[np.float32]
Take = Callable[["Examples", Floats, Sequence[str]], None]
"""Takes examples with their features, shape (n, n_features), and what these are called."""


def check_kind(output: str, *, table_only: bool) -> None:
    """Refuse a name that does not say the format.

    Raises
    ------
    UsageError
    """
    if output.endswith(".h5") and table_only:
        raise UsageError(f"--nearest writes a table: name a .tsv file, not {output}")
    if output != "-" and not output.endswith((".h5", ".tsv")) and not output.startswith("/dev/"):
        raise UsageError(f"{output}: the name must end in .tsv or .h5, or be - for standard output")


@contextmanager
def open_writer(
    output: str, about: Mapping[str, Any], prototypes: Prototypes | None, *, placed: bool
) -> Iterator[Take]:
    """Open what is written, a chunk at a time; it is there when it is whole.

    Parameters
    ----------
    output : str
        See :func:`check_kind`.
    about : mapping
        What an HDF5 file is to say of itself.
    prototypes : Prototypes or None
        Write how near the examples are to these classes instead of their features.
    placed : bool
        Whether places in a genome are wanted.
    """
    if output.endswith(".h5"):
        with open_arrays(output, about) as sink:
            known = False

            def to_arrays(chunk: Examples, features: Floats, names: Sequence[str]) -> None:
                nonlocal known
                if not known:
                    sink.append({"feature_names": np.array(names, dtype=object)})
                known = True
                arrays = {"names": np.array(chunk.names.decode(), dtype=object), "features": features}
                if placed:
                    cells = zip(PLACE, place_columns(chunk), strict=True)
                    arrays |= {name: np.array(column, dtype=object) for name, column in cells}
                    arrays |= {name: arrays[name].astype(np.int64) for name in ("start", "end")}
                sink.append(arrays)

            yield to_arrays
        return
    with opened(output) as out:
        header = True

        def to_table(chunk: Examples, features: Floats, names: Sequence[str]) -> None:
            nonlocal header
            titles, columns = ["name"], [chunk.names.decode()]
            if placed:
                titles, columns = [*titles, *PLACE], [*columns, *place_columns(chunk)]
            if prototypes is not None:
                titles, columns = [*titles, "nearest"], [*columns, _nearest(prototypes, features)]
                names, features = _nearness(prototypes, features)
            rows = ["\t".join([*titles, *names])] if header else []
            header = False
            for first, values in zip(zip(*columns, strict=True), features.tolist(), strict=True):
                rows.append("\t".join([*first, *(f"{value:.6g}" for value in values)]))
            write_text(out, "\n".join(rows) + "\n")

        yield to_table


def _nearest(prototypes: Prototypes, features: Floats) -> list[str]:
    called = (*prototypes.names, ".")  # the last is that of number -1
    return [called[number] for number in prototypes.classify(features).nearest]


def _nearness(prototypes: Prototypes, features: Floats) -> tuple[list[str], Any]:
    """Return the columns of each class."""
    found = prototypes.classify(features)
    what = "similarity" if prototypes.metric == "cosine" else "distance"
    titles = [f"{name}_{column}" for name in prototypes.names for column in (what, "probability")]
    return titles, np.stack([found.values, found.probability], axis=2).reshape(len(features), -1)

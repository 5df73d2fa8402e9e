"""How inputs are read, and what is counted meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from seqcnn.dataset.folding import Folding
from seqcnn.dataset.prepare_options import PrepareOptions

FORMATS: Final = ("auto", "fasta", "fastq", "bed", "table", "h5")


@dataclass(frozen=True, slots=True)
class BoundOptions:
    """Which bases of windows around regions are taken to be bound.

    Parameters
    ----------
    width : int or None
        Those so many bp around each summit or midpoint; None: those in the regions as they are.
    seed : int
        Of where windows lie around them.
    """

    width: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How inputs are read.

    Parameters
    ----------
    format : str
        One of :data:`FORMATS`; "auto" goes by the first bytes.
    alphabet : {"dna", "rna"} or None
        None: DNA, and sequences with U are refused until the user says which.
    genome : str or None
        FASTA that regions are cut from.
    length : int or None
        Length of the windows around summits or midpoints, bp; None: `usual_length`.
    usual_length : int or None
        The same where regions are read and nothing else is said, such as what a model was trained on; None: regions as
        they are.
    sequence_column, name_column, split_column : str or None
        Columns of tables, by name or 1-based number.
    target_columns : tuple of str or None
        None: found by name; empty: no targets.
    weight_column : str or None
        Column of tables and regions that says how much each example counts, by name or 1-based number.
    likely_targets : tuple of str
        What the target columns are called where none are said, if the table has them all.
    task : str or None
        What the targets are, see :mod:`seqcnn.models.tasks`: names of classes for "multiclass", else numbers.
    classes : tuple of str
        The only classes there may be; empty for any.
    header : bool or None
        Whether tables have one; None: found out.
    label_pattern : str or None
        Regular expression whose first group is the label in a FASTA header.
    prepare : PrepareOptions or None
        What is made of the targets of an in-vitro assay; None: they are taken as they are.
    structure : {"none", "fold", "read"} or None
        Whether sequences are RNA with structures, which are folded, or read from the second line of each record; None:
        those that are encoded in a dataset.
    folding : Folding
    bound : BoundOptions or None
        Which bases are bound, to be known beside the targets of regions; None: that is not looked at.
    """

    format: str = "auto"
    alphabet: str | None = None
    genome: str | None = None
    length: int | None = None
    sequence_column: str | None = None
    target_columns: tuple[str, ...] | None = None
    name_column: str | None = None
    split_column: str | None = None
    header: bool | None = None
    label_pattern: str | None = None
    likely_targets: tuple[str, ...] = ()
    usual_length: int | None = None
    weight_column: str | None = None
    task: str | None = None
    classes: tuple[str, ...] = ()
    prepare: PrepareOptions | None = None
    structure: str | None = None
    folding: Folding = field(default_factory=Folding)
    bound: BoundOptions | None = None


@dataclass(slots=True)
class Tally:
    """What happened while reading: counts for run.json, notes for the user."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    on_folded: Callable[[int], object] | None = None
    """Called with the number of sequences that were folded since, see :mod:`seqcnn.dataset.folding`."""

    def note(self, text: str) -> None:
        """Keep a note, once."""
        if text not in self.notes:
            self.notes.append(text)

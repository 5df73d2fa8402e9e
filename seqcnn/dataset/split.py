"""Train, validation and test: by chromosome, column, file or at random, near-duplicates never on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.chromosomes import reconcile
from seqcnn.dataset.duplicates import keep_together
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.relatives import related_groups, shuffled_from
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.stream import open_input, shown_path

PARTS: Final = ("train", "valid", "test")
_ALIASES: Final = {"val": "valid", "validation": "valid", "dev": "valid", "training": "train", "testing": "test"}


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How examples are divided.

    Parameters
    ----------
    valid_chroms, test_chroms : tuple of str
        Chromosomes held out.
    valid_fraction : float
        Share of what is left that validates, at random within each class; used where neither chromosomes, a column nor
        a file give a validation part.
    test_fraction : float
        Share of all that tests, likewise.
    split_file : str or None
        Table of name and part (train, valid, test), without a header.
    """

    valid_chroms: tuple[str, ...] = ()
    test_chroms: tuple[str, ...] = ()
    valid_fraction: float = 0.1
    test_fraction: float = 0.0
    split_file: str | None = None


@dataclass(slots=True)
class Split:
    """The part of each example, and what was done to get there."""

    part: NDArray[Any]
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rows(self, part: str) -> NDArray[np.intp]:
        """Return the rows of a part."""
        return np.flatnonzero(self.part == part)


def assign(
    examples: Examples, options: SplitOptions, *, both_strands: bool, seed: int, multiclass: bool = False
) -> Split:
    """Divide examples.

    Parameters
    ----------
    examples : Examples
        With targets.
    options : SplitOptions
    both_strands : bool
        A sequence and its reverse complement are the same.
    seed : int
    multiclass : bool
        Targets are the numbers of classes, each of which gives its share to every part.

    Raises
    ------
    InputError
        If there is nothing on a chromosome, the split file leaves out a given example, or the split column says
        something else than train, valid or test.
    UsageError
        If a chromosome is to be in two parts, or examples have no places.

    Notes
    -----
    Where the column says nothing (as of negatives from another file), and where the split file does not name a
    genomic negative, the part is drawn, in the shares of the others.
    """
    split = Split(np.full(len(examples), "train", dtype=object))
    said = options.split_file is not None or examples.split is not None
    if options.split_file is not None:
        split.part = _from_file(examples, options.split_file)
    elif examples.split is not None:
        split.part = _from_column(examples.split)
    _fill_up(split, np.random.default_rng([seed, 4]))
    _by_chromosome(split, examples, options)
    said = said or bool(options.valid_chroms or options.test_chroms)
    rng = np.random.default_rng([seed, 3])
    parent = shuffled_from(examples)
    own = parent < 0
    for part, fraction in (("test", options.test_fraction), ("valid", options.valid_fraction)):
        if fraction and not (split.part == part).any():
            _draw(split.part, _classes(examples, multiclass), part, fraction, own, rng)
    _keep_together(split, related_groups(examples, both_strands), own, said=said)
    split.part[~own] = split.part[parent[~own]]
    for part in PARTS:
        split.counts[part] = int(np.count_nonzero(split.part == part))
    wanted = {
        "valid": options.valid_chroms or options.valid_fraction,
        "test": options.test_chroms or options.test_fraction,
    }
    for part, asked in wanted.items():
        if asked and not split.counts[part]:
            split.notes.append(f"no examples are left for {part}: too few, or near-duplicates of training examples")
    return split


def _keep_together(split: Split, groups: NDArray[np.int64], counted: NDArray[np.bool_], *, said: bool) -> None:
    """Move near-duplicates and overlapping windows into one part.

    Where the user has said the parts, only toward training: nothing gets into a held-out part that was not put there.
    """
    before = split.part.copy()
    if said:
        rank = np.array([PARTS.index(part) for part in before.tolist()])
        lowest = np.full(int(groups.max(initial=0)) + 1, len(PARTS))
        np.minimum.at(lowest, groups, rank)
        split.part = np.array(PARTS, dtype=object)[lowest[groups]]
    else:
        split.part, _ = keep_together(before, groups)
    changed = (before != split.part) & counted
    split.counts["moved to keep near-duplicates together"] = int(np.count_nonzero(changed))
    ways = Counter(f"{a} to {b}" for a, b in zip(before[changed].tolist(), split.part[changed].tolist(), strict=True))
    if ways:
        counts = ", ".join(f"{n:,} from {way}" for way, n in sorted(ways.items()))
        split.notes.append(f"near-duplicates and overlapping windows are in one part of the split: {counts} moved")


def _fill_up(split: Split, rng: np.random.Generator) -> None:
    """Draw the part of examples that have none, in the shares of the others."""
    unknown = np.flatnonzero(split.part == "")
    if not len(unknown):
        return
    if len(unknown) == len(split.part):
        split.part[:] = "train"
        return
    known = split.part[split.part != ""]
    # Evenly over what is known, in random order, so that the shares are met as nearly as can be.
    drawn = rng.permutation(known)[np.arange(len(unknown)) % len(known)]
    split.part[unknown] = rng.permutation(drawn)
    split.counts["drawn a part, as none is said for them"] = len(unknown)
    split.notes.append(f"{len(unknown):,} examples for which no part is said are divided at random, as the others are")


def _by_chromosome(split: Split, examples: Examples, options: SplitOptions) -> None:
    """Move what is on the chromosomes that are held out."""
    held_out = np.zeros(len(examples), dtype=np.bool_)
    for part, chroms in (("valid", options.valid_chroms), ("test", options.test_chroms)):
        if chroms:
            rows = on_chromosomes(examples, chroms, split.notes)
            if (rows & held_out).any():
                both = sorted(set(options.valid_chroms) & set(options.test_chroms)) or [*chroms]
                raise UsageError(f"{', '.join(both)}: a chromosome cannot be in both the validation and the test part")
            held_out |= rows
            split.part[rows] = part
    nowhere = int(np.count_nonzero(examples.windows.chrom == "")) if examples.windows is not None else 0
    if held_out.any() and nowhere:
        split.notes.append(f"{nowhere:,} examples are on no chromosome, so that the split by chromosome leaves them")


def _from_column(column: NDArray[Any]) -> NDArray[Any]:
    part = np.array([part_of_word(value) for value in column.tolist()], dtype=object)
    unknown = [value for value, known in zip(column.tolist(), part.tolist(), strict=True) if known is None]
    if unknown:
        raise InputError(f"the split column says {unknown[0]!r}", hint="it may say train, valid or test")
    return part


def part_of_word(value: str) -> str | None:
    """Return the part that a word means: "" for an empty one, None for any other."""
    value = value.strip().lower()
    value = _ALIASES.get(value, value)
    return value if value in PARTS or not value else None


def _from_file(examples: Examples, path: str | PathLike[str]) -> NDArray[Any]:
    shown = shown_path(path)
    parts: dict[str, str] = {}
    with open_input(path) as stream:
        for number, line in enumerate(stream, 1):
            cells = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
            if not any(cells):
                continue
            part = part_of_word(cells[-1])
            if len(cells) != 2 or not part:
                raise InputError(f"{cells!r} is not a name and train, valid or test, separated by a tab", shown, number)
            if parts.setdefault(cells[0], part) != part:
                raise InputError(f"puts {cells[0]!r} in {part}, but in {parts[cells[0]]} before", shown, number)
    names = examples.names.decode()
    windows = np.isin(examples.origin, (Origin.GC, Origin.FLANK)).tolist()
    known = [
        parts.get(name, parts.get(name.removesuffix("_shuffled"), "" if made else None))
        for name, made in zip(names, windows, strict=True)
    ]
    missing = sum(part is None for part in known)
    if missing:
        first = names[known.index(None)]
        raise InputError(f"does not say the part of {missing} of {len(names)} examples, such as {first!r}", shown)
    return np.array(known, dtype=object)


def on_chromosomes(examples: Examples, chroms: Sequence[str], notes: list[str]) -> NDArray[np.bool_]:
    """Say which examples are on these chromosomes, names reconciled; a note is added where they were.

    Raises
    ------
    InputError, UsageError
        If there is nothing on one of them, or the examples have no places.
    """
    if examples.windows is None:
        raise UsageError("a split by chromosome needs regions (BED, narrowPeak) with --genome; use --valid-fraction")
    there = dict.fromkeys(name for name in examples.windows.chrom.tolist() if name)
    names, message = reconcile(chroms, dict.fromkeys(there, 0))
    for name in chroms:
        if name not in names:
            raise InputError(f"no example is on chromosome {name!r}", hint=f"there are: {', '.join(list(there)[:20])}")
    if message:
        notes.append(message.replace("in the peaks", "in the options").replace("in the genome", "here"))
    return np.isin(examples.windows.chrom.astype(str), [names[name] for name in chroms])


def _classes(examples: Examples, multiclass: bool) -> NDArray[np.float32]:
    """Return the class of each example by its first target, missing and other values being one of their own."""
    assert examples.targets is not None
    first = examples.targets[:, 0]
    return np.where(np.isnan(first), -1, first) if multiclass else np.where(np.isin(first, (0, 1)), first, 2)


def _draw(
    part: NDArray[Any],
    classes: NDArray[np.float32],
    name: str,
    fraction: float,
    own: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Move a share of the training examples of each class to a part; shuffles, which are not `own`, follow later."""
    left = (part == "train") & own
    for value in np.unique(classes[left]):
        rows = np.flatnonzero(left & (classes == value))
        n = round(fraction * len(rows))
        if n == 0 and len(rows) > 1:
            n = 1
        part[rng.permutation(rows)[:n]] = name

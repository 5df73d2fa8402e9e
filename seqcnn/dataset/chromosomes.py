"""Chromosome names of regions and of a genome brought together, and regions held against chromosome ends."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from os import PathLike
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.bed import Regions
from seqcnn.sequence.windows import Intervals

Path = str | PathLike[str]

_PREFIXES: Final = ("chromosome_", "chromosome", "chrom", "chr")
_MITOCHONDRION: Final = frozenset(("m", "mt", "mito", "mtdna", "mitochondrion"))
_MOST_COMPARED: Final = 10_000


def reconcile(
    chroms: Iterable[str], sizes: Mapping[str, int], where: str = "the peaks"
) -> tuple[dict[str, str], str | None]:
    """Find the genome's name for each chromosome.

    A name that the genome has is kept. Others are tried without ``chr`` or with it, then also in another case, without
    leading zeros and with the mitochondrion's names (M, MT, Mito) taken as one, and last with Roman and Arabic numbers
    taken as one: chr4, 4, chrIV and IV. Roman numbers are read on a side only where its names show that they are
    numbers: the genome has I, II, III, or the regions have II or III or IV and so on and no Arabic numbers. X counts
    as ten only among such names, and where the genome has a chromosome X of the same kind (as in the worm or in man),
    X is X. A name is matched only where one name of the genome, and no second name of the regions, comes to the same.

    Parameters
    ----------
    chroms : iterable of str
        Names in the regions; repeats count once.
    sizes : mapping of str to int
        Names in the genome.
    where : str
        What has the regions, for the message.

    Returns
    -------
    names : dict of str to str
        The genome's name for each name that could be matched.
    message : str or None
        One line for the user where names were changed.
    """
    chroms = list(dict.fromkeys(chroms))
    names = {name: name for name in chroms if name in sizes}
    theirs = _run_of_numerals(map(_plain, sizes))
    ours = theirs or _region_numerals(map(_plain, chroms))
    forms: list[tuple[Callable[[str], str], Callable[[str], str]]] = [
        (_bare, _bare),
        (_plain, _plain),
        (lambda name: _number(name, ours), lambda name: _number(name, theirs)),
    ]
    for of_region, of_genome in forms:
        known: dict[str, list[str]] = {}
        for name in sizes:
            known.setdefault(of_genome(name), []).append(name)
        for name in chroms:
            found = known.get(of_region(name), [])
            if name not in names and len(found) == 1:
                names[name] = found[0]
    taken = Counter(names.values())
    names = {name: target for name, target in names.items() if name == target or taken[target] == 1}
    changed = [(name, names[name]) for name in chroms if names.get(name, name) != name]
    if not changed:
        return names, None
    first, target = changed[0]
    count = "1 name" if len(changed) == 1 else f"{len(changed)} names"
    return names, f"chromosome names: {first} in {where} is {target} in the genome ({count} matched)"


def _bare(name: str) -> str:
    """Drop the prefix."""
    for prefix in _PREFIXES:
        if name.lower().startswith(prefix) and len(name) > len(prefix):
            return name[len(prefix) :]
    return name


def _plain(name: str) -> str:
    """Drop the prefix, the case, leading zeros and the mitochondrion's many names."""
    bare = _bare(name).lower()
    if bare in _MITOCHONDRION:
        return "m"
    return bare.lstrip("0") or bare


def _number(name: str, numerals: Mapping[str, int]) -> str:
    plain = _plain(name)
    return str(numerals.get(plain, plain))


def _roman(number: int) -> str:
    letters = ""
    for value, numeral in ((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
        count, number = divmod(number, value)
        letters += numeral * count
    return letters


_NUMERALS: Final = {_roman(number): number for number in range(1, 90)}


def _run_of_numerals(plain: Iterable[str]) -> dict[str, int]:
    """Return the Roman numbers among the names of a genome: I, II, III and on, without a gap."""
    have = set(plain)
    run: dict[str, int] = {}
    for numeral, number in _NUMERALS.items():
        if numeral not in have:
            break
        run[numeral] = number
    return run if len(run) >= 3 else {}


def _region_numerals(plain: Iterable[str]) -> dict[str, int]:
    """Return Roman numbers if the names of the regions are such: some of two letters, and no Arabic number."""
    have = set(plain)
    sure = any(len(name) > 1 and name in _NUMERALS for name in have)
    return _NUMERALS if sure and not any(name.isdigit() for name in have) else {}


def to_genome_names(
    regions: Regions, sizes: Mapping[str, int], path: Path, genome_path: Path
) -> tuple[Regions, str | None]:
    """Give regions the genome's chromosome names, and check that they lie inside the chromosomes.

    Parameters
    ----------
    regions : Regions
    sizes : mapping of str to int
        Length of each chromosome of the genome.
    path, genome_path : str or path
        Of the regions and of the genome, for messages.

    Returns
    -------
    regions : Regions
    message : str or None
        What :func:`reconcile` says.

    Raises
    ------
    InputError
        If a chromosome is not in the genome, or a region runs past the end of its chromosome.
    """
    names, message = reconcile(regions.chrom.tolist(), sizes)
    for i, name in enumerate(regions.chrom.tolist()):
        if name not in names:
            raise InputError(_unknown(name, sizes, genome_path), path, int(regions.line[i]))
    renamed = replace(regions, chrom=np.array([names[name] for name in regions.chrom.tolist()], dtype=object))
    check_bounds(renamed, sizes, path)
    return renamed, message


def _unknown(name: str, sizes: Mapping[str, int], genome_path: Path) -> str:
    message = f"chromosome {name!r} is not in the genome {genome_path}"
    near = difflib.get_close_matches(name, list(islice(sizes, _MOST_COMPARED)), n=1, cutoff=0.0)
    return f"{message}; nearest: {near[0]}" if near else message


def check_bounds(regions: Regions, sizes: Mapping[str, int], path: Path) -> None:
    """Refuse a region that runs past the end of its chromosome.

    Raises
    ------
    InputError
        Naming the line.
    """
    outside = np.flatnonzero(~inside(regions, sizes))
    if len(outside):
        i = int(outside[0])
        chrom, start, end = regions.chrom[i], int(regions.start[i]), int(regions.end[i])
        raise InputError(
            f"region {chrom}:{start}-{end} runs past the end of {chrom}, which has {sizes[chrom]} bases",
            path,
            int(regions.line[i]),
            hint="are the regions of this genome's assembly?",
        )


def inside(intervals: Intervals, sizes: Mapping[str, int]) -> NDArray[np.bool_]:
    """Say which intervals lie wholly inside their chromosome, shape (n,).

    Windows grown around a region near a chromosome end may not: drop and count those.
    """
    size = np.array([sizes[name] for name in intervals.chrom.tolist()], dtype=np.int64)
    return (intervals.start >= 0) & (intervals.end <= size)

"""HOMER motifs: a `>` line with consensus, name and detection threshold, then a row of probabilities a position.

http://homer.ucsd.edu/homer/motif/creatingCustomMotifs.html. Counts may stand in the place of probabilities.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.matrix_text import from_columns, parse_numbers, rounded
from seqcnn.formats.motif import Motif

_SITES: Final = re.compile(r"(?:^|,)T:([0-9.]+)")

LEAST_PROBABILITY: Final = 0.001
"""What HOMER takes for a base that never occurs."""

FALSE_POSITIVE_RATE: Final = 1e-4
"""Share of random positions that pass the threshold written for a motif without one of its own."""


def parse(lines: Sequence[str], path: str) -> list[Motif]:
    """Read the motifs of a HOMER file.

    Parameters
    ----------
    lines : sequence of str
        All of the file.
    path : str
        For messages.

    Returns
    -------
    list of Motif
        With threshold, and with nsites where the header says in how many targets the motif is. RNA where some
        consensus of the file has U and none has T.

    Raises
    ------
    InputError
        With the line.
    """
    solid = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    headers = [i for i, (_, line) in enumerate(solid) if line.startswith(">")]
    if solid and headers[:1] != [0]:
        raise InputError("a matrix without a line '>consensus name threshold' before it", path, solid[0][0])
    letters = {letter for i in headers for letter in solid[i][1][1:].split("\t")[0].upper()}
    alphabet = "rna" if "U" in letters and "T" not in letters else "dna"
    return [
        _motif(*solid[begin], solid[begin + 1 : end], alphabet, path)
        for begin, end in zip(headers, [*headers[1:], len(solid)], strict=True)
    ]


def _motif(number: int, header: str, rows: list[tuple[int, str]], alphabet: str, path: str) -> Motif:
    fields = [field.strip() for field in header[1:].split("\t")]
    name = fields[1] if len(fields) > 1 and fields[1] else fields[0]
    if not name:
        raise InputError("'>' without a name", path, number)
    threshold = None
    if len(fields) > 2 and fields[2]:
        try:
            threshold = float(fields[2])
        except ValueError:
            raise InputError(f"the threshold {fields[2]!r} is not a number", path, number) from None
    if not rows:
        raise InputError(f"motif {name!r} has no rows", path, number)
    values = []
    for at, line in rows:
        words = line.split()
        if len(words) != 4:
            raise InputError(f"a matrix row of {len(words)} fields, not 4", path, at)
        values.append(parse_numbers(words, path, at))
    table = np.array(values).T
    motif = from_columns(name, table, path, [at for at, _ in rows], alphabet=alphabet)
    sites = _SITES.search(fields[5]) if len(fields) > 5 else None
    return replace(motif, threshold=threshold, nsites=float(sites[1]) if sites else motif.nsites)


def render(motifs: Sequence[Motif]) -> str:
    """Return a HOMER file; a motif without a threshold gets :func:`default_threshold`."""
    parts = []
    for motif in motifs:
        threshold = default_threshold(motif.ppm) if motif.threshold is None else motif.threshold
        parts.append(f">{motif.consensus()}\t{'_'.join(motif.name.split())}\t{threshold:.6f}")
        parts += ["\t".join(row) for row in rounded(motif.ppm)]
    return "\n".join(parts) + "\n"


def default_threshold(ppm: NDArray[np.float64], rate: float = FALSE_POSITIVE_RATE) -> float:
    """Return the lowest score that at most a share `rate` of random uniform positions reach.

    Parameters
    ----------
    ppm : ndarray, shape (4, width)
    rate : float
        Where even the best score is more frequent than that, as in a motif of six bases, the best score is returned.

    Returns
    -------
    float
        In nats: sum of ln(p / 0.25), p at least :data:`LEAST_PROBABILITY`. Scores are counted in steps of 0.01, and the
        threshold is half a step below the lowest.
    """
    scores = np.rint(100 * np.log(np.maximum(ppm, LEAST_PROBABILITY) / 0.25)).astype(np.int64)
    low = scores.min(axis=0)
    chances = np.ones(1)
    for column in (scores - low).T:
        chances = np.convolve(chances, np.bincount(column) / 4)
    tail = np.cumsum(chances[::-1])[::-1]
    passing = np.flatnonzero(tail <= rate)
    best = int((scores.max(axis=0) - low).sum())
    step = int(passing[0]) if len(passing) and passing[0] <= best else best
    return float(step + low.sum()) / 100 - 0.005

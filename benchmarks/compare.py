"""Motif comparison: 100 queries against 1,000 targets, beside memelite's Tomtom; and how far the p-values agree.

    python benchmarks/compare.py                       random motifs
    python benchmarks/compare.py QUERIES TARGETS...    100 motifs drawn from a file, the first 1,000 of others

memelite runs on 2 threads, seqcnn on one. memelite bins target columns and the scores whose median it takes; p-values
are compared with these bins (its default) and with columns as they are and bins so narrow that medians are exact.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from memelite import tomtom

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs
from seqcnn.interpret.comparison import Database

N_QUERIES, N_TARGETS, RUNS, THREADS = 100, 1000, 3, 2
EXACT = {"n_target_bins": None, "n_median_bins": 10_000_000}


def random_motifs(rng: np.random.Generator, n: int) -> list[Motif]:
    return [Motif(f"m{i}", rng.dirichlet([0.3] * 4, int(rng.integers(6, 21))).T) for i in range(n)]


def motifs() -> tuple[list[Motif], list[Motif]]:
    """Return queries and targets."""
    rng = np.random.default_rng(1)
    if len(sys.argv) < 3:
        targets = random_motifs(rng, N_TARGETS)
        return random_motifs(rng, N_QUERIES // 2) + targets[: N_QUERIES // 2], targets
    queries = read_motifs(sys.argv[1])
    targets = [motif for path in sys.argv[2:] for motif in read_motifs(path)][:N_TARGETS]
    return [queries[i] for i in rng.permutation(len(queries))[:N_QUERIES]], targets


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    queries, targets = motifs()
    found = []

    def ours() -> None:
        database = Database(targets)
        found[:] = [database.search(query) for query in queries]

    def theirs(**options: Any) -> Any:
        return tomtom([m.ppm for m in queries], [m.ppm for m in targets], n_jobs=THREADS, **options)

    first = seconds(theirs)
    our_time = statistics.median(seconds(ours) for _ in range(RUNS))
    their_time = statistics.median(seconds(theirs) for _ in range(RUNS))
    print(f"{len(queries)} queries, {len(targets):,} targets")
    print(f"{'seqcnn, 1 thread':<52}{our_time:>8.2f} s (bar: 10)")
    print(f"{f'memelite, {THREADS} threads':<52}{their_time:>8.2f} s{their_time / our_time:>8.2f} x")
    print(f"{'memelite, first call (compiles if it never ran)':<52}{first:>8.2f} s{first / our_time:>8.2f} x")

    p = np.array([matches.p for matches in found])
    offset = np.array([matches.offset for matches in found])
    strand = np.array([matches.strand == "-" for matches in found])
    for name, options in (("binned", {}), ("exact", EXACT)):
        their_p, _, their_offset, _, their_strand = theirs(**options)
        both = (np.minimum(p, their_p) >= 1e-10) & (np.maximum(p, their_p) <= 1)
        far = np.where(both, np.abs(p / np.where(both, their_p, 1) - 1), 0)
        print(f"memelite {name}: p in [1e-10, 1] of both in {both.sum():,} pairs")
        print(f"    {(far > 0.02).sum():,} differ by over 2%, the largest difference is {far.max():.2g}")
        same = (offset == their_offset) & (strand == their_strand)
        ties = ~same & (far < 1e-6)
        print(f"    offset and strand: {same.mean():.1%} the same, {ties.mean():.1%} another of equal score")
        outside = [int(((values < 0) | (values > 1)).sum()) for values in (p, their_p)]
        print(f"    outside [0, 1]: {outside[0]} of ours, {outside[1]} of theirs")


if __name__ == "__main__":
    main()

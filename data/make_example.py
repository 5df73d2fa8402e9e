"""Make the example data: a small simulated genome and experiments on it, in which published matrices are planted.

    python data/make_example.py [--out DIR]

Everything follows from SEED through counter-based random numbers, so another run, machine or numpy gives the same
data. data/README.md describes the files.
"""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from Bio import bgzf
from numpy.typing import NDArray
from simulated_variants import choose_variants, write_truth, write_vcf
from simulation import CTCF, GABPA, RBFOX1, Codes, Draws, Motif

from seqcnn.sequence.alphabet import N_CODE, decode, reverse_complement

CHROMOSOMES = {"chr1": 380_000, "chr2": 300_000, "chr3": 220_000, "chr4": 150_000}
N_RUNS = {"chr1": (200_000, 204_000), "chr3": (0, 1_500)}
N_SITES, N_FALSE_PEAKS = 1_280, 75
N_CLIP, N_PROBES = 1_000, 3_000


@dataclass
class Genome:
    codes: dict[str, Codes]
    gc: dict[str, NDArray[np.float64]]


def make_genome() -> Genome:
    """Letters with a GC content that drifts smoothly between 35 and 60 %, and runs of N."""
    genome = Genome({}, {})
    for name, length in CHROMOSOMES.items():
        draws = Draws(f"dna{name}")
        knots = np.arange(0, length + 8_000, 4_000)
        gc = np.interp(np.arange(length), knots, 0.35 + 0.25 * draws.uniform(len(knots)))
        genome.gc[name] = gc
        genome.codes[name] = draws.letters(gc)
        if name in N_RUNS:
            genome.codes[name][slice(*N_RUNS[name])] = N_CODE
    return genome


def choose_places(genome: Genome, n: int) -> list[tuple[str, int]]:
    """Draw n places at least 420 bp apart and off the ends and N runs, twice as often at 60 % GC as at 35 %."""
    draws = Draws("places")
    names, sizes = list(CHROMOSOMES), np.array(list(CHROMOSOMES.values()))
    taken = {name: np.zeros(size, dtype=bool) for name, size in CHROMOSOMES.items()}
    for name, mask in taken.items():
        mask[:500] = mask[-500:] = True
        for at in np.flatnonzero(genome.codes[name] == N_CODE)[::200]:
            mask[max(0, at - 500) : at + 700] = True
    places: list[tuple[str, int]] = []
    while len(places) < n:
        at, keep = draws.below(int(sizes.sum()), 1)[0], draws.uniform(1)[0]
        chrom = int(np.searchsorted(np.cumsum(sizes), at, side="right"))
        name, at = names[chrom], int(at - sizes[:chrom].sum())
        if not taken[name][at] and keep < 0.5 + 2 * (genome.gc[name][at] - 0.35):
            taken[name][max(0, at - 420) : at + 420] = True
            places.append((name, at))
    return places


def plant_sites(genome: Genome, motif: Motif, places: list[tuple[str, int]]) -> NDArray[np.float64]:
    """Write a site around each place, on either strand; return their log-odds."""
    draws = Draws("sites")
    sites = motif.sample(draws, len(places))
    turned = draws.uniform(len(places)) < 0.5
    sites[turned] = reverse_complement(sites[turned])
    for (chrom, at), site in zip(places, sites, strict=True):
        start = at - motif.width // 2
        genome.codes[chrom][start : start + motif.width] = site
    return motif.score_both(sites)[:, 0]


def write_peaks(path: Path, places: list[tuple[str, int]], affinity: NDArray[np.float64]) -> list[tuple[str, int]]:
    """Call peaks by affinity (none: NaN, a false peak); return the places of the sites that were called."""
    draws = Draws("peaks")
    n = len(places)
    false = np.isnan(affinity)
    called = false | (draws.uniform(n) < 1 / (1 + np.exp(-(np.nan_to_num(affinity) - 11.0) / 1.5)))
    strength = np.where(false, 2.6, np.nan_to_num(affinity) * 0.35) + 0.6 * draws.normal(n)
    signal = np.maximum(2.0**strength, 2.0)
    jitter = np.clip(np.rint(12 * draws.normal(n)), -40, 40).astype(int)
    left = np.rint(70 + 60 * draws.uniform(n)).astype(int)
    right = np.rint(70 + 60 * draws.uniform(n)).astype(int)
    order = sorted(np.flatnonzero(called), key=lambda i: (places[i][0], places[i][1] + jitter[i] - left[i]))
    lines = []
    for number, i in enumerate(order, 1):
        chrom, summit = places[i][0], places[i][1] + jitter[i]
        score = min(1000, 10 + int(signal[i] * 4))
        p = signal[i] * 1.9
        lines.append(
            f"{chrom}\t{summit - left[i]}\t{summit + right[i]}\tpeak_{number}\t{score}\t.\t"
            f"{signal[i]:.3f}\t{p:.3f}\t{p * 0.8:.3f}\t{left[i]}\n"
        )
    path.write_text("".join(lines))
    return [places[i] for i in order if not false[i]]


def write_genome(path: Path, genome: Genome) -> None:
    """Write a bgzipped FASTA with about a fifth of the letters in lower case."""
    draws = Draws("mask")
    text = bytearray()
    for name, codes in genome.codes.items():
        letters = bytearray(decode(codes).encode())
        for at in draws.below(len(codes), len(codes) // 1_500):
            stop = at + 100 + int(draws.below(400, 1)[0])
            letters[at:stop] = letters[at:stop].lower().replace(b"n", b"N")
        text += b">" + name.encode() + b"\n"
        for i in range(0, len(letters), 80):
            text += letters[i : i + 80] + b"\n"
    with bgzf.BgzfWriter(str(path), compresslevel=9) as out:
        # Blocks as bgzip cuts them: pyfaidx fails at the borders of the fuller ones that Biopython makes.
        for i in range(0, len(text), 65_280):
            out.write(bytes(text[i : i + 65_280]))
            out.flush()


def write_gzip(path: Path, text: str) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as out:
        out.write(text.encode())


def write_clip(path: Path, motif: Motif) -> None:
    """RNA windows: positives hold the motif near the middle; each negative is a positive's letters in another order."""
    draws = Draws("clip")
    gc = np.clip(0.44 + 0.07 * draws.normal(N_CLIP), 0.28, 0.62)
    positives = draws.letters(np.repeat(gc, 101)).reshape(N_CLIP, 101)
    sites = motif.sample(draws, 2 * N_CLIP)
    n_sites = np.searchsorted([0.12, 0.72], draws.uniform(N_CLIP))  # 12 % none, 60 % one, 28 % two
    where = np.clip(np.rint(47 + 12 * draws.normal(2 * N_CLIP)), 0, 94).astype(int)
    for i in range(N_CLIP):
        for j in range(n_sites[i]):
            positives[i, where[2 * i + j] : where[2 * i + j] + motif.width] = sites[2 * i + j]
    negatives = np.array([row[draws.order(101)] for row in positives])
    starts = np.sort(draws.below(90_000, 2 * N_CLIP)) + np.arange(2 * N_CLIP) * 130
    rows = np.concatenate([positives, negatives])
    strand = np.where(draws.uniform(2 * N_CLIP) < 0.5, "+", "-")
    records = []
    for number, i in enumerate(draws.order(2 * N_CLIP)):
        text, start = decode(rows[i], "rna"), starts[number]
        name = f"rna{1 + number % 4},{strand[number]},{start},{start + 101}; class:{int(i < N_CLIP)}"
        records.append(f">{name}\n{text[:60]}\n{text[60:]}\n")
    write_gzip(path, "".join(records))


def write_probes(path: Path, motif: Motif) -> None:
    """Probes of 35-40 letters; the intensity is the log2 of background plus binding, with noise."""
    draws = Draws("probes")
    lengths = 35 + draws.below(6, N_PROBES)
    letters = draws.letters(np.full(N_PROBES * 40, 0.5)).reshape(N_PROBES, 40)
    sites = motif.sample(draws, N_PROBES)
    changed = draws.uniform(sites.size).reshape(sites.shape) < 0.12  # probes differ in affinity more than sites do
    sites = np.where(changed, draws.below(4, sites.size).reshape(sites.shape), sites).astype(np.uint8)
    has_site, turned = draws.uniform(N_PROBES) < 0.35, draws.uniform(N_PROBES) < 0.5
    noise, in_a = draws.normal(N_PROBES), draws.uniform(N_PROBES) < 0.5
    at = (draws.uniform(N_PROBES) * (lengths - motif.width + 1)).astype(int)
    lines = ["probe\tsequence\tintensity\tset\n"]
    for i, length in enumerate(lengths):
        codes = letters[i, :length].copy()
        if has_site[i]:
            codes[at[i] : at[i] + motif.width] = reverse_complement(sites[i]) if turned[i] else sites[i]
        bound = 1 / (1 + 2.0 ** (9.5 - motif.score_both(codes)))
        intensity = 9.0 + np.log2(1 + 40 * bound.sum()) + 0.45 * noise[i]
        lines.append(f"probe_{i + 1:04d}\t{decode(codes)}\t{intensity:.3f}\t{'A' if in_a[i] else 'B'}\n")
    path.write_text("".join(lines))


def make_all(folder: Path) -> None:
    """Write every file of the example into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    ctcf = Motif(CTCF)
    genome = make_genome()
    places = choose_places(genome, N_SITES + N_FALSE_PEAKS)
    affinity = np.full(len(places), np.nan)
    affinity[:N_SITES] = plant_sites(genome, ctcf, places[:N_SITES])
    called = write_peaks(folder / "peaks.narrowPeak", places, affinity)
    write_genome(folder / "genome.fa.gz", genome)
    variants = choose_variants(genome.codes, called, ctcf)
    write_vcf(folder / "variants.vcf", variants, {name: len(codes) for name, codes in genome.codes.items()})
    write_truth(folder / "variants.truth.tsv", variants)
    write_clip(folder / "clip.fa.gz", Motif(RBFOX1))
    write_probes(folder / "probes.tsv", Motif(GABPA))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="folder (default: this one)")
    make_all(parser.parse_args().out)


if __name__ == "__main__":
    main()

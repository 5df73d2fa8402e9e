"""Scan of a yeast genome: Mb a second on 2 threads, what it needs in memory, and how its hits rank ChIP-exo peaks.

    python benchmarks/scan.py FOLDER [--motifs JASPAR] [--skip-peaks]

FOLDER holds ``sacCer3.fa.gz`` and ``peaks/Abf1_CX.bed`` (Rossi et al. 2021, doi:10.1038/s41586-021-03314-8). A model of
16 detectors of 24 bp is trained on the peaks without chromosomes IV and XII, and scans the genome, both strands, at
every base: by the published window rule, and by windows of 101 bp. The peer is plain PyTorch: ``conv1d`` over pieces of
each chromosome, a sliding maximum, the head at every base, in the fastest of several ways; it leaves out what hangs
over a window's ends.

The peaks on the held-out chromosomes are ranked by hits (the best of overlapping 101-bp windows), of the model, and of
the motif database's matrix for Abf1 scored in the same windows. A hit with a peak in its window is right, once a peak;
the average precision counts the peaks that no hit has found as missed.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from seqcnn.formats.bed import read_bed
from seqcnn.formats.genome import Genome
from seqcnn.interpret.genome_scan import Range, Scanner, find_ranges
from seqcnn.interpret.hits import best_apart
from seqcnn.models.architectures import deepbind
from seqcnn.models.device import keep_freed_memory
from seqcnn.models.modelfile import load
from seqcnn.models.predict import predict
from seqcnn.models.window_scan import slide
from seqcnn.sequence.ragged import from_rows

HELD_OUT, LENGTH, THREADS, RUNS = {"chrIV": "chr4", "chrXII": "chr12"}, 101, 2, 3
PIECES = (1 << 15, 1 << 17, 1 << 20)

Sliding = Callable[[torch.Tensor, int], torch.Tensor]


def run(*words: object) -> None:
    command = [sys.executable, "-m", "seqcnn", *map(str, words), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def run_measured(*words: object) -> tuple[float, float]:
    """Run a command; return its seconds and its largest memory, MB."""
    # Not getrusage: a child begins with its parent's.
    code = "import sys; from seqcnn.cli.main import run; run(sys.argv[1:]); "
    code += "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    began = time.perf_counter()
    command = [sys.executable, "-c", code, *map(str, words), "--quiet"]
    memory = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
    return time.perf_counter() - began, memory


def train(folder: Path, genome: Path, out: Path) -> None:
    words = ["train", folder / "peaks" / "Abf1_CX.bed", "--genome", genome, "--length", LENGTH, "--negatives", "gc"]
    words += ["--negatives-ratio", 10]  # most of a genome is not bound
    words += ["--test-chroms", ",".join(HELD_OUT.values()), "--n-filters", 16, "--kernel-size", 24, "--members", 1]
    run(*words, "--threads", THREADS, "-o", out)


def rate(work: Callable[[], int]) -> float:
    """Return the median of Mb a second over runs; `work` returns the bases it scored."""
    rates = []
    for _ in range(RUNS):
        began = time.perf_counter()
        bases = work()
        rates.append(bases / 1e6 / (time.perf_counter() - began))
    return statistics.median(rates)


def scan(scanner: Scanner, genome: Genome) -> int:
    return sum(scores.values.shape[1] for scores in scanner.scan(genome, find_ranges(genome.chroms, scanner.shortest)))


def plain(network: deepbind.Model, chroms: dict[str, np.ndarray], size: int, sliding: Sliding) -> int:
    """Score with ``conv1d`` over pieces of chromosomes, a sliding maximum and the head at every window."""
    hot = torch.cat([torch.eye(4), torch.full((1, 4), 0.25)])
    filters, threshold = network.filters[0], network.threshold[0][:, None]
    inside, n = LENGTH - network.settings.kernel_size + 1, 0
    weights = network.hidden_weight[0].t(), network.hidden_bias[0].reshape(-1, 1), network.output_weight[0].t()
    with torch.inference_mode():
        for codes in chroms.values():
            for start in range(0, len(codes) - LENGTH + 1, size):
                piece = torch.from_numpy(codes[start : start + size + LENGTH - 1].astype(np.int64))
                x = hot[piece].t()[None]
                scores = []
                for strand in (filters, filters.flip(1, 2)):
                    features = sliding(functional.relu(functional.conv1d(x, strand) - threshold), inside)[0]
                    hidden = functional.relu(weights[0] @ features + weights[1])
                    scores.append(weights[2] @ hidden + network.output_bias[0])
                n += torch.maximum(*scores).shape[1]
    return n


def pool(scores: torch.Tensor, size: int) -> torch.Tensor:
    return functional.max_pool1d(scores, size, 1)


def double(scores: torch.Tensor, size: int) -> torch.Tensor:
    """Take the maximum of every `size` neighbours by doubling."""
    span = 1
    while 2 * span <= size:
        scores, span = torch.maximum(scores[..., :-span], scores[..., span:]), 2 * span
    more = size - span
    return torch.maximum(scores[..., : scores.shape[-1] - more], scores[..., more:])


def best_plain(network: deepbind.Model, chroms: dict[str, np.ndarray]) -> tuple[str, float]:
    """Return the fastest way of the peer, found on one chromosome, and its rate."""
    few = dict([max(chroms.items(), key=lambda item: len(item[1]))])
    ways = {
        f"{name}, pieces of {size >> 10} kb": (size, sliding)
        for size in PIECES
        for name, sliding in (("max_pool1d", pool), ("maxima by doubling", double))
    }
    best = max(ways, key=lambda name: rate(lambda: plain(network, few, *ways[name])))
    return best, rate(lambda: plain(network, chroms, *ways[best]))


def check_windows(network: deepbind.Model, track: Path, chroms: dict[str, np.ndarray]) -> str:
    """Compare 1,000 windows of a bigWig with predict."""
    try:
        import pyBigWig
    except ImportError:
        return "pyBigWig is not installed: the bigWig was not read back"
    rng = np.random.default_rng(0)
    names = rng.choice(list(chroms), 1000)
    starts = [int(rng.integers(len(chroms[name]) - LENGTH + 1)) for name in names]
    windows = from_rows([chroms[name][at : at + LENGTH] for name, at in zip(names, starts, strict=True)])
    with pyBigWig.open(str(track)) as file:
        centres = [(name, at + LENGTH // 2) for name, at in zip(names, starts, strict=True)]
        found = np.array([file.values(name, at, at + 1)[0] for name, at in centres])
    difference = np.abs(found - predict(network, windows)[:, 0]).max()
    return f"bigWig read with pyBigWig against predict, 1,000 windows: largest difference {difference:.1e}"


def matrix_scores(codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the best log-odds of a matrix, shape (4, width), on either strand in each window of 101 bp."""
    columns = np.concatenate([weights, np.zeros((1, weights.shape[1]))])
    best = np.full(len(codes) - weights.shape[1] + 1, -np.inf)
    for table in (columns, np.concatenate([columns[:4][::-1], columns[4:]])[:, ::-1]):
        scores = np.zeros(len(best))
        for j in range(weights.shape[1]):
            scores += table[codes[j : j + len(best)], j]
        best = np.maximum(best, scores)
    return slide(np.maximum, best[:, None].astype(np.float32), LENGTH - weights.shape[1] + 1)[:, 0]


def average_precision(tracks: dict[str, np.ndarray], peaks: dict[str, np.ndarray]) -> float:
    """Rank the best windows that do not overlap; each peak counts once."""
    rows = []
    for chrom, scores in tracks.items():
        start = np.arange(len(scores))
        kept = best_apart(start, scores, LENGTH)
        order, left = kept[np.argsort(-scores[kept], kind="stable")], set(peaks[chrom].tolist())
        for at in order.tolist():
            found = {peak for peak in left if at <= peak < at + LENGTH}
            left -= found
            rows.append((float(scores[at]), len(found)))
    n_found = np.array([found for _, found in sorted(rows, key=lambda row: -row[0])])
    right = np.cumsum(n_found > 0)
    precision = right / np.arange(1, len(right) + 1)
    return float((precision * n_found).sum() / sum(map(len, peaks.values())))


def rank_peaks(
    scanner: Scanner, genome: Genome, folder: Path, motifs: Path | None, chroms: dict[str, np.ndarray]
) -> None:
    path = folder / "peaks" / "Abf1_CX.bed"
    with open(path, "rb") as file:
        regions = read_bed(file, path)
    peaks = {ours: regions.start[regions.chrom == theirs] for ours, theirs in HELD_OUT.items()}
    ranges = [Range(chrom, 0, genome.chroms[chrom] - LENGTH + 1) for chrom in HELD_OUT]
    found: dict[str, list[np.ndarray]] = {chrom: [] for chrom in HELD_OUT}
    for scores in scanner.scan(genome, ranges):
        found[scores.chrom].append(scores.values[0])
    model = average_precision({chrom: np.concatenate(parts) for chrom, parts in found.items()}, peaks)
    n = sum(map(len, peaks.values()))
    print(f"ranking of {n} Abf1 peaks on held-out chromosomes, average precision: model {model:.3f}")
    if motifs is None:
        return
    from Bio import motifs as bio

    with open(motifs) as file:
        matrices = [m for m in bio.parse(file, "jaspar") if m.name.upper() == "ABF1"]
    every = np.concatenate(list(chroms.values()))
    background = np.bincount(every[every < 4], minlength=4) / np.count_nonzero(every < 4)
    for matrix in matrices:
        counts = np.array([matrix.counts[base] for base in "ACGT"]) + 0.25
        weights = np.log2(counts / counts.sum(0) / background[:, None])
        score = average_precision({chrom: matrix_scores(chroms[chrom], weights) for chrom in HELD_OUT}, peaks)
        print(f"{'':>60}{matrix.matrix_id} {score:.3f}   {model / score:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--motifs", type=Path, help="JASPAR file with a matrix of ABF1")
    parser.add_argument("--skip-peaks", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        fasta, model = Path(name) / "sacCer3.fa", Path(name) / "abf1"
        fasta.write_bytes(gzip.decompress((given.folder / "sacCer3.fa.gz").read_bytes()))
        train(given.folder, fasta, model)
        trained = load(model)
        network = trained.network
        assert isinstance(network, deepbind.Model)
        with Genome(fasta) as genome:
            size = sum(genome.chroms.values())
            one = np.array([0])
            chroms = {
                chrom: genome.extract(np.array([chrom], dtype=object), one, one + length).data
                for chrom, length in genome.chroms.items()
            }
            print(
                f"{size / 1e6:.2f} Mb, both strands, every base, 16 detectors of 24 bp, {THREADS} threads, "
                f"median of {RUNS}"
            )
            scanner = Scanner({"abf1": trained})
            scan(scanner, genome)
            whole = rate(lambda: scan(scanner, genome))
            before = torch.get_num_threads()
            way, theirs = best_plain(network, chroms)
            assert torch.get_num_threads() == before
            network.rule = "window"
            windowed = Scanner({"abf1": trained})
            window = rate(lambda: scan(windowed, genome))
            network.rule = "whole"
            print(f"{'seqcnn, windows of 101 bp':<40}{whole:>8.2f} Mb/s{whole / theirs:>8.1f} x (bar: 6 Mb/s)")
            print(f"{'seqcnn, published window rule':<40}{window:>8.2f} Mb/s          (bar: 2 Mb/s)")
            print(
                f"{'plain conv1d, sliding maximum':<40}{theirs:>8.2f} Mb/s          (nothing at windows' ends; {way})"
            )
            track = Path(name) / "track.bw"
            seconds, memory = run_measured("scan", model, fasta, "-o", track, "--threads", THREADS)
            print(f"seqcnn scan -o track.bw: {seconds:.1f} s in all, start-up included, at most {memory:.0f} MB")
            _, memory = run_measured(
                "scan", model, fasta, "-o", track, "--threads", THREADS, "--chroms", "chrI", "--force"
            )
            print(f"the same of chrI alone, {genome.chroms['chrI'] / 1e6:.2f} Mb: at most {memory:.0f} MB")
            run("scan", model, fasta, "-o", track, "--threads", THREADS, "--force")
            print(check_windows(network, track, chroms))
            if not given.skip_peaks:
                rank_peaks(Scanner({"abf1": trained}), genome, given.folder, given.motifs, chroms)


if __name__ == "__main__":
    main()

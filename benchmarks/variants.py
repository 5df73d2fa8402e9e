"""Variants: alleles a second from VCF to VCF, seqcnn against tangermeme with the same weights, in one process.

    python benchmarks/variants.py [--large] [--folder FOLDER]

100,000 substitutions over a genome of 100 Mb, windows of 101 bp, 16 filters of 24, both strands, 2 threads, the better
of 5 runs. Our time is that of the whole command: reading VCF and genome, scoring, packing, index; without p and z that
tangermeme does not give, and with them, which takes random variants too. tangermeme's `substitution_effect` begins with
one-hot windows in memory, and its best batch size counts; reading and writing are not in its time. Before that the peak
memory of each of the command's processes; with --large also for 2,000,000 substitutions (FOLDER then needs 1 GB).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mutagenesis import Column
from plain import PlainDeepBind, one_hot
from prediction import same_network
from tangermeme.variant_effect import substitution_effect

from seqcnn.cli.main import run
from seqcnn.models.device import keep_freed_memory
from seqcnn.models.modelfile import Model, save

GENOME, N, LARGE, LENGTH, THREADS, RUNS = 100_000_000, 100_000, 2_000_000, 101, 2, 5
BATCH_SIZES = (64, 128, 256, 512, 2048)
BAR, BAR_RATIO, BAR_MB = 60_000, 3, 1000
HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=100000000>\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def make_genome(path: Path) -> np.ndarray:
    """Write a random chromosome; return its codes."""
    codes = np.random.default_rng(1).integers(0, 4, GENOME, dtype=np.uint8)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[codes].reshape(-1, 100)
    with path.open("wb") as file:
        file.write(b">chr1\n")
        file.write(np.hstack([letters, np.full((len(letters), 1), ord("\n"), dtype=np.uint8)]).tobytes())
    return codes


def make_vcf(path: Path, codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Write substitutions; return their positions (0-based) and the new letters' codes."""
    rng = np.random.default_rng(2)
    at = np.sort(rng.choice(GENOME - 2 * LENGTH, n, replace=False)) + LENGTH
    new = (codes[at] + rng.integers(1, 4, n, dtype=np.uint8)) % 4
    rows = zip(at.tolist(), codes[at].tolist(), new.tolist(), strict=True)
    with path.open("w") as file:
        file.write(HEADER)
        file.writelines(
            f"chr1\t{p + 1}\trs{i}\t{'ACGT'[a]}\t{'ACGT'[b]}\t50\tPASS\tAF=0.{i % 1000:03d}\n"
            for i, (p, a, b) in enumerate(rows)
        )
    return at, new


def timed(work: Callable[[], object]) -> float:
    """Return seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ours(arguments: list[str]) -> float:
    def work() -> None:
        if run([*arguments, "--quiet", "--force"]):
            raise SystemExit("seqcnn variants failed")

    return min(timed(work) for _ in range(RUNS))


def theirs(plain: PlainDeepBind, windows: torch.Tensor, new: np.ndarray) -> tuple[int, float]:
    """Return the peer's best batch size, and its seconds."""
    rows = torch.stack(
        [torch.arange(len(new)), torch.full((len(new),), LENGTH // 2), torch.from_numpy(new).long()], dim=1
    )
    x, model = one_hot(windows), Column(plain).eval()

    def effect(n: int, size: int) -> float:
        return timed(lambda: substitution_effect(model, x[:n], rows[:n], batch_size=size, device="cpu"))

    few = len(new) // 10
    best = min(BATCH_SIZES, key=lambda size: min(effect(few, size) for _ in range(2)))
    return best, min(effect(len(new), best) for _ in range(RUNS))


def print_peak(arguments: list[str], n: int) -> None:
    """Print the peak memory of the command for n variants, started by a small process: a child's begins at its."""
    code = "import sys, memory; print(*memory.measure(*sys.argv[1:]))"
    call = [sys.executable, "-c", code, *arguments, "--quiet", "--force"]
    done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
    peak, seconds = map(float, done.stdout.split())
    print(f"  peak memory {peak:.0f} MB for {n:,} (bar: {BAR_MB}), {n / seconds:,.0f} /s with start-up", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help=f"also the memory for {LARGE:,} variants")
    parser.add_argument("--folder", type=Path, help="where temporary files go (default: the system's place)")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    keep_freed_memory()
    plain = PlainDeepBind().eval().requires_grad_(False)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        model, genome, vcf, out = (folder / each for each in ("m.safetensors", "g.fa", "in.vcf", "out.vcf.gz"))
        save(Model(same_network(plain), "deepbind", "dna", "binary", ("bound",), LENGTH, {}), model)
        codes = make_genome(genome)
        arguments = ["variants", str(model), str(vcf), "--genome", str(genome), "-o", str(out)]
        arguments += ["--threads", str(THREADS)]
        for n in (LARGE, N) if given.large else (N,):
            at, new = make_vcf(vcf, codes, n)
            print_peak(arguments, n)
        seconds = {"": ours([*arguments, "--null-size", "0"]), ", with p and z": ours(arguments)}
        windows = torch.from_numpy(codes[at[:, None] + np.arange(-(LENGTH // 2), LENGTH // 2 + 1)])
        size, peer = theirs(plain, windows, new)
        print(f"  {f'tangermeme substitution_effect, batch {size}':<44}{N / peer:>10,.0f} /s")
        for what, own in seconds.items():
            print(f"  {f'seqcnn variants, VCF to VCF{what}':<44}{N / own:>10,.0f} /s (bar: {BAR:,})", end="")
            print(f"{peer / own:>6.1f} x (bar: {BAR_RATIO})")


if __name__ == "__main__":
    main()

"""Motifs of filters: time against ``conv1d`` and collecting windows in plain PyTorch, and memory of the command.

    python benchmarks/motifs.py [N]             N sequences of 101 bp, 1,000,000 unless said

A network of 16 filters of 24 bp, both strands. Both sides go from codes to the counts of every filter: its best window
in each sequence, on the better strand, if its activation is above 0. Plain PyTorch convolves both strands, takes the
maximum over windows with its place, gathers the windows that count and sums their one-hot; it holds nothing on disk and
cannot know a threshold in advance that depends on all sequences. It runs at each batch size on a part, and with the
best one on the first tenth: its time grows evenly. Times are CPU seconds of the process. Memory is that of the command
`seqcnn motifs` on FASTA of N / 10 and of N sequences.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.interpret.extraction import Extraction, ExtractionOptions
from seqcnn.interpret.spool import Spool
from seqcnn.models import architectures, modelfile
from seqcnn.models.device import keep_freed_memory
from seqcnn.models.network import Network
from seqcnn.sequence.alphabet import decode
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of

LENGTH, N_FILTERS, KERNEL_SIZE, THREADS, CHUNK = 101, 16, 24, 2, 10_000
BATCH_SIZES = (64, 128, 256, 512, 1024)


def make_network() -> Network:
    """Return a network whose filters fire in about half of random sequences."""
    torch.manual_seed(1)
    network = architectures.create("deepbind", {"n_filters": N_FILTERS, "kernel_size": KERNEL_SIZE})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
        network.threshold.fill_(4.0)
    return network.eval().requires_grad_(False)


def ours(network: Network, codes: np.ndarray, folder: str) -> tuple[float, np.ndarray]:
    """Return CPU seconds, and the number of windows of each filter."""
    names = from_text(f"s{i}" for i in range(CHUNK))
    began = time.process_time()
    with Spool(folder) as spool:
        extraction = Extraction(network.detectors(), ExtractionOptions(), spool)
        for start in range(0, len(codes), CHUNK):
            part = codes[start : start + CHUNK]
            sequences = Ragged(part.reshape(-1), offsets_of(np.full(len(part), LENGTH)))
            origin = np.full(len(part), Origin.GIVEN, dtype=np.uint8)
            extraction.take(Examples(sequences, names.slice(0, len(part)), None, origin), None)
        _, n_windows = extraction.count()
    return time.process_time() - began, n_windows


@torch.inference_mode()
def theirs(network: Network, codes: np.ndarray, batch_size: int) -> tuple[float, np.ndarray]:
    """Return the same of plain PyTorch."""
    filters, threshold = network.filters[0], network.threshold[0]
    both = torch.cat([filters, filters.flip(1, 2)])
    hot = torch.cat([torch.eye(4), torch.full((1, 4), 0.25)])
    counts, n_windows = torch.zeros(N_FILTERS, 4, KERNEL_SIZE), torch.zeros(N_FILTERS)
    began = time.process_time()
    for part in torch.from_numpy(codes).split(batch_size):
        ends = functional.pad(part, (KERNEL_SIZE - 1, KERNEL_SIZE - 1), value=4)
        x = hot[ends.long()].transpose(1, 2).contiguous()
        scores, places = functional.conv1d(x, both).max(2)
        collect(x, scores.view(-1, 2, N_FILTERS) - threshold, places.view(-1, 2, N_FILTERS), counts, n_windows)
    return time.process_time() - began, n_windows.numpy()


def collect(x: Tensor, scores: Tensor, places: Tensor, counts: Tensor, n_windows: Tensor) -> None:
    """Add the one-hot windows where filters fire."""
    best, strand = scores.max(1)
    row, column = (best > 0).nonzero(as_tuple=True)
    minus = strand[row, column] == 1
    start = places[row, strand[row, column], column]
    windows = x.unfold(2, KERNEL_SIZE, 1)[row, :, start]
    windows[minus] = windows[minus].flip(1, 2)
    counts.index_add_(0, column, windows)
    n_windows += torch.bincount(column, minlength=N_FILTERS)


def memory(model: Path, codes: np.ndarray, folder: Path) -> float:
    """Return the largest memory of the command, MB."""
    fasta = folder / "sequences.fa"
    with open(fasta, "w") as file:
        for start in range(0, len(codes), CHUNK):
            rows = (decode(row) for row in codes[start : start + CHUNK])
            file.write("".join(f">s{start + i}\n{row}\n" for i, row in enumerate(rows)))
    # Not getrusage: a child begins with its parent's.
    code = "import sys; from seqcnn.cli.main import run; assert run(sys.argv[1:]) == 0; "
    code += "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    words = ["motifs", model, fasta, "-o", folder / "out", "--force", "--logos", "none", "--quiet"]
    command = [sys.executable, "-c", code, *map(str, words), "--threads", str(THREADS)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    network = make_network()
    codes = np.random.default_rng(1).integers(0, 4, (n, LENGTH), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as name:
        some = codes[: max(CHUNK, n // 50)]
        ours(network, some, name)
        tries = {size: theirs(network, some, size)[0] for size in BATCH_SIZES}
        batch_size = min(tries, key=lambda size: tries[size])
        tenth = codes[: n // 10]
        mine, n_mine = ours(network, codes, name)
        peer, n_peer = theirs(network, tenth, batch_size)
        same = (ours(network, tenth, name)[1] == n_peer).all()
        share = n_mine.sum() / n / N_FILTERS
        rates = n / mine, n / 10 / peer
        print(f"{n:,} sequences of {LENGTH} bp, {N_FILTERS} filters of {KERNEL_SIZE}, both strands, {THREADS} threads")
        print(f"a filter fires in {share:.0%} of sequences; windows that both find: {'the same' if same else 'OTHERS'}")
        print(f"{'seqcnn':<36}{rates[0]:>10,.0f} sequences a CPU second")
        print(f"{f'plain PyTorch, batch {batch_size}':<36}{rates[1]:>10,.0f}{rates[0] / rates[1]:>8.1f} x (bar: 3)")
        folder = Path(name)
        about = modelfile.Model(network, "deepbind", "dna", "binary", ("bound",), None, {})
        modelfile.save(about, folder / "model.safetensors")
        for size in (n // 10, n):
            print(f"seqcnn motifs on {size:,} sequences: at most {memory(folder, codes[:size], folder):.0f} MB")


if __name__ == "__main__":
    main()

"""What checkpoints cost, and whether a run that is killed again and again ends with the same model.

    python benchmarks/kill.py [--kills N] [--threads N] [DATA OPTIONS...]

First the time to write a checkpoint of three fits, as a share of the time between two of them. Then `seqcnn train`
on DATA (the simulated peaks of data/, if none is named) in processes of its own: SIGKILL at random moments between its
start and its end, `--resume` each time; a run that ends is begun anew until there were N kills. Every model is compared
with that of a run that was left alone, byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERVAL, SEED = 60.0, 1
ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = [
    "data/peaks.narrowPeak",
    "--genome",
    "data/genome.fa.gz",
    "--length",
    "101",
    "--test-chroms",
    "chr4",
    "--epochs",
    "20",
]
FITS = {
    "1 member, 16 filters": (1, 16, 32),
    "90 members, 16 filters": (90, 16, 32),
    "100 members, 256 filters, 256 hidden units": (100, 256, 256),
}


def measure_cost(folder: Path) -> None:
    """Print size and time of checkpoints."""
    import numpy as np

    from seqcnn.dataset.examples import Examples
    from seqcnn.models import architectures
    from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
    from seqcnn.training import checkpoint
    from seqcnn.training.fingerprint import fingerprint
    from seqcnn.training.fit import Fit, Plan
    from seqcnn.training.keeping import MOST_TIME, Keeper
    from seqcnn.training.optimiser import Rates

    codes = np.random.default_rng(1).integers(0, 4, (512, 101), dtype=np.uint8)
    sequences = Ragged(codes.reshape(-1), offsets_of(np.full(512, 101)))
    targets = np.arange(512, dtype=np.float32)[:, None] % 2
    examples = Examples(sequences, from_text(map(str, range(512))), targets, np.zeros(512, dtype=np.uint8))
    print(f"{'checkpoint of':<44}{'MB':>8}{'ms':>8}{'every s':>8}{'share':>8}")
    for name, (members, filters, hidden) in FITS.items():
        settings = {"n_members": members, "n_filters": filters, "hidden": hidden, "dropout": 0.25}
        network = architectures.create("deepbind", settings)
        network.seed(range(members))
        fit = Fit(
            network, examples, None, Plan("binary", 10, 64, "adamw", "one-cycle", [Rates(0.01)] * members, 0, False, 1)
        )
        path, prints = folder / "cost.safetensors", fingerprint(fit)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            checkpoint.save(fit, path, prints)
            times.append(time.perf_counter() - began)
        took = statistics.median(times)
        every = max(INTERVAL, took / MOST_TIME)
        print(
            f"{name:<44}{path.stat().st_size / 1e6:>8.2f}{took * 1e3:>8.1f}{every:>8.0f}{took / every:>8.2%} (bar: 1%)"
        )
        path.unlink()
    with Keeper(folder / "cost.safetensors").keeping(fit) as on_step:
        began = time.perf_counter()
        for _ in range(100_000):
            on_step(fit)
        print(f"{'a step without one':<44}{'':>8}{(time.perf_counter() - began) / 100:>8.5f}")


def start(words: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "seqcnn", "train", *words]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def wait_for_training(process: subprocess.Popen[bytes]) -> None:
    """Wait until an epoch is done, or the process has ended."""
    assert process.stderr is not None
    while (line := process.stderr.readline()) and not line.startswith(b"epoch"):
        pass


def finish(words: list[str]) -> tuple[float, float]:
    """Run a command to its end; return its seconds, and those of them that came after the first epoch."""
    began = time.perf_counter()
    process = start(words)
    wait_for_training(process)
    trains = time.perf_counter()
    process.communicate()
    if process.returncode:
        raise SystemExit(f"seqcnn train {' '.join(words)} failed")
    return time.perf_counter() - began, time.perf_counter() - trains


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def kill(folder: Path, words: list[str], kills: int) -> None:
    """Print how many killed runs became what they become otherwise; every other kill waits for the training."""
    rng, done, rounds, same, steps = random.Random(SEED), 0, 0, 0, 0
    usual, training = finish([*words, "-o", str(folder / "whole")])
    print(f"\nseqcnn train, left alone: {usual:.1f} s; model {digest(folder / 'whole')[:16]}")
    while done < kills:
        rounds += 1
        run = folder / f"run{rounds}"
        resumed = [*words, "--resume", "--checkpoint-seconds", "0.2", "-o", str(run)]
        while done < kills:
            process = start(resumed)
            if done % 2:
                wait_for_training(process)
            try:
                process.wait(rng.uniform(0, training if done % 2 else usual))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                done += 1
                steps += bool(list(run.glob("checkpoint*"))) if run.is_dir() else 0
        finish(resumed)
        same += digest(run) == digest(folder / "whole")
    print(f"{done} SIGKILLs ({steps} with a checkpoint to go on from) in {rounds} runs")
    print(f"models that are the same to the byte: {same} of {rounds} (bar: all)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--threads", default="2")
    known, data = parser.parse_known_args()
    words = [*(data or EXAMPLE), "--seed", str(SEED), "--threads", known.threads]
    with tempfile.TemporaryDirectory() as folder:
        measure_cost(Path(folder))
        kill(Path(folder), words, known.kills)


if __name__ == "__main__":
    main()

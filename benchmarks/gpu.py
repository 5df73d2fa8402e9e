"""Training, calibration and prediction on a CUDA device, with the CPU of the same machine beside.

    python benchmarks/gpu.py [--device cuda] [--sequences N] [--epochs N] [--length BP] [--steps N] [--threads N]

The default preset (four members of 64 filters) and a single network of 16 filters, random sequences, both strands. The
device gets N sequences, the CPU a tenth. Rates are sequences a second, medians: of the epochs but the first, and of
five predictions after one to warm up. "Busy" is the share of the time, in the second epoch and in one prediction, in
which the device does something, by the profiler. The calibration is that of benchmarks/calibration.py, 30 settings x 3
folds on simulated sequences of the size of DeepBind's ELK1 set. Scores of the same network on both devices are
compared. No bar; ends with one line and status 1 where there is no such device.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from typing import Any

import calibration
import numpy as np
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import Split
from seqcnn.errors import SeqcnnError
from seqcnn.models import device as devices
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
from seqcnn.training.graph import Graphed
from seqcnn.training.history import Epoch
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import CALIBRATION, PRESETS
from seqcnn.training.train import train

MODELS: dict[str, dict[str, Any]] = {"4 x 64 filters": {}, "1 x 16 filters": {"members": 1, "n_filters": 16}}
"""What differs from the default preset."""
RUNS = 5
CPU = torch.device("cpu")


def simulate(n: int, length: int) -> Examples:
    """Return random sequences, half of them positive."""
    codes = np.random.default_rng(1).integers(0, 4, (n, length), dtype=np.uint8)
    targets = (np.arange(n) % 2).astype(np.float32)[:, None]
    sequences = Ragged(codes.reshape(-1), offsets_of(np.full(n, length)))
    return Examples(sequences, from_text("" for _ in range(n)), targets, np.full(n, Origin.GIVEN, dtype=np.uint8))


class Busy:
    """Measures in which share of the time between start and stop a device does something."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.share = device, float("nan")
        self._profile: profile | None = None

    def start(self) -> None:
        if self.device.type == "cuda":
            self._profile = profile(activities=[ProfilerActivity.CUDA])
            torch.cuda.synchronize(self.device)
            self._profile.start()
            self._began = time.perf_counter()

    def stop(self) -> None:
        if self._profile is not None:
            torch.cuda.synchronize(self.device)
            seconds = time.perf_counter() - self._began
            self._profile.stop()
            spans = [
                (event.time_range.start, event.time_range.end)
                for event in self._profile.events()
                if event.device_type == DeviceType.CUDA
            ]
            self.share, self._profile = covered(spans) * 1e-6 / seconds, None

    def in_second_epoch(self, epoch: Epoch) -> None:
        """Start and stop around the second epoch: in the first, steps are recorded."""
        if epoch.number == 1:
            self.start()
        else:
            self.stop()

    def __str__(self) -> str:
        return "not measured" if self.share != self.share else f"{self.share:.0%}"


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of what spans cover together."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


class Recordings:
    """Counts the CUDA graphs that are made, and keeps why one could not be."""

    def __init__(self) -> None:
        self.n, self.problem = 0, ""
        real = Graphed._record

        def record(graphed: Graphed, given: Any) -> Any:
            try:
                made = real(graphed, given)
            except RuntimeError as error:
                self.problem = " ".join(str(error).split())[:200]
                raise
            self.n += 1
            return made

        Graphed._record = record  # type: ignore[method-assign]


def train_rate(
    examples: Examples, changes: dict[str, Any], epochs: int, device: torch.device, busy: Busy | None = None
) -> tuple[float, Network]:
    """Return training examples a second, and the network."""
    options = TrainOptions(**PRESETS["default"] | changes | {"epochs": epochs})
    split = Split(np.full(len(examples), "train"))
    trained = train(
        examples,
        split,
        options,
        target_names=["bound"],
        alphabet="dna",
        length=None,
        device=device,
        on_epoch=busy.in_second_epoch if busy is not None else None,
    )
    rates = [epoch.sequences_per_second for epoch in trained.history.epochs]
    return statistics.median(rates[1:] or rates), trained.model.network


def predict_rate(network: Network, sequences: Ragged) -> float:
    """Return sequences scored a second."""
    predict(network, sequences)
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        predict(network, sequences)
        seconds.append(time.perf_counter() - began)
    return len(sequences) / statistics.median(seconds)


def show(what: str, here: float, there: float | None = None, unit: str = "/s") -> None:
    ratio = "" if there is None else f"{there:>14,.0f}{here / there if unit == '/s' else there / here:>9.1f}x"
    print(f"{what:<34}{here:>14,.0f}{ratio}", flush=True)


def note(what: str, said: object) -> None:
    print(f"  {what:<32}{said!s:>14}", flush=True)


def compare_training(name: str, many: Examples, few: Examples, epochs: int, device: torch.device) -> Network:
    """Print the rates of training on both devices; return the network trained on the device."""
    changes, recordings, busy = MODELS[name], Recordings(), Busy(device)
    here, network = train_rate(many, changes, epochs, device)
    train_rate(many, changes, 2, device, busy)  # by itself, as the profiler takes time
    there, _ = train_rate(few, changes, min(2, epochs), CPU)
    show(f"train, {name}", here, there)
    note("busy", busy)
    note("CUDA graphs", recordings.n or recordings.problem or "none")
    if device.type == "cuda" and devices.has_bf16(device):
        in_bf16, _ = train_rate(many, changes | {"precision": "bf16"}, epochs, device)
        show(f"train, {name}, bf16", in_bf16, there)
    return network


def compare_predictions(name: str, network: Network, many: Examples, few: Examples, device: torch.device) -> None:
    """Print the rates of prediction on both devices, and how far the scores are apart."""
    busy = Busy(device)
    here = predict_rate(network, many.sequences)
    busy.start()
    predict(network, many.sequences)
    busy.stop()
    scores = predict(network, few.sequences)
    network = network.to(CPU)
    show(f"predict, {name}", here, predict_rate(network, few.sequences))
    note("busy", busy)
    apart = np.abs(scores - predict(network, few.sequences)).max()
    note("largest difference", f"{apart:.1e}")
    note("of scores up to", f"{np.abs(scores).max():.2f}")


def compare_calibrations(steps: int, device: torch.device) -> None:
    """Print the seconds of a calibration on both devices."""
    usual, default = CALIBRATION["default"], TrainOptions(**PRESETS["default"])
    examples = calibration.read(None)
    calibrate = calibration.calibrate
    (here, n_steps), (there, _) = (calibrate(default, examples, steps, usual, each) for each in (device, CPU))
    what = f"calibrate, {calibration.TRIALS} x {calibration.FOLDS}, s"
    show(what, here, there, "s")
    note("steps of each trial", n_steps)


def main() -> None:
    """Time everything on both devices and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sequences", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--length", type=int, default=101)
    parser.add_argument("--steps", type=int, default=350, help="of each trial of the calibration")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    given = parser.parse_args()
    try:
        device = devices.find(given.device)
    except SeqcnnError as error:
        raise SystemExit(f"gpu.py: {error}") from None
    devices.set_threads(given.threads)
    devices.keep_freed_memory()
    many, few = simulate(given.sequences, given.length), simulate(max(1, given.sequences // 10), given.length)
    print(f"{devices.describe(device)} beside {devices.describe(CPU)}; torch {torch.__version__}, {given.length} bp")
    print(f"{'sequences/s':<34}{device.type:>14}{'cpu':>14}{'ratio':>10}")
    for name in MODELS:
        network = compare_training(name, many, few, given.epochs, device)
        compare_predictions(name, network, many, few, device)
    compare_calibrations(given.steps, device)


if __name__ == "__main__":
    main()

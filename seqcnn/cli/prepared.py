"""What every command that trains does first: check, read, divide, and say what there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqcnn.cli import given as options_given
from seqcnn.dataset.build import Built, load
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.sources import Tally
from seqcnn.dataset.split import Split, SplitOptions, assign
from seqcnn.models import architectures
from seqcnn.models import device as devices
from seqcnn.training.options import TrainOptions
from seqcnn.training.start import Start
from seqcnn.training.train import check, count_classes, find_task

if TYPE_CHECKING:
    import torch

    from seqcnn.cli.console import Reporter

METRICS = {"binary": "AUROC", "regression": "Pearson", "poisson": "Pearson", "multiclass": "AUROC"}
"""What the validation score of each task is called."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Examples that can be trained on.

    Parameters
    ----------
    examples : Examples
    built : Built
    split : Split
    task : str
    both_strands : bool
    device : torch.device
    tally : Tally
    start : Start
        What training begins from.
    """

    examples: Examples
    built: Built
    split: Split
    task: str
    both_strands: bool
    device: torch.device
    tally: Tally
    start: Start

    @property
    def metric(self) -> str:
        """Name of the validation score."""
        return METRICS[self.task]

    def record(self) -> dict[str, Any]:
        """Return what run.json says of the data and the machine."""
        return {
            "device": devices.describe(self.device),
            "negatives": self.built.negatives,
            "counts": dict(self.tally.counts) | {f"split: {name}": n for name, n in self.split.counts.items()},
            "notes": self.tally.notes + self.split.notes,
        }


def set_machine(given: Mapping[str, Any], options: TrainOptions) -> torch.device:
    """Check the architecture, set the threads and find the device."""
    architectures.check(options.architecture)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    return devices.find(given["device"])


def prepare(
    data: tuple[str, ...],
    given: Mapping[str, Any],
    options: TrainOptions,
    device: torch.device,
    report: Reporter,
    start: Start | None = None,
) -> Prepared:
    """Read the examples, divide them, refuse what cannot be trained on, and say what is left.

    Raises
    ------
    SeqcnnError
    """
    tally = Tally()
    reading = options_given.reading(given)
    examples, built = load(data, reading, options_given.negatives(given, options.task), tally)
    splitting = SplitOptions(
        given["valid_chroms"] or (),
        given["test_chroms"] or (),
        given["valid_fraction"],
        given["test_fraction"],
        given["split_file"],
    )
    start = start or Start()
    start.check_alphabet(built.alphabet)
    both = options.reads_both_strands(built.alphabet)
    split = assign(examples, splitting, both_strands=both, seed=options.seed)
    task = options.task or (find_task(examples.targets) if examples.targets is not None else "binary")
    check(examples, split, options, task)
    _announce(report, devices.describe(device), examples, split, task)
    report.notes(tally)
    report.counts(tally)
    for note in split.notes:
        report.say(note)
    return Prepared(examples, built, split, task, both, device, tally, start)


def _announce(report: Reporter, device: str, examples: Examples, split: Split, task: str) -> None:
    """Say on what machine and on how many examples of each class."""
    assert examples.targets is not None
    parts = []
    for part in ("train", "valid", "test"):
        rows = split.rows(part)
        if len(rows):
            of_each = f" ({count_classes(examples.targets[rows])})" if task == "binary" else ""
            parts.append(f"{part} {len(rows):,}{of_each}")
    report.say(f"device {device}; {'; '.join(parts)}")

"""What every command that trains does first: check, read, divide, and say what there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcnn.cli import given as options_given
from seqcnn.cli.streaming import find_streamed, read_streamed
from seqcnn.dataset.build import Built, load
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.dataset.split import Split, SplitOptions, assign
from seqcnn.errors import UsageError
from seqcnn.models import architectures
from seqcnn.models import device as devices
from seqcnn.training import bases
from seqcnn.training.digest import digest
from seqcnn.training.metrics import SCORE_NAMES
from seqcnn.training.options import TrainOptions
from seqcnn.training.start import Start
from seqcnn.training.targets import count_classes, find_task
from seqcnn.training.train import check, check_streamed

if TYPE_CHECKING:
    import torch

    from seqcnn.cli.console import Reporter
    from seqcnn.dataset.streamed import Streamed
    from seqcnn.models.modelfile import Model


MOST_CLASSES = 10
"""Classes whose examples are counted in a message; more would be too long a line."""


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
    streamed : Streamed or None
        What is trained on where that is not in memory; `examples` are then few that stand for it.
    on_bases : bool
        The network is trained on which bases are bound.
    """

    examples: Examples
    built: Built
    split: Split
    task: str
    both_strands: bool
    device: torch.device
    tally: Tally
    start: Start
    streamed: Streamed | None = None
    on_bases: bool = False

    @property
    def metric(self) -> str:
        """Name of the validation score."""
        return SCORE_NAMES[self.task]

    @property
    def target_names(self) -> list[str]:
        """Names of what is predicted: the targets, or the classes."""
        return list(self.built.class_names) or self.built.target_names

    @property
    def n_scores(self) -> int | None:
        """The number of classes, where there are such."""
        return len(self.target_names) if self.task == "multiclass" else None

    @property
    def class_column(self) -> str:
        """What the column of classes is called, where there are such."""
        return self.built.target_names[0]

    def identity(self, options: TrainOptions) -> dict[str, Any]:
        """Return what the result depends on beside the examples that are trained on."""
        return asdict(options) | {
            "alphabet": self.built.alphabet,
            "length": self.built.length,
            "names of targets": [*self.built.target_names, *self.target_names],
            "preparation of targets": self.built.preparation,
            **({} if self.built.structure is None else {"structure": self.built.structure}),
            "data": digest(self.examples) if self.streamed is None else self.streamed.digest,
        }

    def record(self) -> dict[str, Any]:
        """Return what run.json says of the data and the machine."""
        return {
            "device": devices.describe(self.device),
            "in_memory": self.streamed is None,
            "negatives": self.built.negatives,
            "counts": dict(self.tally.counts) | {f"split: {name}": n for name, n in self.split.counts.items()},
            "notes": self.tally.notes + self.split.notes,
            "preparation": self.built.preparation,
            **({} if self.built.structure is None else {"structure": self.built.structure}),
        }

    def describe_data(self, model: Model) -> None:
        """Put in a model what was done to the targets that it was trained on, and how structures came about."""
        if self.built.preparation is not None:
            model.training["preparation"] = self.built.preparation
        if self.built.structure is not None:
            model.training["structure"] = self.built.structure


def set_machine(given: Mapping[str, Any], options: TrainOptions) -> torch.device:
    """Check the architecture, set the threads and find the device."""
    architectures.check(options.architecture)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    device = devices.find(given["device"])
    devices.check_precision(options.precision, device)
    return device


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
    splitting = SplitOptions(
        given["valid_chroms"] or (),
        given["test_chroms"] or (),
        given["valid_fraction"],
        given["test_fraction"],
        given["split_file"],
    )
    start = start or Start()
    if (path := find_streamed(data, given, report)) is not None:
        return _prepare_streamed(path, reading, splitting, options, device, report, start)
    with options_given.folding_shown(reading, tally, report):
        examples, built = load(data, reading, options_given.negatives(given), tally)
    _check_start(built, options, start, tally)
    _check_structure(built, options, start, tally)
    both = options.reads_both_strands(built.alphabet)
    task = options.task or built.task
    task = task or (find_task(examples.targets) if examples.targets is not None else "binary")
    split = assign(examples, splitting, both_strands=both, seed=options.seed, multiclass=task == "multiclass")
    check(examples, split, options, task, built.class_names)
    _announce(report, devices.describe(device), examples, split, task, built.class_names)
    on_bases = _find_bases(examples.take(split.rows("train")), built, options, task, tally)
    report.notes(tally)
    report.counts(tally)
    for note in split.notes:
        report.say(note)
    return Prepared(examples, built, split, task, both, device, tally, start, on_bases=on_bases)


def _prepare_streamed(
    path: str,
    reading: ReadOptions,
    splitting: SplitOptions,
    options: TrainOptions,
    device: torch.device,
    report: Reporter,
    start: Start,
) -> Prepared:
    """Do what :func:`prepare` does for a dataset that is read in blocks."""
    tally = Tally()
    streamed, built = read_streamed(path, reading, splitting, options, report, tally)
    _check_start(built, options, start, tally)
    _check_structure(built, options, start, tally)
    known = streamed.everything.sketch()
    assert known.targets is not None
    task = options.task or built.task or find_task(known.targets)
    check_streamed(streamed, options, task, built.class_names)
    on_bases = _find_bases(streamed, built, options, task, tally)
    parts = [f"{name} {n:,}" for name, n in streamed.counts.items() if n]
    report.say(f"device {devices.describe(device)}; {'; '.join(parts)}; read in blocks")
    report.notes(tally)
    report.counts(tally)
    for note in streamed.notes:
        report.say(note)
    split = Split(np.zeros(0, dtype=object), streamed.counts, streamed.notes)
    both = options.reads_both_strands(built.alphabet)
    return Prepared(known, built, split, task, both, device, tally, start, streamed, on_bases)


def _check_start(built: Built, options: TrainOptions, start: Start, tally: Tally) -> None:
    """Refuse first weights of the other alphabet; say what they leave out."""
    start.check_alphabet(built.alphabet)
    for note in start.notes(options):
        tally.note(note)


def _check_structure(built: Built, options: TrainOptions, start: Start, tally: Tally) -> None:
    """Refuse what does not go with structures; say what is otherwise with them."""
    start.check_structure(built.structure is not None)
    if built.structure is None:
        return
    if options.reads_both_strands(built.alphabet):
        raise UsageError(f"--strands {options.strands}: structures are of one strand")
    if options.reverse_complement:
        raise UsageError("--reverse-complement: structures are of one strand, the other would fold otherwise")
    if options.resample and built.negatives == "dinucleotide":
        tally.note("shuffled negatives stay as they are: afresh every epoch they would have to be folded every epoch")


def _find_bases(training: Examples | Streamed, built: Built, options: TrainOptions, task: str, tally: Tally) -> bool:
    """Return whether bases are trained on; say it, where architecture or data have such, and refuse what parts them."""
    gives, known = architectures.gives_bases(options.architecture), bases.counts(training)
    if bases.trains_on_bases(gives, len(built.target_names), task, training):
        bases.check_tools(options)
        tally.note(f"trained on bases: {known[1]:,} of {known[0] + known[1]:,} are bound")
        return True
    if gives:
        tally.note("trained on the scores of sequences, as the data do not say which bases are bound (--bound-bases)")
    elif known.any():
        tally.note(f"which bases are bound is not used: {options.architecture} scores whole sequences")
    return False


def _announce(
    report: Reporter, device: str, examples: Examples, split: Split, task: str, class_names: tuple[str, ...]
) -> None:
    """Say on what machine and on how many examples of each class."""
    assert examples.targets is not None
    parts = []
    for part in ("train", "valid", "test"):
        rows = split.rows(part)
        if len(rows):
            counted = task in ("binary", "multiclass") and len(class_names) <= MOST_CLASSES
            of_each = f" ({count_classes(examples.targets[rows], class_names)})" if counted else ""
            parts.append(f"{part} {len(rows):,}{of_each}")
    report.say(f"device {device}; {'; '.join(parts)}")

"""Train a model on an encoded dataset or on any raw input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options
from seqcnn.training.presets import PRESETS

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from seqcnn.cli.console import Advance, Reporter
    from seqcnn.cli.record import Record
    from seqcnn.dataset.examples import Examples
    from seqcnn.dataset.split import Split
    from seqcnn.training.history import Epoch
    from seqcnn.training.train import Trained


def _preset(name: str) -> str:
    return f"{PRESETS['default'][name]} or by --preset"


@click.command(
    epilog="""\b
Examples:
  seqcnn train bound.fa.gz -o run/
  seqcnn train peaks.narrowPeak --genome hg38.fa --length 101 --test-chroms chr8,chr9 -o run/
  seqcnn train probes.tsv --task regression --target-column intensity -o run/
  seqcnn train data.h5 --preset deepbind -o run/

The output folder holds model.safetensors, history.tsv (one line an epoch), metrics.json (validation and
test, with 95% intervals) and run.json (options, inputs, counts)."""
)
@options.inputs()
@options.output("The folder to write.")
@options.reading()
@options.labels()
@options.option(
    "--valid-chroms", metavar="CHROM,...", callback=options.csv, help="Chromosomes held out to choose the best epoch."
)
@options.option(
    "--test-chroms", metavar="CHROM,...", callback=options.csv, help="Chromosomes held out for the final test."
)
@options.option(
    "--valid-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    metavar="F",
    help="Share of the examples that chooses the best epoch, where nothing else says which.",
)
@options.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="F",
    help="Share of the examples held out for the final test.",
)
@options.option("--split-column", metavar="COLUMN", help="Column of a table that says train, valid or test.")
@options.option("--split-file", metavar="TSV", help="File with each example's name and train, valid or test.")
@options.option(
    "--preset",
    type=click.Choice(sorted(PRESETS)),
    default="default",
    help="Set of options to begin from: default (accurate), or deepbind (as published).",
)
@options.option("--architecture", metavar="NAME", default="deepbind", help="Network to train.")
@options.option(
    "--n-filters", type=click.IntRange(min=1), metavar="N", help="Motif detectors.", show_default=_preset("n_filters")
)
@options.option(
    "--kernel-size",
    type=click.IntRange(1, 200),
    metavar="BP",
    help="Length of a detector, bp.",
    show_default=_preset("kernel_size"),
)
@options.option(
    "--hidden",
    type=click.IntRange(min=0),
    metavar="N",
    help="Units of the hidden layer; 0 for none.",
    show_default=_preset("hidden"),
)
@options.option(
    "--pooling",
    type=click.Choice(["max", "max-average"]),
    help="What is kept of a detector's scores along a sequence.",
    show_default=_preset("pooling"),
)
@options.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="P",
    help="Share of features dropped while training.",
    show_default=_preset("dropout"),
)
@options.option(
    "--members",
    type=click.IntRange(min=1),
    metavar="M",
    help="Networks trained side by side and averaged.",
    show_default=_preset("members"),
)
@options.option(
    "--strands",
    type=click.Choice(["both", "one"]),
    help="Take the better score of both strands, or read one.",
    show_default="both for DNA, one for RNA",
)
@options.option(
    "--task",
    type=click.Choice(["binary", "regression"]),
    help="What the targets are.",
    show_default="binary if all are 0 or 1",
)
@options.option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Times through the examples.",
    show_default="12 to 60, fewer for larger sets",
)
@options.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Examples per step.",
    show_default=_preset("batch_size"),
)
@options.option(
    "--optimiser",
    type=click.Choice(["adamw", "sgd"]),
    help="AdamW, or SGD with Nesterov momentum.",
    show_default=_preset("optimiser"),
)
@options.option(
    "--schedule",
    type=click.Choice(["one-cycle", "constant"]),
    help="Course of the learning rate.",
    show_default=_preset("schedule"),
)
@options.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="RATE",
    help="Highest learning rate.",
    show_default=_preset("learning_rate"),
)
@options.option(
    "--weight-decay",
    type=click.FloatRange(min=0),
    metavar="RATE",
    help="Weight decay, times the learning rate.",
    show_default=_preset("weight_decay"),
)
@options.option(
    "--momentum",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="B",
    help="Share of the last step that is kept: momentum of sgd, first decay of adamw.",
    show_default=_preset("momentum"),
)
@options.option(
    "--patience",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Stop after N epochs without a better validation score; 0 for never.",
)
@options.option("--balance/--no-balance", default=True, help="Weigh both classes alike, whatever their numbers.")
@options.option(
    "--resample/--no-resample", default=True, help="Shuffle dinucleotide negatives afresh every epoch, or keep them."
)
@options.seed()
@options.machine()
@options.messages()
def command(data: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Train a model on DATA: an encoded dataset (.h5), FASTA, FASTQ, BED or narrowPeak with --genome, or a table.

    Several files are read one after another; - is standard input. The epoch with the best validation score (AUROC, or
    Pearson's correlation for regression) is kept.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.console import metrics_table
    from seqcnn.cli.record import Record
    from seqcnn.dataset.build import load
    from seqcnn.dataset.sources import Tally
    from seqcnn.dataset.split import SplitOptions, assign
    from seqcnn.formats.output import check_output
    from seqcnn.models import architectures
    from seqcnn.models import device as devices
    from seqcnn.training.train import TrainOptions, check, choose_epochs, count_classes, find_task, train

    report = options_given.reporter(given)
    options = TrainOptions(**_resolve(given))
    architectures.check(options.architecture)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    device = devices.find(given["device"])
    folder = check_output(output, force=force, directory=True)
    record = Record("train", {**given, **asdict(options)}, options_given.input_paths(data, given))
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
    both = (options.strands or ("both" if built.alphabet == "dna" else "one")) == "both"
    split = assign(examples, splitting, both_strands=both, seed=options.seed)
    task = options.task or (find_task(examples.targets) if examples.targets is not None else "binary")
    check(examples, split, options, task)
    _announce(report, devices.describe(device), examples, split, task, count_classes)
    report.notes(tally)
    report.counts(tally)
    for note in split.notes:
        report.say(note)
    metric = "AUROC" if task == "binary" else "Pearson"
    watch = _Watch(report, options.epochs or choose_epochs(len(split.rows("train"))), metric)
    with watch:
        trained = train(
            examples,
            split,
            options,
            target_names=built.target_names,
            alphabet=built.alphabet,
            length=built.length,
            device=device,
            on_batch=watch.on_batch,
            on_epoch=watch.on_epoch,
        )
    record.add(
        device=devices.describe(device),
        negatives=built.negatives,
        counts=dict(tally.counts) | {f"split: {name}": n for name, n in split.counts.items()},
        notes=tally.notes + split.notes,
        epochs=len(trained.history.epochs),
        best_epoch=trained.history.best_epoch,
    )
    _write(folder, trained, record)
    for part, metrics in trained.metrics.items():
        report.say({"valid": "validation", "test": "test"}[part] + f" ({split.counts[part]:,} examples)")
        report.say(metrics_table(metrics))
    report.say(f"wrote {folder}/: model.safetensors, history.tsv, metrics.json, run.json")


def _resolve(given: dict[str, Any]) -> dict[str, Any]:
    """Return the training options: those of the preset, and over them what was said."""
    from dataclasses import fields

    from seqcnn.training.train import TrainOptions

    names = {field.name for field in fields(TrainOptions)}
    said = {name: value for name, value in given.items() if name in names and value is not None}
    return PRESETS[given["preset"]] | said


def _announce(
    report: Reporter, device: str, examples: Examples, split: Split, task: str, count: Callable[[Any], str]
) -> None:
    """Say on what machine and on how many examples of each class."""
    assert examples.targets is not None
    parts = []
    for part in ("train", "valid", "test"):
        rows = split.rows(part)
        if len(rows):
            of_each = f" ({count(examples.targets[rows])})" if task == "binary" else ""
            parts.append(f"{part} {len(rows):,}{of_each}")
    report.say(f"device {device}; {'; '.join(parts)}")


class _Watch:
    """Shows the course of a fit: a moving line on a terminal, one line an epoch elsewhere."""

    def __init__(self, report: Reporter, epochs: int, metric: str) -> None:
        self.report, self.epochs, self.metric, self.epoch = report, epochs, metric, 0
        self.progress: Advance | None = None
        self._context: Any = None

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *error: object) -> None:
        if self._context is not None:
            self._context.__exit__(None, None, None)

    def on_batch(self, done: int, total: int, losses: Tensor) -> None:
        if not self.report.on_terminal:
            return
        if self.progress is None:
            self._context = self.report.progress("training", total * self.epochs)
            self.progress = self._context.__enter__()
        self.progress.to(
            self.epoch * total + done, f"epoch {self.epoch + 1}/{self.epochs}, loss {float(losses.mean()):.3f}"
        )

    def on_epoch(self, epoch: Epoch) -> None:
        self.epoch = epoch.number
        n = len(epoch.training_loss)
        score = sum(epoch.validation_score) / n
        self.report.say(
            f"epoch {epoch.number:>3}/{self.epochs}  loss {sum(epoch.training_loss) / n:.4f}  "
            f"validation {self.metric} {score:.4f}  {epoch.sequences_per_second:,.0f} sequences/s  "
            f"{(self.epochs - epoch.number) * epoch.seconds:,.0f} s left"
        )


def _write(folder: Path, trained: Trained, record: Record) -> None:
    """Write the run folder: what is large, and worth most, first."""
    from seqcnn.cli.record import write_json
    from seqcnn.formats.output import atomic_path
    from seqcnn.models.modelfile import FILE_NAME, save

    save(trained.model, folder / FILE_NAME)
    lines = ["epoch\tmember\ttraining_loss\tvalidation_loss\tvalidation_score\tseconds\tsequences_per_second"]
    for epoch in trained.history.epochs:
        columns = zip(epoch.training_loss, epoch.validation_loss, epoch.validation_score, strict=True)
        for member, values in enumerate(columns, 1):
            cells = [*(f"{value:.6g}" for value in values), f"{epoch.seconds:.3f}", f"{epoch.sequences_per_second:.0f}"]
            lines.append("\t".join([str(epoch.number), str(member), *cells]))
    with atomic_path(folder / "history.tsv") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(trained.metrics, folder / "metrics.json")
    write_json(record.finish(), folder / "run.json")

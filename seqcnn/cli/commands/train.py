"""Train a model on an encoded dataset or on any raw input."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import config_file, course_options, options, tool_options, training_options

if TYPE_CHECKING:
    from pathlib import Path

    from seqcnn.cli.console import Reporter
    from seqcnn.cli.prepared import Prepared
    from seqcnn.cli.record import Record
    from seqcnn.training.options import TrainOptions
    from seqcnn.training.start import Start


@click.command(
    epilog="""\b
Examples:
  seqcnn train bound.fa.gz -o run/
  seqcnn train peaks.narrowPeak --genome hg38.fa --length 101 --test-chroms chr8,chr9 -o run/
  seqcnn train probes.tsv --task regression --target-column intensity -o run/
  seqcnn train data.h5 --folds 5 -o run/
  seqcnn train data.h5 --preset deepbind -o run/
  seqcnn train data.h5 --architecture resnet --width 2 -o run/
  seqcnn train data.h5 -o run/ --resume

The output folder holds model.safetensors, history.tsv (one line an epoch), metrics.json (validation and
test, with 95% intervals), held_out.tsv (their scores) and run.json (options, inputs, counts)."""
)
@options.inputs()
@options.output("The folder to write.")
@config_file.config()
@options.reading()
@options.structure()
@options.labels()
@training_options.splitting()
@training_options.folds("Cross-validate: train a model on all folds but one, K times, and keep them as one ensemble.")
@training_options.start()
@training_options.list_architectures()
@training_options.network()
@course_options.course()
@tool_options.tools()
@training_options.reading()
@training_options.keeping()
@options.seed()
@options.machine()
@options.messages()
def command(data: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Train a model on DATA: an encoded dataset (.h5), FASTA, FASTQ, BED or narrowPeak with --genome, or a table.

    Several files are read one after another; - is standard input. The epoch with the best validation score is kept:
    AUROC, or Pearson's correlation (regression), the share of the deviance that is explained (poisson), the mean AUROC
    of the classes (multiclass).
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli import together
    from seqcnn.cli.prepared import prepare, set_machine
    from seqcnn.cli.record import Record
    from seqcnn.cli.resuming import open_run
    from seqcnn.errors import UsageError

    report = options_given.reporter(given)
    if given["folds"] is not None and given["valid_chroms"]:
        raise UsageError(
            "--folds holds out each fold in turn, not --valid-chroms; --test-chroms leaves chromosomes out"
        )
    start = _start(given)
    architecture = given["architecture"] or (start.model and start.model.architecture)
    chosen = training_options.resolve({**given, "architecture": architecture})
    chosen = start.options(chosen, said=frozenset(name for name, value in given.items() if value is not None))
    _check_idle(given, chosen, start)
    device = set_machine(given, chosen)
    together.join(device, data)
    record = Record("train", {**given, **asdict(chosen)}, options_given.input_paths(data, given))
    folder = together.decided(
        lambda: open_run(output, force=force, resume=given["resume"], record=record, report=report), output, device
    )
    if folder is None:
        return
    if given["folds"] is not None:
        fraction, given["valid_fraction"] = given["valid_fraction"], 0.0
        _cross_validate(
            prepare(data, given, chosen, device, report, start), chosen, given, fraction, folder, record, report
        )
    else:
        _train(prepare(data, given, chosen, device, report, start), chosen, given, folder, record, report)


def _check_idle(given: dict[str, Any], chosen: TrainOptions, start: Start) -> None:
    """Refuse options that change nothing beside the others."""
    from seqcnn.cli.idle import refuse_idle

    refuse_idle(
        {
            "ema_decay": (chosen.weight_averaging == "ema", "it goes with --weight-averaging ema"),
            "swa_start": (chosen.weight_averaging == "swa", "it goes with --weight-averaging swa"),
            "nesterov": (chosen.optimiser == "sgd", "it goes with --optimiser sgd"),
            "filter_scale": (start.model is None, "the filters begin as those of --from"),
            "folds_by": (given["folds"] is not None, "it goes with --folds"),
        }
    )


def _start(given: dict[str, Any]) -> Start:
    """Return what training begins from."""
    from seqcnn.errors import UsageError
    from seqcnn.formats.motif_files import read_motifs
    from seqcnn.models.modelfile import load
    from seqcnn.training.start import Start

    if given["head_only"] and given["from_"] is None:
        raise UsageError("--head-only needs a model to begin from (--from)")
    if given["head_only"] and given["motifs"] is not None:
        raise UsageError("--head-only leaves the detectors as they are, and --motifs sets some; say one of them")
    model = None if given["from_"] is None else load(given["from_"], structure=True)
    return Start(model, given["head_only"], [] if given["motifs"] is None else read_motifs(given["motifs"]))


def _train(
    prepared: Prepared, chosen: TrainOptions, given: dict[str, Any], folder: Path, record: Record, report: Reporter
) -> None:
    """Train one model."""
    from seqcnn.cli.console import metrics_table
    from seqcnn.cli.resuming import finish, keep
    from seqcnn.cli.run_folder import write_run
    from seqcnn.cli.watch import Watch
    from seqcnn.errors import UsageError
    from seqcnn.training.train import train

    split, built, chosen = prepared.split, prepared.built, replace(chosen, task=prepared.task)
    if chosen.patience and not split.counts["valid"]:
        raise UsageError("--patience goes by the validation part, and there is none; see --valid-fraction")
    with Watch(report, chosen.n_epochs(split.counts["train"]), prepared.metric) as watch:
        keeper = keep(folder, given, report, watch, record, prepared.identity(chosen))
        trained = train(
            prepared.streamed or prepared.examples,
            split,
            chosen,
            target_names=prepared.target_names,
            class_column=prepared.class_column,
            alphabet=built.alphabet,
            length=built.length,
            device=prepared.device,
            start=prepared.start,
            on_batch=watch.on_batch,
            on_epoch=watch.on_epoch,
            keeper=keeper,
        )
    record.add(**prepared.record(), epochs=len(trained.history.epochs), best_epoch=trained.history.best_epoch)
    prepared.describe_data(trained.model)
    write_run(folder, trained.model, [trained.history], trained.metrics, trained.held_out, record)
    finish(folder, keeper)
    for part, metrics in trained.metrics.items():
        report.say({"valid": "validation", "test": "test"}[part] + f" ({split.counts[part]:,} examples)")
        report.say(metrics_table(metrics))
    report.say(f"wrote {folder}/: model.safetensors, history.tsv, metrics.json, held_out.tsv, run.json")


def _cross_validate(
    prepared: Prepared,
    chosen: TrainOptions,
    given: dict[str, Any],
    valid_fraction: float,
    folder: Path,
    record: Record,
    report: Reporter,
) -> None:
    """Train a model for each fold."""
    from seqcnn.cli.console import folds_table, metrics_table
    from seqcnn.cli.resuming import finish, keep
    from seqcnn.cli.run_folder import write_run
    from seqcnn.cli.watch import Watch
    from seqcnn.dataset.folds import assign_folds
    from seqcnn.training.cross_validation import cross_validate, summarise_all
    from seqcnn.training.evaluate import evaluate_part

    built, n_folds, chosen = prepared.built, given["folds"], replace(chosen, task=prepared.task)
    test_rows = prepared.split.rows("test")
    examples = prepared.examples.take(prepared.split.part != "test")
    folds, by = assign_folds(
        examples, n_folds, both_strands=prepared.both_strands, seed=chosen.seed, by=given["folds_by"]
    )
    report.say(f"{n_folds} folds by {by}")
    watch = Watch(report, 0, prepared.metric)
    with watch:
        keeper = keep(folder, given, report, watch, record, prepared.identity(chosen))
        done = cross_validate(
            examples,
            folds,
            chosen,
            valid_fraction=valid_fraction,
            target_names=prepared.target_names,
            class_column=prepared.class_column,
            alphabet=built.alphabet,
            length=built.length,
            device=prepared.device,
            start=prepared.start,
            on_fold=lambda fold, counts: watch.begin(f"fold {fold + 1}/{n_folds}", chosen.n_epochs(counts["train"])),
            on_batch=watch.on_batch,
            on_epoch=watch.on_epoch,
            keeper=keeper,
        )
    metrics: dict[str, Any] = {"folds": done.metrics, "cross_validation": summarise_all(done.metrics)}
    held_out = done.held_out
    if len(test_rows):
        test = prepared.examples.take(test_rows)
        metrics["test"], scored = evaluate_part(done.model, test, "test", seed=chosen.seed)
        held_out = [*held_out, scored]
    done.model.training["metrics"] = metrics
    record.add(**prepared.record(), folds_by=by, best_epoch=[history.best_epoch for history in done.histories])
    prepared.describe_data(done.model)
    write_run(folder, done.model, done.histories, metrics, held_out, record)
    finish(folder, keeper)
    report.say(folds_table(metrics["cross_validation"]))
    if "test" in metrics:
        report.say(f"test ({len(test_rows):,} examples)")
        report.say(metrics_table(metrics["test"]))
    report.say(f"wrote {folder}/: model.safetensors, history.tsv, metrics.json, held_out.tsv, run.json")

"""Judge a model on data that it has not seen, with 95% intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.dataset.examples import Examples


@click.command(
    epilog="""\b
Examples:
  seqcnn evaluate run/ held_out.fa.gz
  seqcnn evaluate run/ peaks.narrowPeak --genome hg38.fa --chroms chr8,chr9 -o test.json"""
)
@click.argument("model")
@options.inputs()
@options.output("JSON file to write the metrics to.", required=False)
@options.reading(by_model=True)
@options.structure(by_model=True)
@options.labels(by_model=True)
@options.option(
    "--chroms", metavar="CHROM,...", callback=options.csv, help="Take only the examples on these chromosomes."
)
@options.batch_size
@options.seed()
@options.machine()
@options.messages()
def command(model: str, data: tuple[str, ...], output: str | None, force: bool, **given: Any) -> None:
    """Judge MODEL (a model file or the run folder) on DATA with known targets; inputs are those of train.

    For a binary target: AUROC, AUPRC beside the share of positives, accuracy at the best threshold. For a numeric one:
    Pearson, Spearman, mean squared error; for counts the Poisson deviance, and the share of it that is explained, in
    place of the last. For several classes: accuracy, mean AUROC, log loss, which class is taken for which, and AUROC
    and AUPRC of each. With --bound-bases, or a dataset encoded so, and a model that scores bases: AUROC and AUPRC of
    all bases too. A table is printed, and written as JSON with --output. Intervals come from resampling the
    examples.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.assay import to_assay
    from seqcnn.cli.console import metrics_table
    from seqcnn.cli.record import Record, write_json
    from seqcnn.dataset.build import load as load_examples
    from seqcnn.dataset.sources import Tally
    from seqcnn.dataset.split import on_chromosomes
    from seqcnn.errors import InputError, UsageError
    from seqcnn.formats.output import check_output
    from seqcnn.models import device as devices
    from seqcnn.models.modelfile import load
    from seqcnn.training.evaluate import evaluate

    report = options_given.reporter(given)
    paths = [model, *options_given.input_paths(data, given)]
    if output is not None:
        check_output(output, force=force, inputs=paths)
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    trained = load(model, devices.find(given["device"]), structure=True)
    reading = options_given.reading_for(trained, given, report)
    record = Record("evaluate", {**given, "model": model}, paths)
    tally = Tally()
    with options_given.folding_shown(reading, tally, report):
        examples, built = load_examples(data, reading, options_given.negatives(given), tally)
    if trained.task != "binary" and not built.labelled:
        raise InputError(
            "holds no targets, but the model predicts numbers", data[0], hint="see --target-column and --label-pattern"
        )
    examples = _in_order(examples, built.target_names, trained.target_columns)
    if given["chroms"]:
        if examples.windows is None:
            raise UsageError("--chroms needs regions (BED, narrowPeak) with --genome: nothing else has chromosomes")
        examples = examples.take(on_chromosomes(examples, given["chroms"], tally.notes))
    undo = to_assay(trained, examples, built, reading, given, data, tally)
    report.notes(tally)
    report.counts(tally)
    metrics = evaluate(trained, examples, seed=given["seed"], batch_size=given["batch_size"], undo=undo)
    problems = [values.get("problem") for values in metrics.values()]
    if all(problems) and not any("bases_auroc" in values for values in metrics.values()):
        raise InputError(f"{problems[0]} among the {len(examples):,} examples: nothing to judge by", data[0])
    click.echo(metrics_table(metrics))
    if output is not None:
        record.add(metrics=metrics, negatives=built.negatives, counts=dict(tally.counts), notes=tally.notes)
        record.add(preparation=trained.training.get("preparation"))
        write_json(record.finish(), output)


def _in_order(examples: Examples, names: Sequence[str], wanted: Sequence[str]) -> Examples:
    """Return the examples with the model's targets in its order, if the data have targets of all these names."""
    if examples.targets is None or not set(wanted) <= set(names):
        return examples
    return examples.with_targets(examples.targets[:, [names.index(name) for name in wanted]])

"""Search training options by cross-validation, and train the best."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options, training_options
from seqcnn.cli.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from seqcnn.cli.console import Advance, Reporter
    from seqcnn.cli.prepared import Prepared
    from seqcnn.cli.record import Record
    from seqcnn.dataset.examples import Examples
    from seqcnn.training.calibrate import CalibrateOptions, Piece, Trial
    from seqcnn.training.options import TrainOptions
    from seqcnn.training.search import Space


@click.command(
    epilog="""\b
Examples:
  seqcnn calibrate bound.fa.gz -o run/
  seqcnn calibrate data.h5 -o run/ --trials 60 --search n_filters=16,32,64 --search kernel_size=12..32
  seqcnn calibrate data.h5 -o run/ --preset deepbind
  seqcnn train data.h5 -o again/ --config run/trials/trial_07.yaml

The output folder holds trials.tsv (every setting, every fold's score), trials.png (score against each
setting), trials/ (each trial's options, for train --config), model.safetensors, history.tsv, metrics.json
and run.json."""
)
@options.inputs()
@options.output("The folder to write.")
@training_options.config()
@options.option("--trials", type=click.IntRange(min=1), default=30, metavar="N", help="Settings to try.")
@training_options.folds("Folds that each setting is judged on.", default=3)
@options.option(
    "--search",
    multiple=True,
    metavar="NAME=...",
    help="Search an option within LOW..HIGH, or among A,B,C; may be given again. "
    "Others are searched as the preset says.",
)
@options.option(
    "--trial-epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Times a trial goes through its examples.",
    show_default="a quarter of --epochs; all with --preset deepbind",
)
@options.option(
    "--trial-filters",
    type=click.IntRange(min=1),
    metavar="N",
    help="Motif detectors of a trial.",
    show_default="--n-filters if said, else 16",
)
@options.option(
    "--best",
    type=click.IntRange(min=1),
    metavar="N",
    help="Settings that make the model, of the best one's shape.",
    show_default="4; 1 with --preset deepbind",
)
@options.option(
    "--restarts",
    type=click.IntRange(min=1),
    metavar="N",
    help="Networks trained of each of them in the end.",
    show_default="2; 6 with --preset deepbind",
)
@options.option(
    "--keep",
    type=click.Choice(["ensemble", "best"]),
    help="Keep all of those as an ensemble, or the one with the lowest training loss.",
    show_default="ensemble; best with --preset deepbind",
)
@options.reading()
@options.labels()
@training_options.splitting(validates=False)
@training_options.network(members=False)
@training_options.course(patience=False)
@options.seed()
@options.machine()
@options.messages()
def command(data: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Search options for DATA by cross-validation, and train a model with the best.

    Settings are drawn at random and each is trained on all folds but one, many at a time. The best by mean score on the
    folds held out (AUROC, or Pearson's correlation for regression) are then trained on everything but the test part.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.prepared import prepare, set_machine
    from seqcnn.cli.record import Record
    from seqcnn.cli.trials_table import write_trials
    from seqcnn.dataset.folds import assign_folds
    from seqcnn.formats.output import check_output
    from seqcnn.training.calibrate import CalibrateOptions
    from seqcnn.training.presets import CALIBRATION

    report = options_given.reporter(given)
    usual = CALIBRATION[given["preset"]]
    if given["epochs"] is None and given["steps"] is None:
        given["steps"] = usual.steps
    chosen = training_options.resolve({**given, "members": 1})
    space = _space(given)
    device = set_machine(given, chosen)
    folder = check_output(output, force=force, directory=True)
    record = Record("calibrate", {**given, **asdict(chosen)}, options_given.input_paths(data, given))
    splitting = {"valid_chroms": (), "valid_fraction": 0.0}
    prepared = prepare(data, {**given, **splitting}, chosen, device, report)
    examples = prepared.examples.take(prepared.split.part != "test")
    folds, by = assign_folds(
        examples, given["folds"], both_strands=prepared.both_strands, seed=chosen.seed, by=given["folds_by"]
    )
    epochs = chosen.n_epochs(len(examples))
    calibration = CalibrateOptions(
        space=space,
        trials=given["trials"],
        folds=given["folds"],
        epochs=given["trial_epochs"] or max(2, math.ceil(epochs * usual.trial_share)),
        checkpoints=usual.checkpoints,
        best=given["best"] or usual.best,
        restarts=given["restarts"] or usual.restarts,
        keep=given["keep"] or usual.keep,
        trial_filters=given["trial_filters"] or given["n_filters"] or usual.trial_filters,
        incumbent=usual.incumbent,
    )
    report.say(
        f"{calibration.trials} settings on {calibration.folds} folds by {by}, {calibration.epochs} epochs each; then "
        f"{calibration.restarts} networks of each of the {calibration.best} best, {epochs} epochs"
    )
    trials = _search(prepared, examples, folds, chosen, calibration, report)
    write_trials(folder, trials, calibration, {**given, **splitting, "folds_by": by}, prepared.metric)
    _train_best(prepared, examples, trials, chosen, calibration, epochs, folder, record, report)


def _space(given: Mapping[str, Any]) -> Space:
    """Return what is searched: as the preset says, but for what the command says."""
    from seqcnn.training.search import SPACES, parse

    usual = SPACES[given["preset"]]
    left = {name: choice for name, choice in usual.items() if given.get(name) is None}
    return left | dict(parse(text) for text in given["search"])


def _search(
    prepared: Prepared,
    examples: Examples,
    folds: NDArray[np.int64],
    chosen: TrainOptions,
    calibration: CalibrateOptions,
    report: Reporter,
) -> list[Trial]:
    """Do all trials."""
    from seqcnn.training.calibrate import draw_trials, pieces, rank, run_piece

    trials = draw_trials(calibration, chosen)
    work = list(pieces(trials, calibration.folds))
    total = sum(len(piece.trials) * int((folds != piece.fold).sum()) for piece in work) * calibration.epochs
    done = 0
    with report.progress("calibrating", total) as progress:
        for number, piece in enumerate(work, 1):
            run_piece(
                piece,
                chosen,
                calibration,
                examples,
                folds,
                task=prepared.task,
                both_strands=prepared.both_strands,
                device=prepared.device,
                on_batch=_Progress(progress, len(piece.trials), done),
            )
            done += len(piece.trials) * int((folds != piece.fold).sum()) * calibration.epochs
            report.say(
                f"fit {number}/{len(work)}: {len(piece.trials)} settings, fold {piece.fold + 1}, "
                f"best {prepared.metric} {_best_of(piece):.4f}"
            )
    best = rank(trials)[0]
    report.say(f"best setting: trial {best.number + 1}, mean {prepared.metric} {best.best_checkpoint()[1]:.4f}")
    return trials


def _best_of(piece: Piece) -> float:
    scores = [score for trial in piece.trials for score in trial.scores[piece.fold] if not math.isnan(score)]
    return max(scores, default=math.nan)


class _Progress:
    """Moves the progress line by what each batch is worth: its examples, times the settings trained on them."""

    def __init__(self, progress: Advance, n_settings: int, before: int) -> None:
        self.progress, self.n_settings, self.before = progress, n_settings, before
        self.epochs_before = self.last = 0

    def __call__(self, done: int, total: int, losses: Tensor) -> None:
        if done < self.last:
            self.epochs_before += total
        self.last = done
        self.progress.to(self.before + self.n_settings * (self.epochs_before + done))


def _train_best(
    prepared: Prepared,
    examples: Examples,
    trials: list[Trial],
    chosen: TrainOptions,
    calibration: CalibrateOptions,
    epochs: int,
    folder: Path,
    record: Record,
    report: Reporter,
) -> None:
    """Train the best settings on everything, and write the run folder."""
    from seqcnn.cli.console import metrics_table
    from seqcnn.cli.run_folder import write_run
    from seqcnn.training.calibrate import choose, final_epochs, train_best
    from seqcnn.training.evaluate import evaluate
    from seqcnn.training.train import make_model

    best = choose(trials, calibration.best)
    epochs = final_epochs(best[0], calibration, epochs)
    with Watch(report, epochs, prepared.metric) as watch:
        network, history = train_best(
            best,
            chosen,
            calibration,
            examples,
            task=prepared.task,
            both_strands=prepared.both_strands,
            epochs=epochs,
            device=prepared.device,
            on_batch=watch.on_batch,
            on_epoch=watch.on_epoch,
        )
    said = replace(
        chosen, **best[0].settings, task=prepared.task, epochs=epochs, members=network.settings.n_members, steps=None
    )
    counts, built = prepared.split.counts, prepared.built
    model = make_model(network, said, examples, counts, built.target_names, built.alphabet, built.length)
    chosen_trials = [
        {"trial": trial.number + 1, "score": trial.best_checkpoint()[1], "settings": trial.settings} for trial in best
    ]
    metrics: dict[str, Any] = {"calibration": {"metric": prepared.metric, "best": chosen_trials}}
    test = prepared.split.rows("test")
    if len(test):
        metrics["test"] = evaluate(model, prepared.examples.take(test), seed=chosen.seed)
    model.training["calibration"] = chosen_trials
    model.training["metrics"] = metrics
    record.add(**prepared.record(), epochs=epochs, calibration=chosen_trials, lost=sorted(history.lost))
    write_run(folder, model, [history], metrics, record)
    if "test" in metrics:
        report.say(f"test ({len(test):,} examples)")
        report.say(metrics_table(metrics["test"]))
    report.say(
        f"wrote {folder}/: trials.tsv, trials.png, trials/, model.safetensors, history.tsv, metrics.json, run.json"
    )

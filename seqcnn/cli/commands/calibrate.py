"""Search training options by cross-validation, and train the best."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import config_file, course_options, options, tool_options, training_options
from seqcnn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqcnn.cli.calibration import Calibration
    from seqcnn.cli.console import Reporter
    from seqcnn.cli.prepared import Prepared
    from seqcnn.cli.record import Record
    from seqcnn.training.options import TrainOptions
    from seqcnn.training.search import Space

SPLITTING = {"valid_chroms": (), "valid_fraction": 0.0}
"""There are folds instead of a validation part."""

SEARCHED = frozenset({"hidden", "dropout", "learning_rate", "momentum", "weight_decay", "filter_scale", "weight_scale"})
"""Options that the default preset searches if they are not given, as help says."""


@click.command(
    epilog="""\b
Examples:
  seqcnn calibrate bound.fa.gz -o run/
  seqcnn calibrate data.h5 -o run/ --trials 60 --search n_filters=16,32,64 --search kernel_size=12..32
  seqcnn calibrate data.h5 -o run/ --preset deepbind
  seqcnn calibrate data.h5 -o run/ --study shared/study.journal     # on as many hosts as there are
  seqcnn train data.h5 -o again/ --config run/trials/trial_07.yaml

The output folder holds trials.tsv (every setting, every fold's score), trials.png (score against each
setting), trials/ (each trial's options, for train --config), model.safetensors, history.tsv, metrics.json,
held_out.tsv and run.json."""
)
@options.inputs()
@options.output("The folder to write.")
@config_file.config()
@options.option("--trials", type=click.IntRange(min=1), default=30, metavar="N", help="Settings to try.")
@training_options.folds("Folds that each setting is judged on.", default=3)
@options.option(
    "--search",
    multiple=True,
    metavar="NAME=...",
    help="Search an option within LOW..HIGH, or among A,B,C; may be given again. "
    "Others are searched as the preset says, unless they are given.",
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
    help="Number of motif detectors of a trial.",
    show_default="--n-filters if said, else 16",
)
@options.option(
    "--best",
    type=click.IntRange(min=1),
    metavar="N",
    help="Settings that make the model, at most: of those with the best one's shape.",
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
@options.option(
    "--at-once",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most trials trained side by side.",
    show_default="all of a shape; 8 with --study",
)
@options.option(
    "--study",
    metavar="FILE",
    help="Share the work with all who are given the same file, data and options: any number of processes, on any "
    "hosts, that come and go. One of them writes the model. Needs optuna: pip install 'seqcnn[tune]'.",
)
@options.option(
    "--lost-after",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    metavar="SECONDS",
    help="Seconds without a sign of life after which another process's trials are done again (--study).",
)
@options.reading()
@options.structure()
@options.labels()
@training_options.splitting(validates=False)
@training_options.network(members=False, searched=SEARCHED)
@course_options.course(patience=False, searched=SEARCHED)
@tool_options.tools()
@training_options.keeping()
@options.seed()
@options.machine()
@options.messages()
def command(data: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Search options for DATA by cross-validation, and train a model with the best.

    Settings are drawn at random and each is trained on all folds but one, many at a time. The best by mean score on the
    folds held out (AUROC; Pearson's correlation for numbers, explained deviance for counts) are then trained on
    everything but the test part. What is killed goes on with --resume.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli.prepared import prepare, set_machine
    from seqcnn.cli.record import Record
    from seqcnn.training.presets import CALIBRATION
    from seqcnn.training.search import Range, check_space, find_space

    report = options_given.reporter(given)
    _check(given)
    if given["epochs"] is None and given["steps"] is None:
        given["steps"] = CALIBRATION[given["preset"]].steps
    chosen = training_options.resolve({**given, "members": 1})
    space = find_space(given["preset"], given["search"], given, chosen.architecture)
    check_space(space, chosen)
    device = set_machine(given, chosen)
    record = Record("calibrate", {**given, **asdict(chosen)}, options_given.input_paths(data, given))
    folder = _open(output, given, force, record, report)
    if folder is None:
        return
    lengths = space.get("kernel_size", (chosen.get("kernel_size"),))
    longest = {"kernel_size": lengths.high if isinstance(lengths, Range) else max(lengths)}
    widest = chosen.changed(longest) if None not in longest.values() else chosen
    prepared = prepare(data, {**given, **SPLITTING}, widest, device, report)
    calibration, by = _plan(given, chosen, space, prepared, report)
    given |= {**SPLITTING, "folds_by": by}
    if given["study"] is None:
        _alone(calibration, folder, given, record)
    else:
        _together(calibration, folder, given, force, record)


def _check(given: Mapping[str, Any]) -> None:
    """Refuse options that contradict each other."""
    from seqcnn.cli.idle import refuse_idle

    if given["study"] is not None and given["resume"]:
        raise UsageError("--study goes on by itself with what is left; leave --resume out")
    if "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("torchrun does not divide a calibration; start processes by themselves, with --study FILE")
    refuse_idle({"lost_after": (given["study"] is not None, "it goes with --study")})


def _open(output: str, given: Mapping[str, Any], force: bool, record: Record, report: Reporter) -> Path | None:
    """Check or make the output folder; None if there is nothing left to do."""
    from seqcnn.cli.resuming import open_run
    from seqcnn.formats.output import check_output
    from seqcnn.training.ledger import FILE_NAME

    if given["study"] is None:
        return open_run(output, force=force, resume=given["resume"], record=record, report=report, marks=(FILE_NAME,))
    from seqcnn.training.study import find_outputs

    known = os.path.realpath(output) in find_outputs(given["study"])
    return check_output(output, force=force or known, directory=True)


def _plan(
    given: Mapping[str, Any], chosen: TrainOptions, space: Space, prepared: Prepared, report: Reporter
) -> tuple[Calibration, str]:
    """Make folds, and find out what is to be done; return it, and what the folds go by."""
    from seqcnn.cli.calibration import Calibration
    from seqcnn.dataset.folds import assign_folds
    from seqcnn.training.bases import check_tools
    from seqcnn.training.cross_validation import check_folds
    from seqcnn.training.presets import CALIBRATION
    from seqcnn.training.search import check_space, parse
    from seqcnn.training.trials import CalibrateOptions

    check_space(space, replace(chosen, task=prepared.task), check_tools if prepared.on_bases else None)
    usual = CALIBRATION[given["preset"]]
    examples = prepared.examples.take(prepared.split.part != "test")
    folds, by = assign_folds(
        examples, given["folds"], both_strands=prepared.both_strands, seed=chosen.seed, by=given["folds_by"]
    )
    check_folds(examples, folds, prepared.task, prepared.built.class_names)
    epochs = chosen.n_epochs(len(examples))
    in_trial = len(examples) * (given["folds"] - 1) // given["folds"] if chosen.steps is not None else len(examples)
    of_trial = math.ceil(chosen.n_epochs(in_trial) * usual.trial_share)
    searched = {parse(text)[0] for text in given["search"]}
    calibration = CalibrateOptions(
        space=space,
        trials=given["trials"],
        folds=given["folds"],
        epochs=given["trial_epochs"] or max(min(2, epochs), of_trial),
        # A course that is cut short is another one, unless nothing in it depends on its length.
        checkpoints=usual.checkpoints if _can_be_cut_short(chosen, space) else 1,
        best=given["best"] or usual.best,
        restarts=given["restarts"] or usual.restarts,
        keep=given["keep"] or usual.keep,
        trial_filters=given["trial_filters"] or given["n_filters"] or usual.trial_filters,
        incumbent=frozenset(set(space) - searched) if usual.incumbent else frozenset(),
        at_once=given["at_once"],
    )
    report.say(
        f"{calibration.trials} settings on {calibration.folds} folds by {by}, {calibration.epochs} epochs each; then "
        f"at most {calibration.best} of one shape on all of them"
    )
    return Calibration(prepared, examples, folds, chosen, calibration, epochs, report), by


def _can_be_cut_short(chosen: TrainOptions, space: Space) -> bool:
    """Say whether the beginning of a training is what a shorter training would be."""
    said = (chosen.schedule, chosen.weight_averaging) in (("constant", "none"), ("constant", "ema"))
    return said and not {"schedule", "weight_averaging"} & space.keys()


def _alone(calibration: Calibration, folder: Path, given: Mapping[str, Any], record: Record) -> None:
    """Do everything in this process."""
    from seqcnn.cli.resuming import finish, keep
    from seqcnn.cli.watch import Watch
    from seqcnn.training.ledger import FILE_NAME, Ledger

    ledger = Ledger(folder / FILE_NAME, calibration.fingerprint() | {"at_once": calibration.options.at_once})
    identity = calibration.prepared.identity(calibration.base)
    with Watch(calibration.report, 0, calibration.prepared.metric) as watch:
        keeper = keep(folder, given, calibration.report, watch, record, identity)
        calibration.search(ledger, keeper, resume=given["resume"])
        calibration.finish(folder, given, record, watch, keeper.part("final"))
    finish(folder, keeper)
    ledger.remove()


def _together(calibration: Calibration, folder: Path, given: Mapping[str, Any], force: bool, record: Record) -> None:
    """Do a share of the trials, and the rest if nobody else does."""
    from seqcnn.cli.calibration import AT_ONCE
    from seqcnn.cli.watch import Watch
    from seqcnn.training.study import Study

    prints, say = calibration.fingerprint(), calibration.report.say
    path, lost_after = given["study"], given["lost_after"]
    with Study(path, prints, calibration.trials, calibration.options.space, lost_after=lost_after) as study:
        done = calibration.share(study, given["at_once"] or AT_ONCE)
        record.add(worker=study.signs.worker, trials_of_this_worker=done)
        holder = study.claim_model(os.path.realpath(folder), again=force)
        if holder is not None:
            say(f"all trials are done; {holder.worker} {'has written' if holder.done else 'writes'} {holder.output}/")
            return
        with Watch(calibration.report, 0, calibration.prepared.metric) as watch:
            score = calibration.finish(folder, given, record, watch)
        study.finish_model(score)

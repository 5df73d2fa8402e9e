"""What `calibrate` does once its options are understood: trials, alone or with others, then the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.cli.console import metrics_table
from seqcnn.cli.run_folder import write_run
from seqcnn.cli.watch import Watch
from seqcnn.dataset.examples import Examples
from seqcnn.training import calibrate
from seqcnn.training.evaluate import evaluate_part
from seqcnn.training.held_out import HeldOut
from seqcnn.training.history import History
from seqcnn.training.keeping import Keeper, place
from seqcnn.training.ledger import Ledger
from seqcnn.training.options import TrainOptions
from seqcnn.training.train import make_model
from seqcnn.training.trials import CalibrateOptions, Piece, Trial, choose, draw_trials, pieces, rank

if TYPE_CHECKING:
    from torch import Tensor

    from seqcnn.cli.console import Advance, Reporter
    from seqcnn.cli.prepared import Prepared
    from seqcnn.cli.record import Record
    from seqcnn.models.modelfile import Model
    from seqcnn.training.fit import Fit
    from seqcnn.training.study import Study

AT_ONCE: Final = 8
"""Trials that one of several workers claims at a time: more train faster each, fewer leave more to others."""


@dataclass(slots=True)
class Calibration:
    """A calibration, and how far it is.

    Parameters
    ----------
    prepared : Prepared
    examples : Examples
        All but those that are to test the model.
    folds : ndarray of int64, shape (n,)
    base : TrainOptions
        What is not searched.
    options : CalibrateOptions
    epochs : int
        Of the usual training.
    report : Reporter

    Attributes
    ----------
    trials : list of Trial
    """

    prepared: Prepared
    examples: Examples
    folds: NDArray[np.int64]
    base: TrainOptions
    options: CalibrateOptions
    epochs: int
    report: Reporter
    trials: list[Trial] = field(init=False)

    def __post_init__(self) -> None:
        self.trials = draw_trials(self.options, self.base)

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this calibration from others."""
        own = calibrate.fingerprint(self.options, self.base, self.examples, self.folds, self.prepared.task)
        return self.prepared.identity(self.base) | own

    def search(self, ledger: Ledger, keeper: Keeper, *, resume: bool) -> None:
        """Do all trials but those that the ledger has, and enter them there."""
        known = ledger.read(self.trials) if resume else 0
        if known:
            self.report.say(f"{known} of {len(self.trials) * self.options.folds} trainings are done already")
        ledger.write(self.trials)
        self._do(list(pieces(self.trials, self.options)), lambda _: ledger.write(self.trials), keeper)

    def share(self, study: Study, at_once: int) -> list[int]:
        """Do trials together with other workers until all are done; return the numbers (from 1) of those done here."""
        done: list[int] = []
        together = replace(self.options, at_once=None)

        def record(piece: Piece) -> None:
            for trial in piece.trials:
                study.record(trial)

        while claimed := study.claim(at_once, self._say_waiting):
            self.report.say(f"trials {_numbers(claimed)} are for this worker")
            self._do(list(pieces(claimed, together)), record)
            ours = [trial for trial in claimed if study.finish(trial)]
            taken = [trial for trial in claimed if trial not in ours]
            if taken:
                self.report.say(f"trials {_numbers(taken)} were given to another worker, as this one seemed lost")
            done += [trial.number + 1 for trial in ours]
        study.load()
        return done

    def _say_waiting(self, workers: Sequence[str]) -> None:
        self.report.say(f"no trial is left; waiting for those of {', '.join(workers)}")

    def _do(self, work: Sequence[Piece], after: Callable[[Piece], object], keeper: Keeper | None = None) -> None:
        """Do pieces, and what is to be done after each."""
        sizes = [len(each.trials) * int((self.folds != each.fold).sum()) * self.options.epochs for each in work]
        with self.report.progress("calibrating", sum(sizes)) as advance:
            progress = _Progress(advance)
            for i, (piece, size) in enumerate(zip(work, sizes, strict=True), 1):
                progress.begin(len(piece.trials))
                part = None if keeper is None else keeper.part(f"fit {piece.number + 1}")
                if part is not None:
                    part.on_resume = lambda fit, name: self._go_on(fit, name, progress)
                calibrate.run_piece(
                    piece,
                    self.base,
                    self.options,
                    self.examples,
                    self.folds,
                    task=self.prepared.task,
                    both_strands=self.prepared.both_strands,
                    n_scores=self.prepared.n_scores,
                    device=self.prepared.device,
                    on_batch=progress,
                    keeper=part,
                )
                after(piece)
                if part is not None:
                    part.remove()
                progress.end(size)
                self.report.say(
                    f"fit {i}/{len(work)}: {len(piece.trials)} trials, fold {piece.fold + 1}, "
                    f"best {self.prepared.metric} {_best_of(piece):.4f}"
                )

    def _go_on(self, fit: Fit, name: str, progress: _Progress) -> None:
        progress.epoch = fit.epoch
        self.report.say(f"{name}: goes on {place(fit)}")

    def finish(
        self, folder: Path, given: Mapping[str, Any], record: Record, watch: Watch, keeper: Keeper | None = None
    ) -> float:
        """Write the trials, train the best, and write the run; return the best score.

        Parameters
        ----------
        folder : Path
        given : mapping
            The options of the command.
        record : Record
        watch : Watch
        keeper : Keeper, optional
            Of the final fit.
        """
        from seqcnn.cli.trials_table import write_trials  # and with it matplotlib

        best, lost = rank(self.trials)[0], self._lost()
        score = best.best_checkpoint()[1]
        self.report.say(f"best setting: trial {best.number + 1}, mean {self.prepared.metric} {score:.4f}")
        if lost:
            self.report.say(f"left the numbers on a fold, and so come last: trials {_numbers(lost)}")
        write_trials(folder, self.trials, self.options, given, self.prepared.metric)
        model, history = self._train_best(watch, keeper)
        metrics, held_out = self._judge(model)
        record.add(
            **self.prepared.record(),
            epochs=len(history.epochs),
            calibration=model.training["calibration"],
            lost_trials=[trial.number + 1 for trial in lost],
            lost_networks=[i + 1 for i in sorted(history.lost)],
        )
        write_run(folder, model, [history], metrics, held_out, record)
        if "test" in metrics:
            self.report.say(f"test ({self.prepared.split.counts['test']:,} examples)")
            self.report.say(metrics_table(metrics["test"]))
        self.report.say(
            f"wrote {folder}/: trials.tsv, trials.png, trials/, model.safetensors, history.tsv, metrics.json, "
            "held_out.tsv, run.json"
        )
        return score

    def _lost(self) -> list[Trial]:
        return [trial for trial in self.trials if math.isnan(trial.best_checkpoint()[1])]

    def _train_best(self, watch: Watch, keeper: Keeper | None) -> tuple[Model, History]:
        best = choose(self.trials, self.options.best)
        epochs = calibrate.final_epochs(best[0], self.options, self.epochs)
        n = len(best) * self.options.restarts
        self.report.say(f"training {n} networks on all folds, {epochs} epochs: those of trials {_numbers(best)}")
        watch.begin("", epochs)
        network, history = calibrate.train_best(
            best,
            self.base,
            self.options,
            self.examples,
            task=self.prepared.task,
            both_strands=self.prepared.both_strands,
            n_scores=self.prepared.n_scores,
            epochs=epochs,
            device=self.prepared.device,
            on_batch=watch.on_batch,
            on_epoch=watch.on_epoch,
            keeper=keeper,
        )
        if history.lost:
            self.report.say(f"{len(history.lost)} of {n} networks left the numbers and are left out")
        said = self.base.changed(best[0].settings)
        said = replace(said, task=self.prepared.task, epochs=epochs, steps=None)
        built = self.prepared.built
        model = make_model(
            network,
            replace(said, members=network.settings.n_members),
            self.examples,
            self.prepared.split.counts,
            self.prepared.target_names,
            built.alphabet,
            built.length,
            self.prepared.class_column,
        )
        model.training["calibration"] = [
            {"trial": trial.number + 1, "score": trial.best_checkpoint()[1], "settings": trial.settings}
            for trial in best
        ]
        self.prepared.describe_data(model)
        return model, history

    def _judge(self, model: Model) -> tuple[dict[str, Any], list[HeldOut]]:
        """Return the metrics of a model: how its settings did, and the test; they are put in it too. And the scores."""
        chosen = {"metric": self.prepared.metric, "best": model.training["calibration"]}
        metrics: dict[str, Any] = {"calibration": chosen}
        test = self.prepared.split.rows("test")
        held_out = []
        if len(test):
            examples = self.prepared.examples.take(test)
            metrics["test"], scores = evaluate_part(model, examples, "test", seed=self.base.seed)
            held_out.append(scores)
        model.training["metrics"] = metrics
        return metrics, held_out


class _Progress:
    """Moves the progress line by what each batch is worth: its examples, times the trials trained on them."""

    def __init__(self, advance: Advance) -> None:
        self.advance, self.before, self.n_trials = advance, 0, 0
        self.epoch = self.last = 0

    def begin(self, n_trials: int) -> None:
        """Go on to a fit of so many trials."""
        self.n_trials, self.epoch, self.last = n_trials, 0, 0

    def end(self, size: int) -> None:
        """Have a fit done that is worth so much."""
        self.before += size
        self.advance.to(self.before)

    def __call__(self, done: int, total: int, losses: Tensor) -> None:
        if done <= self.last:
            self.epoch += 1
        self.last = done
        self.advance.to(self.before + self.n_trials * (self.epoch * total + done))


def _best_of(piece: Piece) -> float:
    scores = [score for trial in piece.trials for score in trial.scores[piece.fold] if not math.isnan(score)]
    return max(scores, default=math.nan)


def _numbers(trials: Sequence[Trial]) -> str:
    return ", ".join(str(trial.number + 1) for trial in trials)

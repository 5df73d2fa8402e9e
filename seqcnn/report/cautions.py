"""What a reader of a report should know before believing it, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from seqcnn.report import curves
from seqcnn.report.motif_section import Motifs
from seqcnn.report.run_files import Part, Run

FEW: Final = 50
"""Examples of a class with which nothing can be said exactly."""
IMBALANCED: Final = 0.1
MOST_NOTES: Final = 40


class Caution(NamedTuple):
    """Something to know: whether it may make figures wrong, in a few words, and in some more."""

    serious: bool
    title: str
    text: str


def find(run: Run, motifs: Motifs | None = None) -> list[Caution]:
    """Return what is to be said of a run, what is serious first."""
    found = [
        *_files(run),
        *_test_part(run),
        *_chance(run),
        *_imbalance(run),
        *_course(run),
        *_gap(run),
        *_probabilities(run),
        *_data(run),
        *_networks(run),
        *_filters(run, motifs),
    ]
    return sorted(found, key=lambda caution: not caution.serious)


def judged(run: Run) -> tuple[str, Mapping[str, Any]]:
    """Return the part that a run is judged by, and its metrics by target.

    The test part, else the mean over folds, else the validation part, else other data (``elsewhere``).
    """
    if run.metrics.get("test"):
        return "test", run.metrics["test"]
    if run.metrics.get("cross_validation"):
        means = {
            target: {
                name: {"value": value.get("mean"), "low": value.get("low"), "high": value.get("high")}
                for name, value in metrics.items()
            }
            for target, metrics in run.metrics["cross_validation"].items()
        }
        return "folds", means
    if run.metrics.get("valid") or "elsewhere" not in run.metrics:
        return "valid", run.metrics.get("valid") or {}
    return "elsewhere", run.metrics["elsewhere"]


def _files(run: Run) -> Iterator[Caution]:
    said = {
        "held_out.tsv": "The scores of the held-out sequences (held_out.tsv) are not in the folder, so there are no "
        "curves. Train again with this version to have them.",
        "history.tsv": "The course of the training (history.tsv) is not in the folder.",
        "trials.tsv": "The table of trials (trials.tsv) is not in the folder.",
    }
    for name in run.missing:
        yield Caution(False, f"{name} is missing", said[name])


def _test_part(run: Run) -> Iterator[Caution]:
    part, metrics = judged(run)
    if part == "valid" and metrics:
        yield Caution(
            True,
            "Nothing was kept for a final test",
            "The figures are of the validation part, which also chose the epoch to keep. They flatter a little. "
            "Keep whole chromosomes (--test-chroms) or a share (--test-fraction) for a test.",
        )
    if not metrics:
        yield Caution(True, "Nothing was held out", "How good this model is on new sequences is not known.")
    called = {"valid": "validation", "elsewhere": "other"}.get(part, part)
    for target, values in metrics.items():
        of = f" for {target}" if len(metrics) > 1 else ""
        if "problem" in values:
            yield Caution(True, f"No figure{of}", f"Among the {called} sequences there is {values['problem']}.")
            continue
        n, positives = values.get("n"), values.get("positives")
        if isinstance(n, int) and isinstance(positives, int):
            least, which = min((positives, "positives"), (n - positives, "negatives"))
            if least < FEW:
                said = {"test": "test", "valid": "validate", "elsewhere": "judge by"}[part]
                text = "A few more or less right move every figure much: look at the intervals."
                yield Caution(True, f"Only {least:,} {which} to {said} with{of}", text)
        elif isinstance(n, int) and n < 2 * FEW:
            yield Caution(True, f"Only {n:,} sequences to judge by{of}", "Look at the intervals, not at the values.")
        if values.get("unscored"):
            yield Caution(False, f"{values['unscored']:,} sequences have no score{of}", "They are empty, and left out.")


def _chance(run: Run) -> Iterator[Caution]:
    metrics = judged(run)[1]
    weak = []
    for target, values in metrics.items():
        name, level = ("auroc", 0.5) if "auroc" in values else ("pearson", 0.0)
        low = (values.get(name) or {}).get("low")
        if low is not None and low <= level:
            weak.append(target)
    if weak:
        which = f" for {_listed(weak)}" if len(metrics) > 1 else ""
        yield Caution(
            True,
            f"Not surely better than chance{which}",
            "The 95 % interval reaches what guessing would give. Motifs and maps of such a model mean nothing.",
        )
    best = max((float((values.get("auroc") or {}).get("value") or 0) for values in metrics.values()), default=0)
    if best > 0.99 and run.record.get("negatives") == "dinucleotide":
        yield Caution(
            True,
            "Negatives may be too easy",
            "They are shuffled sequences, which no genome holds. A nearly perfect figure says little about how the "
            "model does on genomic sequences (--negatives gc).",
        )


def _imbalance(run: Run) -> Iterator[Caution]:
    shares = run.about.get("training", {}).get("prevalence") or []
    if run.task == "multiclass":
        rare = [name for name, share in zip(run.target_names, shares, strict=False) if share < IMBALANCED / 2]
        if rare:
            text = "Look at its figures by themselves: means over classes and accuracy hide it."
            yield Caution(False, f"Rare among the classes: {_listed(rare)}", text)
        return
    for name, share in zip(run.target_names, shares, strict=False):
        if share < IMBALANCED or share > 1 - IMBALANCED:
            of = f" for {name}" if len(run.target_names) > 1 else ""
            text = "AUROC looks good easily then. Read the precision-recall curve, against its dashed line."
            yield Caution(False, f"{100 * share:.2g} % of the training sequences are positive{of}", text)


def _course(run: Run) -> Iterator[Caution]:
    if run.history is None or "validation_loss" not in run.history:
        return
    mean = run.history.groupby("epoch")[["training_loss", "validation_loss"]].mean()
    loss = mean["validation_loss"].dropna()
    if len(loss) < 3:
        return
    best, last = int(loss.index[int(loss.argmin())]), int(loss.index.max())
    if loss.loc[last] > 1.15 * loss.loc[best] and mean["training_loss"].loc[last] < mean["training_loss"].loc[best]:
        yield Caution(
            False,
            f"Overfitting after epoch {best}",
            f"From there the training loss went on falling and the validation loss rose, from {loss.loc[best]:.3g} to "
            f"{loss.loc[last]:.3g}. The weights of the best epoch were kept, so the model is not spoiled; more data, "
            "--dropout or --weight-decay may still help.",
        )
    kept = [epoch for epoch in _best_epochs(run) if epoch]
    constant = (run.record.get("options") or {}).get("schedule") == "constant"
    if kept and min(kept) == last and constant:
        text = "The last epoch was the best. Try more --epochs."
        yield Caution(False, "Perhaps stopped too early", text)


def _best_epochs(run: Run) -> list[int]:
    best = run.record.get("best_epoch") or []
    return [int(each) for row in best for each in (row if isinstance(row, list) else [row])]


def _gap(run: Run) -> Iterator[Caution]:
    for target, test in (run.metrics.get("test") or {}).items():
        valid = (run.metrics.get("valid") or {}).get(target) or {}
        for name in ("auroc", "pearson"):
            one, other = valid.get(name) or {}, test.get(name) or {}
            if one.get("low") is not None and other.get("high") is not None and one["low"] > other["high"]:
                said = {"auroc": "AUROC", "pearson": "Pearson correlation"}[name]
                of = f" for {target}" if len(run.metrics["test"]) > 1 else ""
                yield Caution(
                    True,
                    f"Worse on the test part than on validation{of}",
                    f"{said} {other['value']:.3f} after {one['value']:.3f}, and the intervals do not touch. The test "
                    "part differs from the rest (other chromosomes, another experiment), or validation flatters.",
                )


def _probabilities(run: Run) -> Iterator[Caution]:
    if run.task != "binary":
        return
    part = run.held_out.get("test") or run.held_out.get("valid")
    off = [] if part is None else [(target, error) for target, error in _errors(run, part) if error > 0.1]
    if off:
        target, error = max(off, key=lambda pair: pair[1])
        of = f" for {target}" if len(run.target_names) > 1 else ""
        text = "Use the scores to rank sequences; do not read them as chances of being bound."
        yield Caution(False, f"Probabilities are off by {error:.2f} on average{of}", text)


def _errors(run: Run, part: Part) -> Iterator[tuple[str, float]]:
    from seqcnn.models.tasks import respond

    for i, target in enumerate(run.target_names):
        rows = curves.known(part.truth[:, i], part.scores[:, i], part.weights)
        found = curves.reliability(part.truth[rows, i], respond("binary", part.scores[rows, i]))
        if found is not None and found.error > 1.5 * _expected_error(found):
            yield target, found.error


def _expected_error(found: curves.Reliability) -> float:
    """Return the mean error of true probabilities, by chance alone."""
    spread = np.sqrt(np.clip(found.said * (1 - found.said), 0, None) / found.n)
    return float(np.average(spread, weights=found.n) * 0.8)


def _data(run: Run) -> Iterator[Caution]:
    counts: Mapping[str, Any] = run.record.get("counts") or {}
    moved = counts.get("split: moved to keep near-duplicates together", 0)
    if moved:
        text = "They are like sequences of another part, and were put there, so that the test is of new sequences."
        yield Caution(False, f"{moved:,} near-duplicates were moved between parts", text)
    read = counts.get("sequences read") or 0
    for name, n in counts.items():
        if isinstance(n, int) and n and "left out" in name:
            yield Caution(n > 0.1 * read > 0, f"{n:,} {name}", "")
    options = run.record.get("options") or {}
    by_place = any(options.get(name) for name in ("test_chroms", "split_file", "split_column", "folds"))
    if options.get("genome") and not by_place and "test" in run.metrics:
        text = "Neighbouring regions can be in both parts. Whole chromosomes (--test-chroms) are the stricter test."
        yield Caution(False, "The test part was drawn at random", text)
    made = run.record.get("negatives")
    if made and made not in ("none", "given"):
        text = "Figures on other negatives (shuffled, genomic, given) answer other questions: do not compare them."
        yield Caution(False, f"Negatives were made: {made}", text)


def _networks(run: Run) -> Iterator[Caution]:
    for key, what in (("lost_networks", "networks"), ("lost_trials", "trials")):
        lost = run.record.get(key) or []
        if lost:
            yield Caution(
                False, f"{len(lost)} {what} left the numbers", "They are left out: the learning rate was too high."
            )


def _filters(run: Run, motifs: Motifs | None) -> Iterator[Caution]:
    if motifs is None:
        return
    settings, dead = run.about.get("settings") or {}, motifs.others.get("dead", 0)
    total = int(settings.get("n_filters") or 0) * int(settings.get("n_members") or 1)
    total = max(total, motifs.n_kept + sum(motifs.others.values())) if not total else max(total, dead)
    if dead:
        serious = dead > total / 2
        text = "Such filters never fire and do no harm."
        if serious:
            text = "Most of the network does nothing: a lower --learning-rate or fewer --n-filters may do better."
        yield Caution(serious, f"{dead:,} of {total:,} filters are dead", text)


def _listed(names: list[str]) -> str:
    shown = [name[:60] for name in names[:5]]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

"""A report's sentences and facts: what was trained on what, and how good it is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from seqcnn.dataset.structure import in_words
from seqcnn.report.cautions import judged
from seqcnn.report.charts import interval
from seqcnn.report.run_files import Run

METRICS: Final = {
    "binary": ("auroc", "auprc", "accuracy"),
    "regression": ("pearson", "spearman", "mse"),
    "poisson": ("explained_deviance", "pearson", "spearman", "deviance"),
    "multiclass": ("auroc", "accuracy", "log_loss"),
}
NAMES: Final = {
    "auroc": "AUROC",
    "bases_auroc": "AUROC of bases",
    "bases_auprc": "AUPRC of bases",
    "auprc": "AUPRC",
    "accuracy": "accuracy",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "mse": "squared error",
    "deviance": "deviance",
    "explained_deviance": "explained deviance",
    "log_loss": "log loss",
}
VALIDATION: Final = {
    "binary": "AUROC",
    "regression": "Pearson",
    "poisson": "explained deviance",
    "multiclass": "mean AUROC",
}
BASES: Final = ("bases_auroc", "bases_auprc")
"""Metrics of a network that scores bases, where it is known which are bound."""
PARTS: Final = {"test": "test", "valid": "validation", "folds": "cross-validation", "elsewhere": "other data"}

_QUIET: Final = ("quiet", "verbose", "force", "checkpoint_seconds", "resume")


def validation(run: Run) -> str:
    """Return what the validation score is called: of bases, where the network was trained on these."""
    known = [values for part in ("valid", "test") for values in (run.metrics.get(part) or {}).values()]
    known += (run.metrics.get("cross_validation") or {}).values()
    return NAMES[BASES[0]] if any(BASES[0] in values for values in known) else VALIDATION[run.task]


def short(text: object, most: int = 120) -> str:
    """Return a text that is not too long for the page."""
    said = str(text)
    return said if len(said) <= most else said[: most - 1] + "…"


def duration(seconds: float | None) -> str:
    """Write a time: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return "not known"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def file_names(record: Mapping[str, Any]) -> str:
    """Return the names of the first inputs."""
    names = [PurePath(str(each.get("path", ""))).name for each in record.get("inputs") or []]
    genome = PurePath(str((record.get("options") or {}).get("genome") or "")).name
    own = [name for name in names if name and name != genome] or names
    if not own:
        return "standard input"
    return short(", ".join(own[:2]) + (f" and {len(own) - 2} more files" if len(own) > 2 else ""))


def headline(run: Run) -> str:
    """Say in a sentence how good a run is."""
    part, metrics = judged(run)
    known = {target: values for target, values in metrics.items() if "problem" not in values}
    trained = run.about.get("training", {}).get("split", {}).get("train")
    on = f"Trained on {trained:,} sequences" if isinstance(trained, int) else "Trained"
    if not known and (of_bases := [each["bases_auroc"] for each in metrics.values() if "bases_auroc" in each]):
        told = interval(of_bases[0]).replace("(", "(95 % interval ")
        where = {"test": "test", "valid": "validation", "folds": "held-out", "elsewhere": "other"}[part]
        return f"{on} from {file_names(run.record)}, it tells bound bases of {where} sequences with an AUROC of {told}."
    if not known:
        return f"{on} from {file_names(run.record)}. How good it is on others is not known."
    key = METRICS[run.task][0]
    name = {"auroc": "an AUROC", "pearson": "a Pearson correlation", "explained_deviance": "an explained deviance"}[key]
    values = [each[key] for each in known.values() if key in each]
    if len(values) == 1:
        number = f"{name} of {interval(values[0]).replace('(', '(95 % interval ')}"
    else:
        each = [float(value["value"]) for value in values if value.get("value") is not None]
        if not each:
            return f"{on} from {file_names(run.record)}."
        number = f"a mean {name.split(' ', 1)[1]} of {sum(each) / len(each):.3f} over {len(each)} targets"
    if run.task == "multiclass":
        number = number.replace("an AUROC", "a mean AUROC")
    n = sum(int(fold[next(iter(fold))].get("n", 0)) for fold in run.metrics.get("folds", [])) if part == "folds" else 0
    n = n or next((int(each["n"]) for each in known.values() if each.get("n")), 0)
    where = {
        "test": f"on {n:,} test sequences that it never saw",
        "valid": f"on {n:,} validation sequences, which also chose the epoch to keep",
        "folds": f"on folds that each network never saw ({n:,} sequences)",
        "elsewhere": f"on {n:,} sequences of other data",
    }[part]
    verb = {"binary": "tells positives from negatives", "multiclass": "tells the classes apart"}.get(
        run.task, f"predicts {short(run.target_names[0], 40) if len(run.target_names) == 1 else 'the targets'}"
    )
    return f"{on} from {file_names(run.record)}, it {verb} with {number} {where}."


def tiles(run: Run) -> list[tuple[str, str, str]]:
    """Return the figures that matter most: what, value, and what to read it by."""
    part, metrics = judged(run)
    known = [values for values in metrics.values() if "problem" not in values]
    found = []
    if len(known) == 1:
        for key in METRICS[run.task][:3]:
            name = "mean AUROC" if run.task == "multiclass" and key == "auroc" else NAMES[key]
            found += _tile(name, known[0].get(key) or {}, known[0].get("prevalence"), key == "auprc")
    elif known:
        key = METRICS[run.task][0]
        each = [float(values[key]["value"]) for values in known if (values.get(key) or {}).get("value") is not None]
        if each:
            found.append((f"mean {NAMES[key]}", _plain(sum(each) / len(each)), f"of {len(each)} targets"))
            found.append((f"lowest {NAMES[key]}", _plain(min(each)), ""))
    of_bases = [each for each in metrics.values() if "bases_auroc" in each]
    for key in BASES if of_bases else ():
        found += _tile(NAMES[key], of_bases[0].get(key) or {}, of_bases[0].get("bases_prevalence"), key == BASES[1])
    if part in ("test", "elsewhere") and known:
        n = known[0]["n"]
        positives = known[0].get("positives")
        beside = f"{positives:,} positive" if positives is not None and len(known) == 1 else ""
        found.append((f"{PARTS[part].removesuffix(' data')} sequences", f"{n:,}", beside))
    found.append(("time", duration(run.record.get("seconds")), short(run.record.get("device") or "", 40)))
    return found


def _tile(
    name: str, metric: Mapping[str, Any], prevalence: float | None, by_chance: bool
) -> list[tuple[str, str, str]]:
    """Return the figure of a metric, if it is known, with its interval, and what chance would give if that is asked."""
    if metric.get("value") is None:
        return []
    beside = "" if metric.get("low") is None else f"{_plain(metric['low'])} to {_plain(metric['high'])}"
    if by_chance and prevalence is not None:
        beside += f"; chance {prevalence:.2g}"
    return [(name, _plain(metric["value"]), beside)]


def _plain(value: float) -> str:
    return (f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}").replace("-", "−")


def facts(run: Run) -> list[tuple[str, str]]:
    """Say what was trained on what."""
    record, settings = run.record, run.about.get("settings") or {}
    options = record.get("options") or {}
    found = [("Data", file_names(record))]
    if options.get("genome"):
        found.append(("Genome", short(PurePath(str(options["genome"])).name)))
    length = run.about.get("length")
    found.append(("Sequences", f"windows of {length} bp" if length else "as they are"))
    if record.get("structure"):
        found.append(("RNA structure", in_words(record["structure"])))
    if record.get("negatives") not in (None, "none"):
        found.append(("Negatives", f"made: {short(record['negatives'], 60)}"))
    what = "Classes" if run.task == "multiclass" else "Target" if len(run.target_names) == 1 else "Targets"
    named = ", ".join(short(name, 40) for name in run.target_names[:8])
    found.append(
        (what, f"{named}{f' and {len(run.target_names) - 8} more' * (len(run.target_names) > 8)} ({run.task})")
    )
    found.append(("Network", _network(run, settings)))
    found.append(("Split", _split(options)))
    if record.get("command") == "calibrate":
        found.append(("Search", f"best of {options.get('trials')} trials on {options.get('folds')} folds"))
    epochs, best = record.get("epochs"), record.get("best_epoch")
    if epochs:
        flat = [each for each in best or [] if each] if isinstance(best, list) else []
        kept = f", kept those of {_range(flat)}" if flat and not isinstance(flat[0], list) else ""
        found.append(("Epochs", f"{epochs}{kept}"))
    found.append(("Made", f"{str(record.get('started', ''))[:16].replace('T', ' ')} UTC"))
    found.append(("With", f"seqcnn {record.get('seqcnn')} on {short(record.get('device') or 'an unknown device', 60)}"))
    return found


def _range(epochs: list[int]) -> str:
    low, high = min(epochs), max(epochs)
    return f"epoch {low}" if low == high else f"epochs {low} to {high}"


def _network(run: Run, settings: Mapping[str, Any]) -> str:
    members = int(settings.get("n_members", 1))
    parts = [str(run.about.get("architecture", "network"))]
    if settings.get("n_filters") and settings.get("kernel_size"):
        parts.append(f"{settings['n_filters']} motif detectors of {settings['kernel_size']} bp")
    parts.append("both strands" if settings.get("both_strands") else "one strand")
    parts.append(f"{run.about['parameters']:,} weights")
    if members > 1:
        parts.append(f"mean of {members} networks")
    return ", ".join(parts)


def _split(options: Mapping[str, Any]) -> str:
    said: list[str] = []
    drawn: list[str] = []
    for part, name in (("validation", "valid"), ("test", "test")):
        chroms, share = options.get(f"{name}_chroms"), options.get(f"{name}_fraction")
        if chroms:
            said.append(f"{part} {', '.join(map(str, chroms))}")
        elif share:
            drawn.append(f"{part} {100 * share:g} %")
    if drawn:
        said.append(f"{' and '.join(drawn)} drawn at random")
    if options.get("split_file") or options.get("split_column"):
        kind = "file" if options.get("split_file") else "column"
        said = [f"by {kind} {options.get('split_file') or options['split_column']}"]
    if options.get("folds"):
        said.append(f"{options['folds']} folds")
    return short("; ".join(said)) or "as the data say"


def command_line(record: Mapping[str, Any]) -> str:
    """Return the command as it was typed."""
    return short(shlex.join(str(word) for word in record.get("argv") or []), 4000)


def options_table(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the options that had a value."""
    found = []
    for name, value in sorted((record.get("options") or {}).items()):
        if value not in (None, [], {}, "") and name not in _QUIET:
            said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found.append((f"--{name.rstrip('_').replace('_', '-')}", short(said, 300)))
    return found

"""Options as the shell gives them, to the library's dataclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcnn.cli.console import Reporter
from seqcnn.dataset.folding import Folding
from seqcnn.dataset.negatives import METHODS, NegativeOptions
from seqcnn.dataset.prepare_options import COLUMNS, PrepareOptions
from seqcnn.dataset.reading import BoundOptions
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.errors import UsageError
from seqcnn.processes import place

if TYPE_CHECKING:
    from seqcnn.models.modelfile import Model


def reporter(given: Mapping[str, Any]) -> Reporter:
    """Return who speaks to the user."""
    return Reporter(given["quiet"] or not place().leads, given["verbose"])


def reading(given: Mapping[str, Any]) -> ReadOptions:
    """Return how inputs are read."""
    return ReadOptions(
        format=given["format_"],
        alphabet=given["alphabet"],
        genome=given["genome"],
        length=given["length"],
        sequence_column=given["sequence_column"],
        target_columns=given.get("target_column"),
        name_column=given["name_column"],
        split_column=given.get("split_column"),
        header=given["header"],
        label_pattern=given.get("label_pattern"),
        likely_targets=given.get("likely_targets", ()),
        usual_length=given.get("usual_length"),
        weight_column=given.get("weight_column"),
        task=given.get("task"),
        classes=given.get("classes", ()),
        prepare=preparing(given),
        **structure(given),
        bound=_bound(given),
    )


def structure(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how sequences get structures.

    Raises
    ------
    UsageError
        If an option is said that has no use then.
    """
    method = given.get("structure")
    if given.get("fold_span") is not None and method != "fold":
        raise UsageError("--fold-span goes with --structure fold")
    return {"structure": method, "folding": Folding(given.get("fold_span"), given.get("threads"))}


@contextmanager
def folding_shown(reading: ReadOptions, tally: Tally, report: Reporter) -> Iterator[None]:
    """Show how many sequences have been folded."""
    if reading.structure != "fold":
        yield
        return
    with report.progress("folding") as progress:
        tally.on_folded = progress.by
        yield
    tally.on_folded = None


def _bound(given: Mapping[str, Any]) -> BoundOptions | None:
    """Return which bases are bound."""
    said = given.get("bound_bases")
    return None if said is None else BoundOptions(None if said == "peaks" else int(said), given["seed"])


def preparing(given: Mapping[str, Any]) -> PrepareOptions | None:
    """Return what is made of the targets of an in-vitro assay.

    Raises
    ------
    UsageError
        If an option is said that the assay has no use for.
    """
    assay = given.get("prepare")
    uses = {"power": ("rnacompete", "pbm"), "bias": ("pbm",), "bias_slope": ("pbm",), "rounds": ("selex",)}
    for name, assays in uses.items():
        judged = name == "bias" and assay is None and given.get("by_model")  # predictions are multiplied by it
        if given.get(name) is not None and assay not in assays and not judged:
            raise UsageError(f"--{name.replace('_', '-')} goes with --prepare {' or '.join(assays)}")
    if given.get("bias_slope") is not None and not given.get("bias"):
        raise UsageError("--bias-slope goes with --bias")
    if assay is None:
        return None
    return PrepareOptions(
        assay, given.get("bias") or (), given.get("bias_slope"), given.get("power"), given.get("rounds") or "each"
    )


def reading_for(model: Model, given: Mapping[str, Any], report: Reporter) -> ReadOptions:
    """Return how inputs are read for a model: its alphabet, and its windows and targets unless said otherwise.

    Raises
    ------
    UsageError
        If the alphabet is said and is not the model's.
    """
    if given["alphabet"] not in (None, model.alphabet):
        raise UsageError(f"the model reads {model.alphabet.upper()}, but --alphabet says {given['alphabet']}")
    if given["length"] is None and model.length is not None and given["genome"] is not None:
        report.say(f"windows of {model.length} bp, as in training")
    known = {
        "alphabet": model.alphabet,
        "usual_length": model.length,
        "likely_targets": model.target_columns,
        "by_model": True,
        "task": model.task,
        "classes": model.target_names if model.task == "multiclass" else (),
    }
    return reading({**given, **known, **_structure_for(model, given)})


def _structure_for(model: Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return how structures come about for a model: as in training, unless said otherwise.

    Raises
    ------
    UsageError
        If structures are said and the model reads none, or the other way round.
    """
    about, said = model.structure, given.get("structure")
    if (about is None) != (said in (None, "none")) and said is not None:
        raise UsageError(f"the model reads {'no ' * (about is None)}structures, but --structure says {said}")
    if about is None:
        return {"structure": "none"}
    method = said or about["method"]
    if method != "fold":
        return {"structure": method}
    span = given.get("fold_span")
    return {"structure": method, "fold_span": about.get("span") if span is None else span}


def negatives(given: Mapping[str, Any]) -> NegativeOptions:
    """Return which negatives are made."""
    return NegativeOptions(given["negatives"], given["negatives_ratio"], given["seed"])


def input_paths(data: tuple[str, ...], given: Mapping[str, Any]) -> list[str | None]:
    """Return all files that a command reads, for the record."""
    method = given.get("negatives")
    from_file = method if method is not None and method not in METHODS else None
    bias = [path for path in given.get("bias") or () if path != COLUMNS]
    others = [given.get(name) for name in ("genome", "split_file", "from_", "motifs")]
    return [*data, *bias, from_file, *others]


def set_rule(model: Model, rule: str | None) -> None:
    """Have a model score by a rule, if one is said.

    Raises
    ------
    UsageError
        If its architecture does not have it.
    """
    if rule == "window" and model.network.detector_length is None:
        raise UsageError(
            f"--rule window: {model.architecture} has no detectors of one length; it scores sequences whole"
        )
    if rule == "window" and model.network.settings.contexts:
        raise UsageError("--rule window: a window by itself has no structure; the model scores sequences whole")
    if rule is not None:
        model.network.rule = rule


def load_all(paths: Sequence[str], device: str, rule: str | None) -> dict[str, Model]:
    """Read models, by the names of their files or run folders.

    Raises
    ------
    UsageError
        If two have one name, or have no such rule.
    """
    from seqcnn.models.modelfile import load

    models: dict[str, Model] = {}
    for path in paths:
        label = Path(path).resolve().name.removesuffix(".safetensors")
        if label == "model":
            label = Path(path).resolve().parent.name
        if label in models:
            raise UsageError(f"two models are named {label!r}: rename a file")
        models[label] = load(path, device)
        set_rule(models[label], rule)
    return models

"""Options as the shell gives them, to the library's dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqcnn.cli.console import Reporter
from seqcnn.dataset.negatives import METHODS, NegativeOptions
from seqcnn.dataset.sources import ReadOptions
from seqcnn.errors import UsageError

if TYPE_CHECKING:
    from seqcnn.models.modelfile import Model


def reporter(given: Mapping[str, Any]) -> Reporter:
    """Return who speaks to the user."""
    return Reporter(given["quiet"], given["verbose"])


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
    known = {"alphabet": model.alphabet, "usual_length": model.length, "likely_targets": model.target_names}
    return reading({**given, **known})


def negatives(given: Mapping[str, Any], task: str | None = None) -> NegativeOptions:
    """Return which negatives are made: by themselves none for a model that predicts numbers."""
    method = given["negatives"]
    if method is None and task == "regression":
        method = "none"
    return NegativeOptions(method, given["negatives_ratio"], given["seed"])


def input_paths(data: tuple[str, ...], given: Mapping[str, Any]) -> list[str | None]:
    """Return all files that a command reads, for the record."""
    method = given.get("negatives")
    from_file = method if method is not None and method not in METHODS else None
    return [*data, given.get("genome"), from_file, given.get("split_file"), given.get("motifs")]


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
    if rule is not None:
        model.network.rule = rule

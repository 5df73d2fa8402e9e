"""A model for other programs: ONNX, or a plain PyTorch state dict."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, Final

import torch

from seqcnn.errors import SeqcnnError
from seqcnn.formats.output import atomic_path
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model
from seqcnn.models.one_hot_form import OneHotForm
from seqcnn.models.recurrent_onnx import replace_recurrent, translations

INPUT: Final = "one_hot"
OUTPUT: Final = "scores"
SOME_LENGTH: Final = 32
"""About half of the bp of the sequences that a network is traced with, if it has no length of its own."""


def to_onnx(model: Model, path: str | PathLike[str]) -> None:
    """Write ONNX: input ``one_hot``, float32, (batch, 4, length), any batch and length; output ``scores``.

    What the scores are stands in the file's metadata.

    Raises
    ------
    SeqcnnError
        If the package onnx or onnxscript is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise SeqcnnError(f"ONNX needs the package {error.name}: pip install 'seqcnn[onnx]'") from error
    form = OneHotForm(model.network).cpu().eval()
    replace_recurrent(form)
    length = 2 * (model.network.detector_length or SOME_LENGTH) + 1
    example = torch.full((2, 4, length), 0.25)
    batch, along = torch.export.Dim("batch"), torch.export.Dim("length", min=1)
    with _quiet():
        program = torch.onnx.export(
            form,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch, 2: along},),
            dynamo=True,
            custom_translation_table=translations() | {torch.sym_min: _smaller},
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    about = {"targets": list(model.target_names), "task": model.task, "alphabet": model.alphabet}
    about |= {"rule": model.network.rule, "rows": "A C G T/U; N is 0.25 in every row"}
    onnx.helper.set_model_props(proto, {"seqcnn": json.dumps(about)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())


def _smaller(x: Any, y: Any) -> Any:
    """Translate the smaller of two lengths, which the exporter of torch 2.6 does not know."""
    from onnxscript import opset18

    return opset18.Min(x, y)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress and its warnings about packages that are not needed to itself."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def to_torch(model: Model, path: str | PathLike[str]) -> None:
    """Write the weights as a plain state dict, which ``torch.load(path, weights_only=True)`` reads.

    Names and shapes are those of the architecture, the member axis first. For a collection there is ``groups`` too: a
    dict for each group, with ``targets``, ``detector_length`` and ``both_strands``.
    """
    written: dict[str, Any] = {n: values.detach().cpu().clone() for n, values in model.network.state_dict().items()}
    if isinstance(model.network, collection.Model):
        written["groups"] = _groups(model.network, model.target_names)
    with atomic_path(path) as temporary:
        torch.save(written, temporary)


def _groups(network: collection.Model, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a group's weights do not tell: whose they are, in order, and which strands are read."""
    return [
        {
            "targets": [names[column] for column in columns],
            "detector_length": each.detector_length,
            "both_strands": each.settings.both_strands,
        }
        for each, columns in zip(network.networks, network.columns, strict=True)
    ]

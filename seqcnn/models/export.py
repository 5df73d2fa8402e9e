"""A model for other programs: ONNX, or a plain PyTorch state dict."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from os import PathLike
from typing import Final

import torch

from seqcnn.errors import SeqcnnError
from seqcnn.formats.output import atomic_path
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
    batch, along = torch.export.Dim("batch"), torch.export.Dim("length", min=_shortest(model))
    with _quiet():
        program = torch.onnx.export(
            form,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch, 2: along},),
            dynamo=True,
            custom_translation_table=translations(),
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    about = {"targets": list(model.target_names), "task": model.task, "alphabet": model.alphabet}
    about |= {"rule": model.network.rule, "rows": "A C G T/U; N is 0.25 in every row"}
    onnx.helper.set_model_props(proto, {"seqcnn": json.dumps(about)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())


def _shortest(model: Model) -> int:
    return (model.network.detector_length or 1) if model.network.rule == "window" else 1


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

    Names and shapes are those of the architecture, the member axis first.
    """
    weights = {name: values.detach().cpu().clone() for name, values in model.network.state_dict().items()}
    with atomic_path(path) as temporary:
        torch.save(weights, temporary)

"""Predictions on the scale of the assay that a model was trained on the prepared targets of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.preparation import Preparation
from seqcnn.dataset.prepare import BiasSource
from seqcnn.errors import ModelFileError, UsageError

if TYPE_CHECKING:
    from seqcnn.dataset.build import Built
    from seqcnn.dataset.examples import Examples
    from seqcnn.dataset.reading import ReadOptions, Tally
    from seqcnn.models.modelfile import Model

Scores = NDArray[np.float32]


def to_assay(
    model: Model,
    examples: Examples,
    built: Built,
    reading: ReadOptions,
    given: Mapping[str, Any],
    data: tuple[str, ...],
    tally: Tally,
) -> Callable[[Scores], Scores] | None:
    """Return how predictions are brought to the scale of the data; None if they are on it.

    They are not where a model was trained on prepared intensities and the data hold intensities as they were measured.

    Raises
    ------
    UsageError
        If a bias is said and there is nothing to multiply by it.
    ModelFileError
        If the model says of its preparation what no seqcnn writes.
    """
    about = model.training.get("preparation")
    preparation = None if about is None else _read(about)
    measured = preparation is not None and preparation.scales and built.preparation is None
    bias_said = given["prepare"] is None and given["bias"]
    if preparation is None or not measured:
        if bias_said:
            why = "the targets are prepared already" if preparation is not None else "the model was not trained so"
            raise UsageError(f"--bias multiplies predictions of a model trained with --prepare pbm --bias, but {why}")
        if preparation is not None and preparation.scales:
            tally.note(f"metrics are on the scale that --prepare {preparation.assay} made")
        return None
    biases = None
    if bias_said:
        if not preparation.bias:
            raise UsageError("--bias: the model was trained on intensities that no bias was divided out of")
        assert examples.targets is not None
        source = BiasSource(given["bias"], data, reading, tally)
        biases = source.of(examples.sequences, examples.targets.astype(np.float64))
    times = ", times the bias of the probe" * bool(bias_said)
    tally.note(f"metrics are on the scale of the data: predictions are brought back to intensities{times}")
    return lambda scores: preparation.undo(scores, biases)


def _read(about: Any) -> Preparation:
    try:
        return Preparation.from_json(about)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"the model does not say how its targets were prepared ({error})") from error

"""From the published DeepBind models to a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from seqcnn.formats.deepbind_parameters import Entry, Parameters
from seqcnn.models import architectures
from seqcnn.models.architectures import deepbind
from seqcnn.models.architectures.collection import MOST_MEMBERS
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.version import __version__

TRAINED_ON_CLASSES: Final = ("ChIP-seq", "SELEX")
"""Experiments whose models were trained to tell bound from unbound sequences; the others predict intensities."""


def settings_of(model: Parameters) -> dict[str, Any]:
    """Return the shape of a published model, as settings of the architecture ``deepbind``."""
    length, _, n_filters = model.detectors.shape
    return {
        "both_strands": model.reverse_complement,
        "n_filters": n_filters,
        "kernel_size": length,
        "hidden": len(model.weights2),
        "pooling": "max-average" if model.has_avg_pooling else "max",
    }


def weights_of(model: Parameters) -> dict[str, Tensor]:
    """Return the weights of a published model as those of a ``deepbind`` network, without the member axis.

    There thresholds are taken away, not added, and all maxima come before all averages.
    """
    first = model.weights1
    if model.has_avg_pooling:
        first = np.concatenate([first[0::2], first[1::2]])
    weights = {"filters": model.detectors.transpose(2, 1, 0), "threshold": -model.thresholds}
    if len(model.weights2):
        weights |= {"hidden_weight": first, "hidden_bias": model.biases1[None]}
        weights |= {"output_weight": model.weights2[:, None], "output_bias": model.biases2}
    else:
        weights |= {"output_weight": first, "output_bias": model.biases1}
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in weights.items()}


def build(models: Mapping[str, Parameters], index: Mapping[str, Entry], task: str | None = None) -> Model:
    """Put published models together in one model with a target for each, scored by the window rule.

    One model becomes a network of the architecture ``deepbind``, several one of the architecture ``collection``.

    Parameters
    ----------
    models : mapping
        By id, in the order of the targets; at least one.
    index : mapping
        What is known of each id.
    task : {"binary", "regression"}, optional
        "binary" by default if all experiments are of :data:`TRAINED_ON_CLASSES`.
    """
    names = list(models)
    if len(names) == 1:
        architecture, network = "deepbind", _network([models[names[0]]])
    else:
        architecture, groups = "collection", _groups(models)
        shapes = [settings_of(models[names[rows[0]]]) | {"targets": rows} for rows in groups]
        network = architectures.create(
            architecture, {"n_targets": len(names), "both_strands": _any_both(models), "groups": shapes}
        )
        for group, rows in zip(network.groups, groups, strict=True):  # type: ignore[arg-type]
            group.load_state_dict(_network([models[names[row]] for row in rows]).state_dict())
    if task is None:
        known = [index[name].experiment for name in names if name in index]
        classes = len(known) == len(names) and set(known) <= set(TRAINED_ON_CLASSES)
        task = "binary" if classes else "regression"
    network.rule = "window"
    published = {name: asdict(index.get(name, Entry())) for name in names}
    training = {"seqcnn": __version__, "imported": "deepbind 0.1", "published": published}
    alphabet = "dna" if _any_both(models) else "rna"
    network.eval().requires_grad_(False)
    return Model(network, architecture, alphabet, task, tuple(names), None, training)


def _any_both(models: Mapping[str, Parameters]) -> bool:
    return any(model.reverse_complement for model in models.values())


def _groups(models: Mapping[str, Parameters]) -> list[list[int]]:
    """Return the rows of the models of each shape, as many together as a group holds."""
    by_shape: dict[tuple[Any, ...], list[int]] = {}
    for row, model in enumerate(models.values()):
        by_shape.setdefault(tuple(settings_of(model).values()), []).append(row)
    return [rows[at : at + MOST_MEMBERS] for rows in by_shape.values() for at in range(0, len(rows), MOST_MEMBERS)]


def _network(models: Sequence[Parameters]) -> Network:
    """Return models of one shape as members of one network."""
    network = deepbind.Model(deepbind.Settings(n_members=len(models), **settings_of(models[0])))
    weights = [weights_of(model) for model in models]
    network.load_state_dict({name: torch.stack([one[name] for one in weights]) for name in weights[0]})
    return network

"""What tells one fit from another, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.errors import UsageError
from seqcnn.sequence.ragged import from_text
from seqcnn.training.digest import digest, sketch
from seqcnn.training.fingerprint import check_same, fingerprint
from seqcnn.training.optimiser import Rates
from tests.training.interrupted import KINDS, Kind, begin, draw


def said(before: dict[str, Any], now: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        check_same(before, now, "run/checkpoint.safetensors")
    text = str(caught.value)
    assert text.startswith("run/checkpoint.safetensors: is of another run (")
    assert text.endswith("); give the data and options it was begun with, or begin anew with --force")
    return text.partition("(")[2].rpartition(")")[0]


def test_the_same_is_the_same() -> None:
    for kind in KINDS.values():
        one = fingerprint(begin(kind))
        check_same(one, fingerprint(begin(kind)), "x")
        check_same(json.loads(json.dumps(one)), one, "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Kind({"n_filters": 5}), "n_filters was 4, is 5, other initial weights"),
        (Kind({"hidden": 0}), "hidden was 3, is 0, other initial weights"),
        (Kind({"dropout": 0.25}), "dropout was 0.0, is 0.25"),
        (Kind({"n_members": 3}), "members was 2, is 3, other initial weights"),
        (Kind({"both_strands": False}), "both_strands was True, is False"),
        (Kind({}, {"epochs": 5}), "epochs was 4, is 5"),
        (Kind({}, {"optimiser": "sgd"}), "optimiser was adamw, is sgd"),
        (Kind({}, {"seed": 6}), "seed was 5, is 6"),
        (Kind({}, {"checks": (1, 2)}), "other checks"),
        (Kind({}, {"rates": [Rates(0.02, 0.02)] * 2}), "weight_decay was 0.01, is 0.02"),
        (Kind({}, {"rates": [Rates(0.02, 0.01, filter_decay=0.5)] * 2}), "filter_decay was not set, is 0.5"),
        (Kind({}, {"rates": [Rates(0.02, 0.01), Rates(0.03, 0.01)]}), "other learning_rate"),
        (Kind(ragged=True), "other training examples, other validation examples"),
        (Kind(n_valid=10), "other validation examples"),
        (Kind(weighted=True), "other training examples, other validation examples"),
        (
            Kind({}, {"task": "poisson", "epochs": 1, "patience": 2, "seed": 1}),
            "task was binary, is poisson, epochs was 4, is 1, patience was 0, is 2, and 2 more",
        ),
    ],
)
def test_what_differs_is_said(change: Kind, message: str) -> None:
    assert said(fingerprint(begin()), fingerprint(begin(change))) == message


def test_other_seeds_and_frozen_weights() -> None:
    assert said(fingerprint(begin()), fingerprint(begin(seeds=7))) == "other initial weights"
    fit = begin()
    fit.network.frozen = frozenset({"filters"})
    assert said(fingerprint(begin()), fingerprint(fit)) == "other frozen weights"


def test_what_else_is_given() -> None:
    fit = begin()
    one, other = fingerprint(fit, {"length": None, "names of targets": ["a"]}), fingerprint(fit, {"length": 101})
    assert said(one, other) == "length was not set, is 101, other names of targets"
    assert fingerprint(fit, {"epochs": None})["epochs"] == 4


def test_an_entry_that_was_unknown_before() -> None:
    """A later version may know more; what is not set was not there."""
    one = fingerprint(begin())
    check_same(one, one | {"new": None}, "x")
    assert said(one, one | {"new": 3}) == "new was not set, is 3"


def test_digest_of_examples() -> None:
    kind = Kind(weighted=True)
    examples = draw(8, 1, kind)
    assert examples.targets is not None
    assert examples.weights is not None
    one = digest(examples)
    renamed = replace(examples, names=from_text(["x"] * 8))
    assert digest(renamed) == one == digest(examples.take(np.arange(8)))
    data = examples.sequences.data.copy()
    data[5] ^= 1
    others = [
        replace(examples, sequences=replace(examples.sequences, data=data)),
        replace(examples, targets=examples.targets + np.float32(1e-6)),
        replace(examples, weights=examples.weights[::-1].copy()),
        replace(examples, weights=None),
        replace(examples, targets=None),
        replace(examples, origin=examples.origin[::-1].copy()),
        examples.take(np.arange(8)[::-1]),
        examples.take(np.arange(7)),
    ]
    assert len({one, *map(digest, others)}) == len(others) + 1


def test_sketch_of_weights() -> None:
    """It tells weights apart, not the last bits that devices differ in."""
    weights = torch.randn(1000, generator=torch.Generator().manual_seed(1))
    assert sketch(weights) == sketch(weights * (1 + 1e-7 * torch.sign(weights)))
    others = [
        weights.flip(0),
        weights * 1.001,
        torch.zeros(1000),
        torch.randn(1000, generator=torch.Generator().manual_seed(2)),
    ]
    assert len({sketch(weights), *map(sketch, others)}) == 5

"""Architectures are the files of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqcnn.errors import UsageError
from seqcnn.models import architectures
from seqcnn.models.network import Network


def test_every_file_is_an_architecture() -> None:
    folder = Path(architectures.__file__).parent
    assert architectures.names() == sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    assert "deepbind" in architectures.names()


@pytest.mark.parametrize("name", sorted(set(architectures.names()) - {"collection"}))  # it needs finished models
def test_create(name: str) -> None:
    network = architectures.create(name, {"n_members": 2, "n_targets": 3})
    assert isinstance(network, Network)
    assert network.settings.n_members == 2
    assert network.output_bias.shape == (2, 3)
    for parameter_name, parameter in network.named_parameters():
        assert len(parameter) == 2, parameter_name  # the member axis comes first


@pytest.mark.parametrize("name", ["deepbin", "__init__", "", "../deepbind", "network"])
def test_no_such_architecture(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown architecture .*; there are: .*deepbind"):
        architectures.create(name, {})


def test_no_such_option() -> None:
    with pytest.raises(UsageError, match=r"deepbind has no option 'n_layers'; it has: n_members, .*n_filters"):
        architectures.create("deepbind", {"n_filters": 4, "n_layers": 2})

"""What is written for containers and conda, held against pyproject.toml; none of it is built here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqcnn.version import __version__

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
CALLED = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""What conda calls a package by another name."""


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def wanted() -> set[str]:
    pairs = (re.fullmatch(r"([\w-]+)(.*)", each).groups() for each in project()["dependencies"])  # type: ignore[union-attr]
    return {f"{CALLED.get(name, name)} {version}" for name, version in pairs}


def recipe() -> dict[str, Any]:
    """Read the recipe, with the few templates that it has filled in."""
    text = (PACKAGING / "conda" / "meta.yaml").read_text(encoding="utf-8")
    said = dict(re.findall(r'{% set (\w+) = "(.+)" %}', text))
    assert said == {"name": "seqcnn", "version": __version__}
    text = re.sub(r"{%.*%}", "", text).replace('{{ pin_subpackage(name, max_pin="x.x") }}', "pinned")
    found: dict[str, Any] = yaml.safe_load(re.sub(r"{{ (\w+) }}", lambda m: said.get(m[1], m[1]), text))
    return found


def test_the_recipe_needs_what_the_package_needs() -> None:
    found = recipe()
    assert set(found["requirements"]["run"]) == wanted() | {f"python {project()['requires-python']}"}
    assert found["build"]["entry_points"] == [f"{name} = {to}" for name, to in project()["scripts"].items()]
    assert found["about"]["license"] == project()["license"]


def test_the_environment_has_what_the_package_needs() -> None:
    found = yaml.safe_load((PACKAGING / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    plain = {each.replace("pytorch-cpu", "pytorch") for each in found if isinstance(each, str)}
    assert plain == wanted() | {"python =3.11", "pip"}
    assert next(each for each in found if isinstance(each, dict)) == {"pip": ["-e .."]}


def test_the_image_has_the_release_that_the_makefile_pins() -> None:
    image = (PACKAGING / "Dockerfile").read_text(encoding="utf-8")
    pinned = re.search(r"^TORCH \?= (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned
    assert f"ARG TORCH={pinned[1]}\n" in image
    copied = re.findall(r"^COPY (.+) \S+$", image, re.MULTILINE)
    for path in " ".join(copied).split():
        assert (ROOT / path).exists(), path
    extras = re.search(r"'\.\[(.+)\]'", image)
    assert extras
    assert set(extras[1].split(",")) == set(project()["optional-dependencies"]) - {"dev"}


@pytest.mark.parametrize("heading", ["[Unreleased]", "Added"])
def test_the_changelog_has_its_parts(heading: str) -> None:
    assert re.search(rf"^##+ {re.escape(heading)}", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

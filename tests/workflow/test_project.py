"""A project is copied whole, and nothing is overwritten unasked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from seqcnn.errors import OutputError
from seqcnn.workflow.project import TEMPLATE, WRAPPERS, files, make


def test_every_file_is_copied(tmp_path: Path) -> None:
    written = make(tmp_path / "project")
    assert written == files()
    assert {str(path.parent) for path in written} >= {"config", "data", "workflow", "workflow/rules", "profiles/slurm"}
    for path in written:
        assert (tmp_path / "project" / path).read_bytes() == (TEMPLATE / path).read_bytes()


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty; use --force"):
        make(tmp_path)
    make(tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_snakemake_leaves_in_the_package_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config/config.yaml", ".snakemake/log/x.log", "workflow/__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    monkeypatch.setattr("seqcnn.workflow.project.TEMPLATE", tmp_path)
    assert files() == [Path("config/config.yaml")]


def test_the_example_is_small() -> None:
    assert sum((TEMPLATE / path).stat().st_size for path in files()) < 350_000
    assert sum(path.stat().st_size for path in WRAPPERS.rglob("*") if path.is_file()) < 150_000


@pytest.mark.parametrize("name", ["default", "slurm", "kubernetes"])
def test_every_profile_does_again_what_a_killed_run_left(name: str) -> None:
    profile = yaml.safe_load((TEMPLATE / "profiles" / name / "config.yaml").read_text())
    assert profile["rerun-incomplete"] is True
    assert name == "default" or profile["executor"] == name


@pytest.mark.slow
def test_the_package_has_it_all(tmp_path: Path) -> None:
    """Built as an installer builds it."""
    root = TEMPLATE.parent.parent.parent
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    wanted = [TEMPLATE / path for path in files()]
    wanted += [path for path in WRAPPERS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(root)) for path in wanted} <= names

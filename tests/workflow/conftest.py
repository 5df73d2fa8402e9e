"""Snakemake, where it is installed, with this checkout's seqcnn on its PATH."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Snakemake:
    """A Snakemake and what it runs in."""

    program: Path
    environment: dict[str, str]

    def start(self, words: Sequence[object], folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start it; what it says goes to a file."""
        with open(log, "wb") as out:
            return subprocess.Popen(
                [self.program, *map(str, words)],
                cwd=folder,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def __call__(self, *words: object, folder: Path) -> str:
        """Run it to its end; return what it said."""
        log = folder.parent / f"{folder.name}.said.txt"
        code = self.start(words, folder, log).wait()
        said = log.read_text()
        assert code == 0, said + "".join(path.read_text() for path in folder.glob("**/*.log"))
        return said


def found() -> Path | None:
    """Return the Snakemake of this environment, of the checkout's own, or of PATH."""
    beside = (Path(sys.executable).with_name("snakemake"), ROOT / ".venv-snakemake" / "bin" / "snakemake")
    there = next((path for path in beside if path.is_file()), None)
    elsewhere = shutil.which("snakemake")
    return there or (Path(elsewhere) if elsewhere else None)


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `seqcnn` that runs this checkout."""
    folder = tmp_path_factory.mktemp("tools")
    script = folder / "seqcnn"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m seqcnn "$@"\n'
    )
    script.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def snakemake(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Snakemake:
    """Snakemake; tests are skipped where there is none."""
    program = found()
    if program is None:
        pytest.skip("Snakemake is not installed: pip install 'seqcnn[workflow]'")
    path = os.pathsep.join([str(tools), str(program.parent), os.environ["PATH"]])
    cache = str(tmp_path_factory.mktemp("cache"))
    return Snakemake(
        program,
        os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": cache, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Make a project and stand in it."""
    from seqcnn.workflow.project import make

    def build() -> Path:
        make(tmp_path / "project")
        monkeypatch.chdir(tmp_path / "project")
        return tmp_path / "project"

    return build

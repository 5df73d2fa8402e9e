"""Imports run one way, and help needs none of the large libraries."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqcnn.version

PACKAGE = Path(seqcnn.version.__file__).parent
LAYERS = {
    "version": 0,
    "errors": 0,
    "processes": 0,
    "signals": 0,
    "sequence": 0,
    "formats": 1,
    "dataset": 2,
    "models": 3,
    "training": 4,
    "interpret": 5,
    "report": 6,
    "workflow": 7,
    "api": 8,
    "cli": 9,
    "__main__": 10,
}
HEAVY = {"torch", "numpy", "pandas", "sklearn", "Bio", "h5py", "scipy", "pyfaidx", "matplotlib", "logomaker"}
FILES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(path.stem for path in (PACKAGE / "cli" / "commands").glob("[!_]*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path) for path in FILES}


def imported(path: Path, *, running: bool = False) -> Iterator[str]:
    """Yield every module that a file imports anywhere; with `running`, not what only the type checker imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    if running:
        unseen = [node for node in nodes if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
        skipped = {id(child) for node in unseen for child in ast.walk(node)}
        nodes = [node for node in nodes if id(node) not in skipped]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            base = node.module or ""
            yield from (full if (full := f"{base}.{a.name}") in MODULES else base for a in node.names)


def layer(module: str) -> str:
    """Return the second part of a dotted name."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down(path: Path) -> None:
    own = layer(name_of(path))
    for module in imported(path):
        if module.startswith("seqcnn.") and own:
            other = layer(module)
            assert LAYERS[other] < LAYERS[own] or other == own, f"{own} imports {module}"


def test_every_part_has_a_layer() -> None:
    assert {layer(name) for name in MODULES} - {""} <= set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_libraries_stay_in_their_layers(path: Path) -> None:
    rank = LAYERS.get(layer(name_of(path)), 0)
    roots = {module.split(".")[0] for module in imported(path)}
    if rank < LAYERS["cli"]:
        assert not roots & {"click", "rich"}
    if rank < LAYERS["models"]:
        assert not roots & {"torch", "safetensors"}


def test_only_the_shell_imports_the_shell() -> None:
    for path in FILES:
        if layer(name_of(path)) not in ("cli", "__main__"):
            assert not any(module.startswith("seqcnn.cli") for module in imported(path)), path


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name_of(path): {m for m in imported(path, running=True) if m in MODULES} for path in FILES}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way, module])
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


LOADED = """
import json, sys
from seqcnn.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_loads_no_large_library(command: str | None) -> None:
    words = ["--help"] if command is None else [command, "--help"]
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    code, loaded = json.loads(done.stderr)
    assert code == 0
    assert done.stdout.startswith("Usage: seqcnn")
    assert not HEAVY & set(loaded)


def test_help_is_quick() -> None:
    """In CPU seconds: other programs may be about."""
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-m", "seqcnn", "--help"], capture_output=True, check=True)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(seconds) < 0.3

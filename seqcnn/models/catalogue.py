"""What architectures there are and what can be set about them, read from their files without running them.

The command line offers their settings as options, and its help must not wait for large libraries: so a setting's kind,
range or values, default and line of help are taken from where they are written, the class ``Settings`` of each file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from seqcnn.errors import UsageError
from seqcnn.models import architectures
from seqcnn.models.settings import DEEP_TRAINING

DEFAULT: Final = "deepbind"
"""The architecture that is trained if nothing else is said."""

SHARED: Final = ("n_members", "n_targets", "both_strands", "dropout", "strands")
"""Settings that all architectures have, which training sets by itself."""

_ENTRY: Final = re.compile(r"^    (\w+(?:, \w+)*) : ([^\n]+)\n((?:        [^\n]*\n?)+)", re.MULTILINE)
_BASES: Final = Path(__file__).with_name("settings.py")


@dataclass(frozen=True, slots=True)
class Field:
    """A setting of an architecture.

    Parameters
    ----------
    name : str
    kind : {"int", "float", "str", "bool", "list"}
    default : object
    choices : tuple of str
        Its values, if it has only certain ones.
    low, high : float or None
        Its range; the lowest value is not in it if `above`.
    above : bool
    help : str
        One sentence.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: bool = False
    help: str = ""

    def check(self, value: Any) -> None:
        """Refuse a value that the setting cannot have.

        Raises
        ------
        UsageError
        """
        if self.choices and value not in self.choices:
            raise UsageError(f"unknown {self.name} {value!r}; there are: {', '.join(self.choices)}")
        kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
        wrong = not isinstance(value, kinds.get(self.kind, (object,)))
        if wrong or (isinstance(value, bool) and self.kind != "bool"):
            raise UsageError(f"{self.name} must be of the kind {self.kind}, not {value!r}")
        if self.low is not None and (value <= self.low if self.above else value < self.low):
            raise UsageError(f"{self.name} must be {'above' if self.above else 'at least'} {self.low:g}, not {value}")
        if self.high is not None and value > self.high:
            raise UsageError(f"{self.name} must be at most {self.high:g}, not {value}")


@dataclass(frozen=True, slots=True)
class About:
    """An architecture in words.

    Parameters
    ----------
    shape : str
        What it is.
    lineage : str
        What it comes from.
    """

    shape: str
    lineage: str


@cache
def fields(name: str) -> Mapping[str, Field]:
    """Return the settings of an architecture beyond those that all have, by name.

    Raises
    ------
    UsageError
        If there is no such architecture.
    """
    architectures.check(name)
    found = _fields(_tree(_path(name)), "Settings")
    return {each: field for each, field in found.items() if each not in SHARED}


@cache
def trainable() -> tuple[str, ...]:
    """Return the architectures that can be trained, the usual one first; a setting that is a list cannot be said."""
    names = [name for name in architectures.names() if not any(f.kind == "list" for f in fields(name).values())]
    return tuple(sorted(names, key=lambda name: (name != DEFAULT, name)))


def options() -> dict[str, list[tuple[str, Field]]]:
    """Return the settings of all that can be trained: for each name, in which architectures it is what."""
    found: dict[str, list[tuple[str, Field]]] = {}
    for name in trainable():
        for field in fields(name).values():
            found.setdefault(field.name, []).append((name, field))
    return found


def check(architecture: str, values: Mapping[str, Any]) -> None:
    """Refuse settings that an architecture does not have, or values that they cannot have; None is none.

    Raises
    ------
    UsageError
    """
    known = fields(architecture)
    for name, value in values.items():
        if value is None:
            continue
        if name not in known:
            having = ", ".join(known)
            raise UsageError(f"the architecture {architecture} has no {name}; it has: {having}")
        known[name].check(value)


def check_strands(architecture: str, strands: str) -> None:
    """Refuse what an architecture cannot make of both strands.

    Raises
    ------
    UsageError
    """
    architectures.check(architecture)
    choices = _fields(_tree(_path(architecture)), "Settings")["strands"].choices
    if strands not in choices:
        raise UsageError(f"the architecture {architecture} has no strands {strands!r}; it has: {', '.join(choices)}")


def about(name: str) -> About:
    """Return what an architecture's file says of it: after the colon in its first line, and as its LINEAGE."""
    tree = _tree(_path(name))
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    return About(first.partition(": ")[2].rstrip("."), str(_constant(tree, "LINEAGE") or ""))


def training(name: str) -> dict[str, Any]:
    """Return the training options that serve an architecture well: its TRAINING, or those of all deep ones."""
    tree = _tree(_path(name))
    usual = DEEP_TRAINING if "Deep" in _ancestors(tree, "Settings") else {}
    return dict(_constant(tree, "TRAINING") or usual)


def _path(name: str) -> Path:
    folders = [Path(folder) for folder in architectures.__path__]
    return next(folder / f"{name}.py" for folder in folders if (folder / f"{name}.py").is_file())


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _constant(tree: ast.Module, name: str) -> Any:
    """Return the value of a literal at the top of a file; None if it is not there."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if value is not None and any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.literal_eval(value)
    return None


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == name)


def _bases(node: ast.ClassDef) -> Iterator[tuple[ast.Module, str]]:
    """Yield the bases of a settings class: the file of each, and its name there."""
    for base in node.bases:
        of = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        module = base.value.id if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) else ""
        other = module in architectures.names()
        yield _tree(_path(module) if other else _BASES), of


def _ancestors(tree: ast.Module, name: str) -> set[str]:
    """Return the names of all classes that a settings class comes from."""
    return {each for base in _bases(_class(tree, name)) for each in (base[1], *_ancestors(*base))}


def _fields(tree: ast.Module, name: str) -> dict[str, Field]:
    """Return the fields of a settings class: those of its base, and its own, as described in its docstring."""
    node = _class(tree, name)
    found: dict[str, Field] = {}
    for base in _bases(node):
        found |= _fields(*base)
    described = _described(ast.get_docstring(node, clean=False) or "")
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            field = line.target.id
            default = None if line.value is None else _literal(line.value)
            kind = ast.unparse(line.annotation).partition("[")[0]
            before = found.get(field)
            said = described.get(field) or (_facts(before) if before is not None else {})
            found[field] = Field(field, kind, default, **said)
    return found


def _facts(field: Field) -> dict[str, Any]:
    return {name: getattr(field, name) for name in ("choices", "low", "high", "above", "help")}


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:  # such as a factory
        return None


def _described(docstring: str) -> dict[str, dict[str, Any]]:
    """Read the section of parameters of a docstring: names, kinds with values or range, and texts."""
    found: dict[str, dict[str, Any]] = {}
    for names, kind, text in _ENTRY.findall(docstring + "\n"):
        facts: dict[str, Any] = {"help": " ".join(text.split())}
        if kind.startswith("{"):
            facts["choices"] = ast.literal_eval(f"({kind[1 : kind.index('}')]},)")
        elif (within := re.search(r"([-\d.]+) to ([-\d.]+)$", kind)) is not None:
            facts["low"], facts["high"] = float(within[1]), float(within[2])
        elif (least := re.search(r"([-\d.]+) or more$|above ([-\d.]+)$", kind)) is not None:
            facts["low"], facts["above"] = float(least[1] or least[2]), least[1] is None
        found |= dict.fromkeys(names.split(", "), facts)
    return found

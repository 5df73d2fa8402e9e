"""What a project is told: config.yaml and the table of samples, checked; a mistake is said with its file and line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

from seqcnn.errors import InputError
from seqcnn.formats.output import describe

CONFIG: Final = "config/config.yaml"
METHODS: Final = ("train", "calibrate")
COMMANDS: Final = {
    **{name: name for name in ("encode", "train", "calibrate", "evaluate", "motifs", "mutate", "variants", "scan")},
    "hits": "scan",
}
"""Steps that may be given options, and their commands."""

COLUMNS: Final = (
    *("sample", "data", "genome", "encode", "test_chroms", "test_data"),
    *("method", "train", "variants", "scan"),
)
_KINDS: Final[dict[str, tuple[type, str]]] = {
    "samples": (str, "the path of a table"),
    "genomes": (dict, "names and FASTA files, one a line: name: file"),
    "variants": (dict, "names, each with vcf: and genome: below it"),
    "best": (int, "a number"),
    "scan": (list, "a list of bw, bed"),
    "options": (dict, "commands and their options, one a line: command: options"),
}
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")

Place = tuple[str, ...]


class GivenOptions(NamedTuple):
    """Options of a command as they are written in a project, where, and for which samples (rows of the table)."""

    command: str
    text: str
    path: Path
    line: int
    samples: list[dict[str, str]]


@dataclass(frozen=True)
class Settings:
    """A checked project.

    Parameters
    ----------
    samples : list of dict of str to str
        Rows of the table; every column is there.
    genomes, variants : dict
        Of the config, by name.
    options : list of GivenOptions
        All that commands are given, for all samples and for single ones.
    """

    samples: list[dict[str, str]]
    genomes: Mapping[str, str]
    variants: Mapping[str, Mapping[str, str]]
    options: list[GivenOptions]


def read(config: str | PathLike[str] = CONFIG, samples: str | PathLike[str] | None = None) -> Settings:
    """Read and check a project; paths in it are relative to the working folder.

    Parameters
    ----------
    config : str or path
    samples : str or path, optional
        The table, in place of the one that the config names.

    Raises
    ------
    InputError
        With file and line of the first mistake.
    """
    path = Path(config)
    content, lines = _load(path)

    def wrong(message: str, *place: str, hint: str | None = None) -> InputError:
        return InputError(message, path, lines.get(place, 1), hint)

    _check_kinds(content, wrong)
    if not content.get("samples") and samples is None:
        raise wrong("does not say where the table of samples is", hint="add a line: samples: config/samples.tsv")
    genomes, variants = content.get("genomes") or {}, content.get("variants") or {}
    for name, file in genomes.items():
        _check_name(name, wrong, "genomes", name)
        _check_file(file, wrong, "genomes", name)
    for name, calls in variants.items():
        _check_name(name, wrong, "variants", name)
        _check_variants(name, calls, genomes, wrong)
    table = Path(samples if samples is not None else content["samples"])
    rows = list(_read_samples(table, genomes, variants))
    of_all = [row for _, row in rows]
    given = []
    for command, text in (content.get("options") or {}).items():
        if command not in COMMANDS:
            raise wrong(f"options: unknown command {command!r}", "options", command, hint=_nearest(command, COMMANDS))
        if text is not None and not isinstance(text, str):
            raise wrong(f"options: {command}: {text!r} is not text", "options", command, hint="put it in quotes")
        theirs = [row for row in of_all if command not in METHODS or _method(row) == command]
        given.append(GivenOptions(COMMANDS[command], text or "", path, lines.get(("options", command), 1), theirs))
    return Settings(of_all, genomes, variants, [*given, *_options_of(rows, table)])


def _load(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    """Return what a YAML file holds, and the line of each key."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(f"is not YAML ({error.problem})", path, line) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is not YAML ({' '.join(str(error).split())})", path) from error
    except OSError as error:
        raise InputError(
            describe(error), path, hint="seqcnn workflow init makes a project; stand in its folder"
        ) from error
    if not isinstance(content, dict):
        raise InputError("does not hold settings, one a line: name: value", path)
    lines: dict[Place, int] = {}
    for place, line in _lines(node):
        if place in lines:
            raise InputError(
                f"{place[-1]} is said a second time, first in line {lines[place]}", path, line, hint="remove one"
            )
        lines[place] = line
    return content, lines


def _lines(node: Any, above: Place = ()) -> Iterator[tuple[Place, int]]:
    """Yield each key of nested mappings, with its 1-based line."""
    if isinstance(node.value, list) and node.id == "mapping":
        for key, value in node.value:
            place = (*above, str(key.value))
            yield place, key.start_mark.line + 1
            yield from _lines(value, place)


def _check_kinds(content: Mapping[str, Any], wrong: Any) -> None:
    for name, value in content.items():
        if name not in _KINDS:
            raise wrong(f"unknown setting {name!r}", name, hint=_nearest(name, _KINDS))
        kind, said = _KINDS[name]
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise wrong(f"{name}: {value!r} is not {said}", name)
    if content.get("best") is not None and content["best"] < 1:
        raise wrong(f"best: {content['best']} is below 1", "best")
    for kind in content.get("scan") or []:
        if kind not in ("bw", "bed"):
            raise wrong(f"scan: {kind!r} is neither bw nor bed", "scan")


def _check_name(name: Any, wrong: Any, *place: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong(f"{name!r} cannot be a name: it becomes a part of file names", *map(str, place), hint=_NAMES)


_NAMES: Final = "use letters, digits, _ . + -"


def _check_file(file: Any, wrong: Any, *place: str) -> None:
    """Raise InputError where a file is not there; what is elsewhere (s3://...) is believed."""
    if not isinstance(file, str):
        raise wrong(f"{file!r} is not the path of a file", *place)
    if "://" not in file and not Path(file).is_file():
        raise wrong(f"there is no file {file}", *place, hint="paths are relative to the folder of the project")


def _check_variants(name: str, calls: Any, genomes: Collection[str], wrong: Any) -> None:
    if not isinstance(calls, dict):
        raise wrong(f"variants: {name} needs vcf: and genome: below it", "variants", name)
    for key in calls:
        if key not in ("vcf", "genome"):
            raise wrong(f"variants: {name}: unknown setting {key!r}; there are vcf and genome", "variants", name, key)
    for key in ("vcf", "genome"):
        if key not in calls:
            raise wrong(f"variants: {name} lacks {key}:", "variants", name)
    _check_file(calls["vcf"], wrong, "variants", name, "vcf")
    if calls["genome"] not in genomes:
        raise wrong(
            f"variants: {name}: {calls['genome']!r} is not among genomes",
            *("variants", name, "genome"),
            hint=_nearest(calls["genome"], genomes),
        )


def _read_samples(
    path: Path, genomes: Collection[str], variants: Collection[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each sample's line and row.

    Raises
    ------
    InputError
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is not text in UTF-8", path) from error
    except OSError as error:
        raise InputError(describe(error), path) from error
    numbered = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not numbered:
        raise InputError("is empty", path, hint=f"its columns are {', '.join(COLUMNS)}")
    line, header = numbered[0][0], numbered[0][1].split("\t")
    _check_header(header, path, line)
    seen: dict[str, int] = {}
    for line, text in numbered[1:]:
        cells = text.split("\t")
        if len(cells) != len(header):
            raise InputError(
                f"has {len(cells)} columns, but the header {len(header)}", path, line, hint="columns are split by tabs"
            )
        row = {**dict.fromkeys(COLUMNS, ""), **{n: cell.strip() for n, cell in zip(header, cells, strict=True)}}
        if row["sample"] in seen:
            raise InputError(f"sample {row['sample']} is there already, in line {seen[row['sample']]}", path, line)
        seen[row["sample"]] = line
        _check_row(row, path, line, genomes, variants)
        yield line, row
    if not seen:
        raise InputError("has no samples", path, hint="add a line below the header")


def _check_header(header: list[str], path: Path, line: int) -> None:
    for name in header:
        if name not in COLUMNS:
            raise InputError(f"unknown column {name!r}", path, line, hint=_nearest(name, COLUMNS))
        if header.count(name) > 1:
            raise InputError(f"column {name} is there twice", path, line)
    for name in ("sample", "data"):
        if name not in header:
            raise InputError(f"lacks the column {name}", path, line, hint="columns are split by tabs")


def _check_row(row: dict[str, str], path: Path, line: int, genomes: Collection[str], variants: Collection[str]) -> None:
    """Raise InputError where a sample cannot be as it says."""

    def wrong(message: str, *place: str, hint: str | None = None) -> InputError:
        return InputError("".join(f"{each}: " for each in place) + message, path, line, hint)

    _check_name(row["sample"], wrong, "sample")
    _check_file(row["data"], wrong, "data")
    if row["test_data"]:
        _check_file(row["test_data"], wrong, "test_data")
    if row["test_data"] and row["test_chroms"]:
        raise wrong("test_chroms and test_data are both said", hint="say one of them")
    if row["test_chroms"] and not row["genome"]:
        raise wrong("test_chroms is for regions of a genome", hint="say the genome, or give test_data")
    if row["method"] not in ("", *METHODS):
        raise wrong(f"{row['method']!r} is neither {METHODS[0]} nor {METHODS[1]}", "method")
    for column, known, where in (
        ("genome", genomes, "genomes"),
        ("scan", genomes, "genomes"),
        ("variants", variants, "variants"),
    ):
        names = [row[column]] if column == "genome" else row[column].split(",")
        for name in filter(None, map(str.strip, names)):
            if name not in known:
                raise wrong(f"{name!r} is not among {where} in the config", column, hint=_nearest(name, known))


def _options_of(rows: list[tuple[int, dict[str, str]]], path: Path) -> Iterator[GivenOptions]:
    for line, row in rows:
        yield GivenOptions("encode", row["encode"], path, line, [row])
        yield GivenOptions(_method(row), row["train"], path, line, [row])


def _method(row: Mapping[str, str]) -> str:
    return row["method"] or METHODS[0]


def _nearest(name: object, known: Collection[str]) -> str:
    """Return a hint: the nearest name, or all that there are."""
    near = difflib.get_close_matches(str(name), known, 1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"

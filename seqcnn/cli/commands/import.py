"""Bring models of other programs in: the published DeepBind models."""

# ruff: noqa: N999 -- the file has the name of the command

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.formats.deepbind_parameters import Entry


@click.group(
    epilog="""\b
Examples:
  seqcnn import deepbind params/D00328.003.txt -o ctcf.safetensors
  seqcnn import deepbind db/ --protein CTCF,SP1 -o chosen.safetensors"""
)
def command() -> None:
    """Bring models of other programs in; every other command then works on them."""


@command.command(
    epilog="""\b
Examples:
  seqcnn import deepbind params/D00328.003.txt -o ctcf.safetensors
  seqcnn import deepbind db/ --protein CTCF,SP1 -o chosen.safetensors
  seqcnn import deepbind db/ --ids example.ids -o example.safetensors
  seqcnn predict example.safetensors --echo example.seq"""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER...")
@options.output("The model file to write.")
@options.option(
    "--ids", metavar="ID,...|FILE", help="Models to take from the folders, in this order; or a file with an id a line."
)
@options.option(
    "--protein", metavar="NAME,...", callback=options.csv, help="Proteins whose models to take, by the table."
)
@options.option("--index", metavar="TSV", help="Table of models.", show_default="db.tsv beside the files or above them")
@options.option(
    "--task",
    type=click.Choice(["binary", "regression"]),
    help="What the scores are: log-odds of binding, or intensities.",
    show_default="binary if all are of ChIP-seq or SELEX",
)
@options.messages()
def deepbind(
    files: tuple[str, ...],
    output: str,
    force: bool,
    ids: str | None,
    protein: tuple[str, ...] | None,
    index: str | None,
    task: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Read published DeepBind models (parameter files `# deepbind 0.1`) into one model file.

    Each model is a target, named by its id. A sequence scores as the published program scores it: the best of its
    windows of detector length, and of both strands where the model says so; see predict --rule. FOLDER holds D*.txt, or
    params/D*.txt, and the table of models db.tsv.
    """
    from seqcnn.cli.console import Reporter
    from seqcnn.formats.deepbind_parameters import read_index, read_parameters
    from seqcnn.formats.output import check_output
    from seqcnn.models import modelfile, published

    report = Reporter(quiet, verbose)
    check_output(output, force=force)
    found, table = _find(files)
    table = Path(index) if index is not None else table
    entries = read_index(table) if table is not None else {}
    chosen = _choose(found, entries, ids, protein, report)
    model = published.build({name: read_parameters(found[name]) for name in chosen}, entries, task)
    modelfile.save(model, output)
    for name in chosen:
        report.detail(f"{name}  {describe(entries.get(name))}")
    unknown = sum(name not in entries for name in chosen)
    if unknown:
        where = f"{table} does not say" if table is not None else "without db.tsv it is not known"
        report.say(f"{where} what {unknown:,} of the models {'is' if unknown == 1 else 'are'} of")
    classes = sum(name in entries and entries[name].experiment in published.TRAINED_ON_CLASSES for name in chosen)
    if classes and task is None and model.task == "regression":
        report.say(
            f"{classes:,} of the models give log-odds, the others do not or are not known: all scores are written as "
            "they are, without probabilities; import them apart, or see --task"
        )
    count = "1 model" if len(chosen) == 1 else f"{len(chosen):,} models"
    report.say(f"wrote {output}: {count}, {model.alphabet.upper()}, {model.task}, scored by windows")


def describe(entry: Entry | None) -> str:
    """Say in words what a model is of."""
    if entry is None:
        return ""
    facts = ", ".join(fact for fact in (entry.species, entry.experiment) if fact)
    return f"{entry.protein} ({facts})" if facts else entry.protein


def _find(files: Sequence[str]) -> tuple[dict[str, Path], Path | None]:
    """Return the parameter files by id, and the first table of models that lies beside them."""
    from seqcnn.errors import InputError
    from seqcnn.formats.deepbind_parameters import find_files, find_index

    found: dict[str, Path] = {}
    table: Path | None = None
    for path in map(Path, files):
        if path.is_dir():
            here, beside = find_files(path)
            if not here:
                raise InputError("holds no D*.txt, nor does its params/", path, hint="name parameter files or a folder")
        else:
            here, beside = {path.name.removesuffix(".gz").removesuffix(".txt"): path}, find_index(path.parent)
        table = table or beside
        for name, file in here.items():
            if found.setdefault(name, file) != file:
                raise InputError(f"{name} is there a second time, first as {found[name]}", file)
    return found, table


def _choose(
    found: dict[str, Path], entries: dict[str, Entry], ids: str | None, protein: Sequence[str] | None, report: Reporter
) -> list[str]:
    """Return the ids that are wanted, in the order of --ids, else of the files."""
    from seqcnn.errors import InputError, UsageError
    from seqcnn.formats.deepbind_parameters import read_ids

    wanted = list(found)
    if ids is not None:
        listed = read_ids(ids) if Path(ids).is_file() else [name.strip() for name in ids.split(",") if name.strip()]
        wanted = list(dict.fromkeys(listed))
        if not wanted:
            raise UsageError("--ids is empty")
        missing = [name for name in wanted if name not in found]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise InputError(f"there is no parameter file of {missing[0]}{more}", hint="see --ids, and the files named")
    if protein is None:
        return wanted
    if not entries:
        raise UsageError("--protein needs the table of models: say where db.tsv is with --index")
    of = {name: entries[name].protein.lower() for name in wanted if name in entries}
    for name in protein:
        if name.lower() not in of.values():
            where = "here" if ids is None else "among --ids"
            raise InputError(f"no model {where} is of {name}", hint="see db.tsv for the names")
    named = [name for name in wanted if of.get(name) in {name.lower() for name in protein}]
    old = [name for name in named if ids is None and "deprecated" in entries[name].labels.lower()]
    if old:
        report.say(f"{len(old):,} deprecated left out; --ids takes them all the same")
    kept = [name for name in named if name not in old]
    if not kept:
        raise InputError(
            f"all models of {', '.join(protein)} here are deprecated", hint="--ids takes them all the same"
        )
    return kept

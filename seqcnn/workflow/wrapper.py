"""What the Snakemake wrappers share: a rule's inputs, outputs, threads and params as one command line."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run(snakemake: Any, command: str, **layout: Any) -> None:
    """Run a command of seqcnn for a rule, with its messages in the rule's log; end as it ended.

    Parameters
    ----------
    snakemake : Snakemake
        What Snakemake gives a script.
    command : str
    **layout
        Of :func:`command_line`, and ``results``: write standard output to the first output.
    """
    results = layout.pop("results", False)
    words = command_line(snakemake, command, output=not results, **layout)
    log = str(snakemake.log[0]) if snakemake.log else None
    with open(log or "/dev/stderr", "w", encoding="utf-8") as said:
        if results:
            with open(snakemake.output[0], "wb") as out:
                done = subprocess.run(words, stdout=out, stderr=said, check=False)
        else:
            done = subprocess.run(words, stdout=said, stderr=said, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def command_line(
    snakemake: Any,
    command: str,
    *,
    arguments: Sequence[str],
    output: bool = True,
    folder: bool = False,
    folders: Sequence[str] = (),
    threads: bool = True,
    again: str = "--force",
) -> list[str]:
    """Return the words of the command of a rule.

    Parameters
    ----------
    snakemake : Snakemake
    command : str
    arguments : sequence of str
        Named inputs that are arguments, in order. Every other named input is an option: ``input.genome`` becomes
        ``--genome FILE``.
    output : bool
        The first output is ``--output``.
    folder : bool
        The output is the folder of the first output.
    folders : sequence of str
        Named inputs, files, of which the command is given the folder.
    threads : bool
        The command has ``--threads``.
    again : str
        What is said of an output that is there; "" for nothing.

    Returns
    -------
    list of str
        ``params.extra`` comes last, split as a shell does.
    """
    inputs = {
        name: str(Path(str(files)).parent) if name in folders and files else files
        for name, files in snakemake.input.items()
    }
    missing = [name for name in arguments if name not in inputs]
    if missing:
        raise ValueError(f"seqcnn {command}: the rule has no input named {missing[0]}")
    words = ["seqcnn", *command.split()]
    for name in arguments:
        words += _several(inputs.pop(name))
    for name, files in inputs.items():
        if joined := ",".join(_several(files)):
            words += [f"--{name.replace('_', '-')}", joined]
    if output:
        first = str(snakemake.output[0])
        words += ["--output", str(Path(first).parent) if folder else first]
        words += [again] if again else []
    if threads:
        words += ["--threads", str(snakemake.threads)]
    return [*words, *shlex.split(snakemake.params.get("extra", ""))]


def _several(files: Any) -> list[str]:
    return [str(files)] if isinstance(files, str | Path) else [str(file) for file in files]

"""The entry point: finds commands without importing them, and turns every error into one line and an exit code."""

from __future__ import annotations

import ast
import errno
import os
import pkgutil
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from seqcnn.cli import commands
from seqcnn.cli.together import let_the_first_speak
from seqcnn.errors import Interrupted, SeqcnnError
from seqcnn.processes import place
from seqcnn.signals import listen
from seqcnn.version import __version__

ORDER: Final = (
    *("encode", "train", "calibrate", "evaluate", "predict", "motifs", "mutate", "variants", "scan"),
    *("report", "compare", "logo", "embed", "design", "import", "export", "workflow", "info"),
)
"""Commands in the order of work; others follow by name."""

SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
INTERRUPTED: Final = 128 + signal.SIGINT
CLOSED_PIPE: Final = 141
COMPLETION: Final = "_SEQCNN_COMPLETE"
"""Variable by which a shell asks what the next word may be."""
QUIET: Final = (click.ClickException, click.exceptions.Exit, BrokenPipeError)
"""What --debug shows no traceback of."""


class CommandFolder(click.Group):
    """A group whose commands are the files of a folder; a file is imported when its command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands, in the order of work."""
        there = {module.name for module in pkgutil.iter_modules(commands.__path__)}
        return [name for name in ORDER if name in there] + sorted(there - set(ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{commands.__name__}.{cmd_name}").command
        if COMPLETION in os.environ:
            from seqcnn.cli.completion import complete_words

            complete_words(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the first line of its file."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])


def _summary(name: str) -> str:
    text = (Path(next(iter(commands.__path__))) / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


@click.group(
    cls=CommandFolder,
    context_settings=SETTINGS,
    epilog="""\b
Examples:
  seqcnn train peaks.narrowPeak --genome hg38.fa --length 101 --test-chroms chr8,chr9 -o run/
  seqcnn predict run/ sequences.fa.gz > scores.tsv
  seqcnn motifs run/ peaks.narrowPeak --genome hg38.fa -o motifs/
  seqcnn variants run/ calls.vcf.gz --genome hg38.fa -o scored.vcf.gz""",
)
@click.version_option(__version__, "--version", prog_name="seqcnn")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Train DeepBind-style networks on peaks or sequences, and predict what proteins bind.

    The commands stand in the order of work; `seqcnn COMMAND --help` has each one's options and examples. Results go to
    files or standard output, messages to standard error.

    Exit status: 0 done, 1 the data or the machine, 2 usage, 130 interrupted, 143 terminated.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    listen()
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    if COMPLETION in os.environ:
        cli.main(arguments, prog_name="seqcnn")
    try:
        with cli.make_context("seqcnn", list(arguments), obj=["seqcnn", *arguments]) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say_stopped("interrupted")
        return INTERRUPTED
    except Interrupted as stop:
        _say_stopped(str(stop))
        return stop.exit_code
    except Exception as error:
        if "--debug" in arguments and not isinstance(error, QUIET):
            raise
        return _report(error)
    return 0


def _report(error: Exception) -> int:
    """Say what went wrong in one line; return the exit status."""
    if isinstance(error, OSError):
        # What is still buffered cannot be written either; keep the interpreter from saying so at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return CLOSED_PIPE  # who read our output has seen enough
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        context: Any = getattr(error, "ctx", None)
        hint = f" (try: {context.command_path} --help)" if context is not None else ""
        _say(f"{error.format_message()}{hint}")
        return error.exit_code
    if isinstance(error, SeqcnnError):
        _say(str(error))
        return error.exit_code
    if isinstance(error, MemoryError):
        _say("not enough memory; use fewer or shorter sequences, a smaller --batch-size, or a larger machine")
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _say(f"{error.filename or 'output'}: no space left on the device; free some, or choose another --output")
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{(error.strerror or str(error)).lower()}")
    else:
        _say(f"a defect in seqcnn: {type(error).__name__}: {error}; please report it with the output of --debug")
    return 1


def _say_stopped(message: str) -> None:
    if place().leads:
        click.echo(f"seqcnn: {message}", err=True)


def _say(message: str) -> None:
    let_the_first_speak()
    ours = place()
    who = "" if ours.leads else f"process {ours.rank} of {ours.size}: "
    click.echo(f"seqcnn: error: {who}" + " ".join(message.split()), err=True)

"""`seqcnn` in a process of its own that starts in milliseconds: a server loads the libraries once, and forks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOADED = [
    *("seqcnn.cli.commands.train", "seqcnn.cli.prepared", "seqcnn.cli.resuming", "seqcnn.cli.run_folder"),
    *("seqcnn.cli.commands.predict", "seqcnn.models.predict", "seqcnn.models.modelfile"),
]


def server() -> ForkServerContext:
    """Return what makes such processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def start(
    words: Sequence[object],
    *,
    stdin: str | Path = os.devnull,
    stdout: str | Path,
    stderr: str | Path,
    temporary: Path | None = None,
) -> BaseProcess:
    """Start a command with its streams on these files, pipes or devices, and its temporary files in this folder."""
    streams = [str(stdin), str(stdout), str(stderr)]
    process = server().Process(target=_run, args=([str(word) for word in words], streams, temporary))
    process.start()
    return process


def put_streams(paths: Sequence[str]) -> None:
    """Have the standard streams of this process be these files."""
    for number, path in enumerate(paths):
        handle = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOCTTY)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- multiprocessing has closed it


def _run(words: list[str], streams: list[str], temporary: Path | None) -> None:
    put_streams(streams)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    if temporary is not None:
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
    from seqcnn.cli.main import main

    main(words)


def finish(words: Sequence[object], folder: Path, *, stdout: str | Path | None = None) -> tuple[int | None, str, str]:
    """Run a command to its end; return exit status, standard output, if it is no device, and standard error."""
    out = folder / "stdout" if stdout is None else stdout
    process = start(words, stdout=out, stderr=folder / "stderr")
    process.join()
    return process.exitcode, Path(out).read_text() if stdout is None else "", (folder / "stderr").read_text()

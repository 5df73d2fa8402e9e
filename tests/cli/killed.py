"""`seqcnn` in processes of its own that are killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.cli.forked import put_streams, server

DIED = 9


def start(words: Sequence[object], log: Path, *, die_at: int = 0) -> BaseProcess:
    """Start a command that writes checkpoints as fast as it can.

    Parameters
    ----------
    words : sequence
    log : Path
        Gets what it says; and, in a file beside it, the number of its file operations.
    die_at : int
        It ends at once, with :data:`DIED`, before this file operation; 0 for never.
    """
    process = server().Process(target=_run, args=([str(word) for word in words], log, die_at))
    process.start()
    return process


def _run(words: list[str], log: Path, die_at: int) -> None:
    put_streams([os.devnull, str(log), str(log)])
    from seqcnn.cli.main import run
    from seqcnn.training import keeping

    keeping.MOST_TIME = 1e9  # type: ignore[misc]
    counts = [0]
    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, _counted(getattr(os, name), counts, die_at))
    code = run(words)
    log.with_suffix(".operations").write_text(str(counts[0]))
    sys.stdout.flush()
    os._exit(code)


def _counted(operation: Callable[..., Any], counts: list[int], die_at: int) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        counts[0] += 1
        if counts[0] == die_at:
            os._exit(DIED)
        return operation(*arguments, **named)

    return call


def finish(words: Sequence[object], log: Path, *, die_at: int = 0) -> int:
    """Run a command to its end; return its exit status."""
    process = start(words, log, die_at=die_at)
    process.join()
    code = process.exitcode
    process.close()
    assert code is not None
    return code


def kill_after(words: Sequence[object], log: Path, seconds: float) -> bool:
    """Start a command and kill it; return whether it had ended before."""
    process = start(words, log)
    began = time.monotonic()
    process.join(seconds)
    process.kill()
    process.join()
    ended = process.exitcode is not None and process.exitcode >= 0
    assert not ended or process.exitcode == 0, log.read_text()
    process.close()
    assert ended or time.monotonic() - began >= seconds
    return ended

"""What a process does that is told to stop in the midst of something that must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""Those by which a person or a batch system asks a process to stop."""


@contextmanager
def listening(hear: Callable[[int], None], *, once: bool = False) -> Iterator[None]:
    """Have signals noted, instead of what else they would do.

    Does nothing in a thread other than the main one, which signals do not interrupt.

    Parameters
    ----------
    hear : callable
        Called with the number of each signal, unless the process ignores it.
    once : bool
        The second signal is for whoever listened before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    def on_signal(number: int, frame: FrameType | None) -> None:
        if once:
            restore()
        hear(number)

    def restore() -> None:
        for number in heard:
            signal.signal(number, before[number])

    for number in heard:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()


@contextmanager
def held() -> Iterator[None]:
    """Hold signals until the end of something short; the first that came is then raised."""
    came: list[int] = []
    try:
        with listening(came.append):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])

"""What a process does that is told to stop in the midst of something that must not be left half done."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""Those by which a person or a batch system asks a process to stop."""

PATIENCE: Final = 3.0
"""Seconds after the first signal from which another one does not wait for the end of what is short otherwise."""


def listen() -> None:
    """Have signals end the process in an orderly way, with its temporary files removed.

    Others within :data:`PATIENCE` are passed over: batch systems and hasty people send several.
    """
    told: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if told and time.monotonic() - told[-1] < PATIENCE:
            return  # one that came while files are removed would leave some
        told.append(time.monotonic())
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup ignores it
        signal.signal(signal.SIGHUP, stop)  # the connection to the machine is lost
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a job in the background ignores it
        signal.signal(signal.SIGINT, stop)


@contextmanager
def listening(hear: Callable[[int], bool]) -> Iterator[None]:
    """Have signals noted, instead of what else they would do.

    Does nothing in a thread other than the main one, which signals do not interrupt.

    Parameters
    ----------
    hear : callable
        Called with the number of each signal, unless the process ignores it. False if it is for whoever listened
        before, as all that come later then are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with ExitStack() as stack:  # what is given back is, should a signal end the giving back of another

        def on_signal(number: int, frame: FrameType | None) -> None:
            if not hear(number):
                stack.close()
                signal.raise_signal(number)

        for number in SIGNALS:
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):
                stack.callback(signal.signal, number, before)
                signal.signal(number, on_signal)
        yield


@contextmanager
def held() -> Iterator[None]:
    """Hold signals until the end of something short; the first that came is then raised."""
    came: list[tuple[int, float]] = []

    def hear(number: int) -> bool:
        came.append((number, time.monotonic()))
        return came[-1][1] - came[0][1] <= PATIENCE

    try:
        with listening(hear):
            yield
    finally:
        if came:
            signal.raise_signal(came[0][0])

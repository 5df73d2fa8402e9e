"""How signals end a process."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from seqcnn import signals


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_several_in_a_row_count_once(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    signals.listen()

    def send() -> None:
        signal.raise_signal(number)

    ends: type[BaseException] = KeyboardInterrupt if number == signal.SIGINT else SystemExit
    with pytest.raises(ends):
        send()
    send()  # while files are removed
    now[0] += signals.PATIENCE + 0.1
    with pytest.raises(ends):
        send()  # who waits for long is heard again


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_job_in_the_background_stays_deaf(number: signal.Signals) -> None:
    """To Ctrl-C (&), and to the end of the connection (nohup)."""
    signal.signal(number, signal.SIG_IGN)
    signals.listen()
    assert signal.getsignal(number) is signal.SIG_IGN

"""Files that are safe on the disk, and what is left of those that never were whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from seqcnn.errors import OutputError
from seqcnn.formats.output import atomic_path, remove_former, remove_unfinished, sync


def test_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    (tmp_path / "a").write_text("x")
    sync(tmp_path / "a")
    sync(tmp_path)
    assert len(synced) == 2
    for handle in synced:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handle)


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EIO, "input/output error"), (errno.ENOSPC, "no space left on the device")]
)
def test_sync_that_fails(number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(number, "")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=rf"{tmp_path}: cannot write \({said}\)"):
        sync(tmp_path)


def test_sync_where_a_file_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EINVAL, "")

    monkeypatch.setattr(os, "fsync", fail)
    sync(tmp_path)


def test_sync_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing: cannot write"):
        sync(tmp_path / "missing")


def test_what_an_earlier_run_left(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.svg", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.png").mkdir()
    remove_former(tmp_path, ["*.png", "*.pdf"], [tmp_path / "a.png", "other.png"])
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "c.svg", "notes.txt", "folder.png"}
    remove_former(tmp_path / "missing", ["*"], [])


def test_what_a_killed_process_has_begun(tmp_path: Path) -> None:
    """Under the name that is really given, and nothing else that looks like it."""
    with atomic_path(tmp_path / "a.txt") as temporary:
        name = temporary.name
    others = {"a.txt", ".a.txt.short", ".a.txt.longer_than_that", ".b.txt" + name[6:], "b" + name}
    for each in {name, *others}:
        (tmp_path / each).write_text("")
    remove_unfinished(tmp_path / "a.txt")
    assert {path.name for path in tmp_path.iterdir()} == others
    remove_unfinished(tmp_path / "missing" / "a.txt")


def test_an_interrupt_right_after_a_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.close

    def interrupted(handle: int) -> None:
        real(handle)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "close", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "x"):
        pytest.fail("it went on")
    assert list(tmp_path.iterdir()) == []

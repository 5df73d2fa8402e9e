"""Writing so that a file is either whole under its name or not there."""

from __future__ import annotations

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from seqcnn.errors import OutputError


def check_output(
    path: str | PathLike[str],
    *,
    force: bool,
    directory: bool = False,
    inputs: Iterable[str | PathLike[str] | None] = (),
) -> Path:
    """Refuse an output that exists (without `force`) or cannot be created, before any work is done.

    Parameters
    ----------
    path : str or path
        The file, or with `directory` the folder, that is to be written.
    force : bool
        An existing output may be replaced.
    directory : bool
        The output is a folder: it is created here; a non-empty one counts as existing.
    inputs : iterable of str, path or None
        Files that are read, which are not replaced even with `force`.

    Raises
    ------
    OutputError
    """
    if str(path) == "-":
        raise OutputError("this output cannot go to a stream (-); name a file, or a folder where one is made")
    path = Path(path)
    if _is_stream(path) and not directory:
        return path
    if directory:
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path}: is a file, but a folder is to be written; choose another --output")
        if path.is_dir() and any(path.iterdir()) and not force:
            raise OutputError(f"{path}: output folder exists and is not empty; use --force to write into it")
    elif path.is_dir():
        raise OutputError(f"{path}: is a folder, but a file is to be written; choose another --output")
    elif path.exists() and not force:
        raise OutputError(f"{path}: output exists; use --force to replace it")
    elif path.exists() and any(each is not None and os.path.exists(each) and path.samefile(each) for each in inputs):
        raise OutputError(f"{path}: is an input, and would be lost; choose another --output")
    folder = path if directory else path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder}: cannot write here ({describe(error)}); choose another --output") from error
    return path


@contextmanager
def atomic_path(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary name in the same folder that becomes `path` when the block ends without an error.

    A pipe or a device, such as /dev/stdout, is given as it is: it cannot be replaced. A link is followed.

    Raises
    ------
    OutputError
        If the file cannot be written (no space, no permission).
    """
    path = Path(path)
    if _is_stream(path):
        yield path
        return
    path = Path(os.path.realpath(path))
    # The name is known before there is a file, so that no interrupt finds a file whose name is not known.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise OutputError(f"{path}: cannot write ({describe(error)})") from error
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG):
            raise OutputError(f"{path}: cannot write ({describe(error)})") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_former(folder: str | PathLike[str], names: Iterable[str], written: Iterable[str | PathLike[str]]) -> None:
    """Remove what an earlier run left in an output folder and this one did not write again.

    Parameters
    ----------
    folder : str or path
        It need not be there.
    names : iterable of str
        Patterns of the names that such a run gives; nothing else is touched.
    written : iterable of str or path
        What this run has written, names or paths.
    """
    kept = {Path(path).name for path in written}
    for pattern in names:
        for path in Path(folder).glob(pattern):
            if path.is_file() and path.name not in kept:
                path.unlink()


def sync(path: str | PathLike[str]) -> None:
    """Wait until a file, or the names in a folder, are on the disk; file systems that cannot tell are believed."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"{path}: cannot write ({describe(error)})") from error
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise OutputError(f"{path}: cannot write ({describe(error)})") from error
    finally:
        os.close(handle)


def remove_unfinished(path: str | PathLike[str]) -> None:
    """Remove what :func:`atomic_path` began for this path in processes that were killed."""
    path = Path(os.path.realpath(path))
    name = re.compile(re.escape(f".{path.name}.") + "[a-z0-9_]{8}")
    if path.parent.is_dir():
        for other in path.parent.iterdir():
            if name.fullmatch(other.name):
                other.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def describe(error: OSError) -> str:
    """Return the plain words of an operating-system error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the device"
    return os.strerror(error.errno).lower() if error.errno else str(error)

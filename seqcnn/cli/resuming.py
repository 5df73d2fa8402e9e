"""A run folder that may hold an unfinished run: what can be gone on with, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seqcnn import processes
from seqcnn.cli.record import plain
from seqcnn.errors import OutputError, UsageError
from seqcnn.formats.output import check_output, remove_unfinished, sync
from seqcnn.models.modelfile import FILE_NAME as MODEL
from seqcnn.training import checkpoint, held_out
from seqcnn.training.fingerprint import say_differences
from seqcnn.training.keeping import Keeper, find, place

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.cli.record import Record
    from seqcnn.cli.watch import Watch
    from seqcnn.training.fit import Fit

RECORD: Final = "run.json"
"""Written last: a run whose folder holds it, and no checkpoint, is finished."""

BEFORE_IT: Final = frozenset({MODEL, "history.tsv", "metrics.json", held_out.FILE_NAME})
"""Files that a run writes before its record."""

_WITHOUT_EFFECT: Final = frozenset(
    {"at_once", "checkpoint_seconds", "device", "lost_after", "output", "quiet", "resume", "threads", "verbose"}
)
"""Options that do not change what a run becomes, but for the last bits."""


def open_run(
    output: str, *, force: bool, resume: bool, record: Record, report: Reporter, marks: Sequence[str] = ()
) -> Path | None:
    """Make or check the folder of a run.

    Parameters
    ----------
    output : str
    force : bool
        Begin anew, whatever is there.
    resume : bool
        Go on with what is there; begin if there is nothing.
    record : Record
        Of the run that is to be done.
    report : Reporter
    marks : sequence of str
        Files that, like checkpoints, only an unfinished run leaves.

    Returns
    -------
    Path or None
        None if there is nothing left to do.

    Raises
    ------
    OutputError, UsageError
    """
    if force and resume:
        raise UsageError("--resume goes on with a run and --force begins it anew; say one of them")
    folder = Path(output)
    unfinished = bool(find(folder / checkpoint.FILE_NAME)) or any((folder / name).exists() for name in marks)
    if unfinished and not force and not resume:
        raise OutputError(f"{folder}: holds an unfinished run; go on with --resume, or begin anew with --force")
    if resume and folder.is_dir() and not unfinished and not _only_begun(folder):
        _check_finished(folder, record)
        report.say(f"{folder}/ holds this run, finished; there is nothing left to do")
        return None
    folder = check_output(output, force=force or resume, directory=True)
    if resume:
        for name in (*BEFORE_IT, RECORD):
            remove_unfinished(folder / name)
        if not unfinished:
            report.say(f"{folder}/ holds no checkpoint; training begins")
    return folder


def _only_begun(folder: Path) -> bool:
    """Say whether a folder holds nothing but what a run leaves that was killed before its first checkpoint."""
    return all(path.name in BEFORE_IT or _is_unfinished(path) for path in folder.iterdir())


def _is_unfinished(path: Path) -> bool:
    known = (*BEFORE_IT, RECORD, checkpoint.FILE_NAME)
    return any(path.name.startswith(f".{name}.") for name in known)


def _check_finished(folder: Path, record: Record) -> None:
    """Refuse a folder that does not hold the finished run that is asked for."""
    try:
        before = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        options, inputs = dict(before["options"]), [each["sha256"] for each in before["inputs"]]
    except (OSError, ValueError, KeyError, TypeError):
        options = None
    if options is None or not (folder / MODEL).is_file():
        raise OutputError(
            f"{folder}: holds files, but no run to go on with; choose another --output, or use --force to write into it"
        )
    ours: Mapping[str, Any] = json.loads(json.dumps(plain(record.content["options"])))
    names = [name for name in ours if name in options and name not in _WITHOUT_EFFECT]
    differ = [(name, options[name], ours[name]) for name in names if options[name] != ours[name]]
    if record.content["command"] != before.get("command"):
        differ.insert(0, ("command", before.get("command"), record.content["command"]))
    if inputs != [each["sha256"] for each in record.inputs()]:
        differ.append(("input files", None, None))
    if differ:
        raise UsageError(
            f"{folder}: holds another run, finished ({say_differences(differ)}); choose another --output, or use "
            "--force to replace it"
        )


def keep(
    folder: Path, given: Mapping[str, Any], report: Reporter, watch: Watch, record: Record, also: Mapping[str, Any]
) -> Keeper:
    """Return what keeps the fits of a run, and says so.

    Parameters
    ----------
    folder : Path
        From :func:`open_run`.
    given : mapping
        Options; "resume" and "checkpoint_seconds" of them.
    report : Reporter
    watch : Watch
        Goes on from the same epoch.
    record : Record
    also : mapping
        What the run depends on beside its fits, see :func:`seqcnn.training.fingerprint.fingerprint`.
    """
    keeper = Keeper(
        folder / checkpoint.FILE_NAME, seconds=given["checkpoint_seconds"], resume=given["resume"], also=also
    )

    def on_resume(fit: Fit, name: str) -> None:
        where = place(fit)
        watch.epoch = fit.epoch
        report.say(f"{name}{': ' * bool(name)}goes on {where}")
        record.content.setdefault("resumed", []).append(f"{name} {where}".strip())

    keeper.on_resume, keeper.warn = on_resume, report.say
    if not given["resume"]:
        keeper.remove()
    return keeper


def finish(folder: Path, keeper: Keeper) -> None:
    """Remove the checkpoints of a run whose files are whole, once these are safe on the disk."""
    if processes.place().leads and find(keeper.path):
        for path in (*folder.iterdir(), folder):
            if path.is_file() or path == folder:
                sync(path)
        keeper.remove()

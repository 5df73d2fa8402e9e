"""The folder that a command which trains writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqcnn.cli.record import Record, write_json
from seqcnn.formats.output import atomic_path
from seqcnn.models.modelfile import FILE_NAME, Model, save
from seqcnn.processes import place
from seqcnn.training import held_out as held_out_file
from seqcnn.training.held_out import HeldOut
from seqcnn.training.history import History

COLUMNS = ("epoch", "member", "training_loss", "validation_loss", "validation_score", "seconds", "sequences_per_second")


def write_run(
    folder: Path,
    model: Model,
    histories: Sequence[History],
    metrics: Mapping[str, Any],
    held_out: Sequence[HeldOut],
    record: Record,
) -> None:
    """Write model, history, metrics, scores of what was held out and record; the model first, which is worth most.

    One of several processes does.

    Parameters
    ----------
    folder : Path
    model : Model
    histories : sequence of History
        One; or one a fold, which then has a column.
    metrics : mapping
    held_out : sequence of HeldOut
    record : Record
    """
    if not place().leads:
        return
    save(model, folder / FILE_NAME)
    several = len(histories) > 1
    lines = ["\t".join(("fold", *COLUMNS) if several else COLUMNS)]
    for fold, history in enumerate(histories, 1):
        lines += [f"{fold}\t{line}" if several else line for line in _lines(history)]
    with atomic_path(folder / "history.tsv") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(metrics, folder / "metrics.json")
    held_out_file.write(held_out, folder / held_out_file.FILE_NAME, model.target_names, model.task)
    write_json(record.finish(), folder / "run.json")


def _lines(history: History) -> list[str]:
    lines = []
    for epoch in history.epochs:
        columns = zip(epoch.training_loss, epoch.validation_loss, epoch.validation_score, strict=True)
        for member, values in enumerate(columns, 1):
            cells = [*(f"{value:.6g}" for value in values), f"{epoch.seconds:.3f}", f"{epoch.sequences_per_second:.0f}"]
            lines.append("\t".join([str(epoch.number), str(member), *cells]))
    return lines

"""What design writes: FASTA, the table of edits, the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcnn.cli.streams import opened, write_text
from seqcnn.errors import UsageError
from seqcnn.formats.output import check_output
from seqcnn.interpret.design.goals import Objective
from seqcnn.interpret.design.rules import IS_GC
from seqcnn.interpret.design.run import Designed
from seqcnn.sequence.alphabet import decode

PICTURES = (".png", ".svg", ".pdf")


def check_outputs(output: str, trajectory: str | None, picture: str | None, *, force: bool) -> None:
    """Refuse files that exist, or are named twice, and pictures of no known format.

    Raises
    ------
    OutputError, UsageError
    """
    if picture is not None and not picture.endswith(PICTURES):
        raise UsageError(f"--picture {picture}: the name must end in {', '.join(PICTURES)}")
    paths = [path for path in (output, trajectory, picture) if path is not None]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"{path} is named for two outputs")
        if path != "-":
            check_output(path, force=force)


def write_outputs(
    designed: Sequence[Designed],
    objective: Objective,
    alphabet: str,
    output: str,
    trajectory: str | None,
    picture: str | None,
) -> None:
    """Write all that is asked for.

    Parameters
    ----------
    designed : sequence of Designed
    objective : Objective
    alphabet : {"dna", "rna"}
    output : str
        FASTA; the header has name, scores, edits and GC content.
    trajectory, picture : str or None
    """
    names = [term.name for term in objective.terms]
    with opened(output) as out:
        for each in designed:
            scores = " ".join(f"{name}={value:.6g}" for name, value in zip(names, each.path.last_scores, strict=True))
            gc = IS_GC[each.codes].mean()
            write_text(out, f">{each.name} {scores} edits={each.n_edits} gc={gc:.3g}\n{decode(each.codes, alphabet)}\n")
    if trajectory is not None:
        with opened(trajectory) as out:
            write_text(out, "\t".join(["sequence", "step", "position", "ref", "alt", *names]) + "\n")
            for each in designed:
                write_text(out, _rows(each, alphabet))
    if picture is not None:
        _draw(designed, names, alphabet, picture)


def _rows(each: Designed, alphabet: str) -> str:
    """Return a line for the sequence as it was, and one for each edit."""
    rows = [[each.name, "0", ".", ".", ".", *(f"{score:.6g}" for score in each.path.scores)]]
    for number, step in enumerate(each.path.steps, 1):
        letters = list(decode(np.array([step.reference, step.alternate], dtype=np.uint8), alphabet))
        scores = [f"{score:.6g}" for score in step.scores]
        rows.append([each.name, str(number), str(step.position), *letters, *scores])
    return "".join("\t".join(row) + "\n" for row in rows)


def _draw(designed: Sequence[Designed], names: Sequence[str], alphabet: str, picture: str) -> None:
    from seqcnn.report import design_picture
    from seqcnn.report.mutation_map import save

    drawn = [
        design_picture.Drawn(
            each.name,
            decode(each.codes, alphabet),
            each.codes != each.start,
            np.stack([each.path.scores, *(step.scores for step in each.path.steps)]),
        )
        for each in designed
    ]
    save(design_picture.draw(drawn, names), picture)

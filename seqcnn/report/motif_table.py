"""The tables of found motifs: motifs.tsv, matches.tsv and structures.tsv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from seqcnn.interpret.comparison import Match
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.sequence.contexts import CONTEXTS, consensus

COLUMNS: Final = (
    *("name", "source", "status", "consensus", "width", "information", "n_sites"),
    *("in_positives", "in_negatives", "auroc", "central_p", "central_width"),
    *("effect", "silenced_score", "silenced_auroc", "inserted_score"),
    *("match", "match_name", "p_value", "e_value", "q_value", "offset", "strand"),
)

MATCH_COLUMNS: Final = (
    *("motif", "match", "match_name", "p_value", "e_value", "q_value", "offset", "overlap", "strand"),
    *("consensus", "match_consensus"),
)


def motif_lines(found: Sequence[FoundMotif]) -> Iterator[str]:
    """Yield the header, and a line for each motif; a cell is empty where there is nothing to say.

    Where RNA has structures there is one more column: the context that most sites have at each position.
    """
    structured = any(each.contexts is not None for each in found)
    yield "\t".join([*COLUMNS, *["structure"] * structured])
    for each in found:
        measured, motif = each.measures, each.motif
        there = measured.n_sites > 0
        yield "\t".join(
            [
                each.name,
                each.source,
                each.status,
                motif.consensus() if there else "",
                str(motif.width),
                _number(float(motif.information(motif.background).sum()) if there else None),
                str(measured.n_sites),
                _number(measured.in_positives),
                _number(measured.in_negatives),
                _number(measured.auroc),
                _number(measured.central_p),
                "" if measured.central_width is None else str(measured.central_width),
                _number(each.effect if each.kept else None),
                _number(measured.silenced_score),
                _number(measured.silenced_auroc),
                _number(measured.inserted_score),
                *(_match(each.matches[0]) if each.matches else [""] * 7),
                *([consensus(each.contexts) if there and each.contexts is not None else ""] * structured),
            ]
        )


def structure_lines(found: Sequence[FoundMotif]) -> Iterator[str]:
    """Yield the header, and for each motif that has sites a line for each position, from 1: shares of contexts."""
    yield "\t".join(["motif", "position", *CONTEXTS])
    for each in found:
        if each.contexts is not None and each.measures.n_sites:
            for position, shares in enumerate(each.contexts.T.tolist(), start=1):
                yield "\t".join([each.name, str(position), *(f"{share:.4g}" for share in shares)])


def _match(match: Match) -> list[str]:
    """Return the cells of a motif's best match."""
    values = [f"{value:.4g}" for value in (match.p, match.e, match.q)]
    return [match.target.name, match.target.alternate, *values, str(match.offset), match.strand]


def match_lines(found: Sequence[FoundMotif]) -> Iterator[str]:
    """Yield the header, and a line for each match of each motif, its consensus on the strand that matches."""
    yield "\t".join(MATCH_COLUMNS)
    for each in found:
        for match in each.matches:
            target = match.oriented()
            yield "\t".join(
                [
                    each.name,
                    target.name,
                    target.alternate,
                    *(f"{value:.6g}" for value in (match.p, match.e, match.q)),
                    str(match.offset),
                    str(match.overlap),
                    match.strand,
                    each.motif.consensus(),
                    target.consensus(),
                ]
            )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"

"""Find known motifs that are like others, with exact p-values (Tomtom)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.formats.motif import Motif
    from seqcnn.interpret.comparison import Match

COLUMNS = (
    "query",
    "query_name",
    "target",
    "target_name",
    "p_value",
    "e_value",
    "q_value",
    "offset",
    "overlap",
    "strand",
    "query_consensus",
    "target_consensus",
)


@click.command(
    epilog="""\b
Examples:
  seqcnn compare motifs.meme JASPAR2024_CORE.jaspar
  seqcnn compare motifs.meme HOCOMOCO.meme.gz --top 1 -o names.tsv
  seqcnn compare rna.meme database_in_dna_letters.meme --alphabet rna"""
)
@click.argument("query")
@options.inputs("targets", "TARGETS...")
@options.option("-o", "--output", default="-", metavar="PATH", help="TSV file to write; - is standard output.")
@options.option("--force", is_flag=True, help="Replace an output that exists.")
@options.option(
    "--score",
    type=click.Choice(["euclidean", "pearson"]),
    default="euclidean",
    help="How two columns are compared: by distance or by correlation.",
)
@options.option(
    "--q-value",
    type=click.FloatRange(min=0, max=1),
    default=0.1,
    metavar="Q",
    help="Write matches with at most this q-value.",
)
@options.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Write at most so many matches of a query.",
    show_default="all",
)
@options.option(
    "--alphabet",
    type=click.Choice(["dna", "rna"]),
    help="Take all motifs for DNA (both strands are compared) or for RNA (one strand).",
    show_default="as the files say",
)
@options.messages()
def command(query: str, targets: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Compare each motif of QUERY with all motifs of TARGETS; MEME, JASPAR, TRANSFAC or HOMER files, also gzipped.

    A line for each match, the best first: p-value of the best alignment (never outside 0 to 1, exact given the
    database's columns), E-value, q-value (Benjamini-Hochberg over the matches of a query), the target column that the
    query begins on (negative: before it), columns that overlap, strand of the target, and both consensus sequences, the
    target's on that strand.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.formats.motif_files import read_motifs
    from seqcnn.formats.output import atomic_path, check_output
    from seqcnn.interpret.comparison import FEW_TARGETS, Database

    report = options_given.reporter(given)
    if output != "-":
        check_output(output, force=force)
    queries = _of_alphabet(read_motifs(query), given["alphabet"])
    known = _of_alphabet([motif for path in targets for motif in read_motifs(path)], given["alphabet"])
    _check_alphabets({query: queries, targets[0]: known})
    if len(known) < FEW_TARGETS:
        report.say(f"only {len(known)} targets: p-values are rough, because they rest on the targets' columns")
    database = Database(known, score=given["score"])
    rows, alone = ["\t".join(COLUMNS)], []
    for motif in queries:
        matches = database.best(motif, q=given["q_value"], limit=given["top"])
        rows += _rows(motif, matches)
        if not matches:
            alone.append(motif.shown_name())
    text = "\n".join(rows) + "\n"
    if output == "-":
        click.echo(text, nl=False)
    else:
        with atomic_path(output) as path:
            path.write_text(text, encoding="utf-8")
    if alone:
        report.say(f"{len(alone):,} of {len(queries):,} queries match nothing with a q-value of {given['q_value']:g}")
        report.detail(f"  {', '.join(alone)}")
    if output != "-":
        report.say(f"wrote {output}: {len(rows) - 1:,} matches of {len(queries):,} queries to {len(known):,} targets")


def _of_alphabet(motifs: list[Motif], alphabet: str | None) -> list[Motif]:
    from dataclasses import replace

    return motifs if alphabet is None else [replace(motif, alphabet=alphabet) for motif in motifs]


def _check_alphabets(by_file: dict[str, list[Motif]]) -> None:
    """Refuse DNA against RNA, which could not say whether the other strand counts."""
    from seqcnn.errors import UsageError

    found = {path: sorted({motif.alphabet.upper() for motif in motifs}) for path, motifs in by_file.items()}
    if len({name for names in found.values() for name in names}) > 1:
        said = " and ".join(f"{path} holds {' and '.join(names)}" for path, names in found.items())
        raise UsageError(f"{said} motifs; say with --alphabet what all are to be taken for")


def _rows(query: Motif, matches: list[Match]) -> Iterator[str]:
    for match in matches:
        target = match.oriented()
        yield "\t".join(
            [
                query.name,
                query.alternate,
                target.name,
                target.alternate,
                f"{match.p:.6g}",
                f"{match.e:.6g}",
                f"{match.q:.6g}",
                str(match.offset),
                str(match.overlap),
                match.strand,
                query.consensus(),
                target.consensus(),
            ]
        )

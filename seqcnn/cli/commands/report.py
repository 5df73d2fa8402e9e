"""Show runs as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from seqcnn.cli.console import Reporter


@click.command(
    epilog="""\b
Examples:
  seqcnn report run/ -o report.html
  seqcnn report run/ --motifs motifs/ --mutations mutations/ --evaluation other.json -o report.html
  seqcnn report run1/ run2/ run3/ -o compare.html

Give motifs -o RUN/motifs and mutate -o RUN/mutations, and the report of RUN finds them by itself."""
)
@options.inputs("runs", "RUN...")
@options.output("HTML file to write.")
@options.option(
    "--motifs", metavar="DIR", help="Folder that motifs has written.", show_default="RUN/motifs, if it is there"
)
@options.option(
    "--mutations", metavar="DIR", help="Folder that mutate has written.", show_default="RUN/mutations, if it is there"
)
@options.option(
    "--evaluation",
    multiple=True,
    metavar="FILE",
    help="JSON that evaluate has written; may be given again.",
    show_default="RUN/evaluation*.json, if there are such",
)
@options.option("--title", metavar="TEXT", help="Heading of the page.", show_default="the run folder's name")
@options.messages()
def command(runs: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Make one HTML page of RUN, a folder that train or calibrate has written, or compare several.

    The page holds everything it shows, and opens in any browser, on a phone, and on paper: what was trained on what,
    how good it is (curves with 95% intervals, scores, calibration), how it learned, motifs, mutation maps, trials, and
    what to be careful of. Several runs are set side by side; where they were tested on the same sequences, so are their
    differences.
    """
    from pathlib import Path

    from seqcnn.cli import given as options_given
    from seqcnn.errors import UsageError
    from seqcnn.formats.output import atomic_path, check_output
    from seqcnn.report.compare_page import MOST_RUNS, render_comparison
    from seqcnn.report.run_files import read_run

    report = options_given.reporter(given)
    if len(runs) > 1:
        for name in ("motifs", "mutations", "evaluation", "title"):
            if given[name]:
                raise UsageError(f"--{name} goes with one RUN, not with {len(runs)}")
    if len(runs) > MOST_RUNS:
        raise UsageError(f"{len(runs)} runs are too many for one page; give at most {MOST_RUNS}")
    check_output(output, force=force)
    read = [read_run(path) for path in runs]
    for run in read:
        for name in run.missing:
            report.say(f"{run.path}: no {name}; what it would show is left out")
    text = render_comparison(read) if len(read) > 1 else _one(read[0], given, report)
    with atomic_path(Path(output)) as path:
        path.write_text(text, encoding="utf-8")
    report.say(f"wrote {output}: {len(text.encode()) / 1e6:.2f} MB")


def _one(run: Any, given: dict[str, Any], report: Reporter) -> str:
    """Return the page of a run with all that is found of it."""
    from dataclasses import replace
    from pathlib import Path

    from seqcnn.report.motif_section import read_found
    from seqcnn.report.mutation_section import read_mutations
    from seqcnn.report.page import read_evaluation, render_report

    motifs = _folder(given["motifs"], run.path / "motifs", "motifs.tsv")
    mutations = _folder(given["mutations"], run.path / "mutations", "sequences.tsv")
    evaluations = [Path(path) for path in given["evaluation"]] or sorted(run.path.glob("evaluation*.json"))
    found = None if motifs is None else read_found(motifs)
    maps = None if mutations is None else read_mutations(mutations)
    if found is not None and found.n_kept > len(found.rows):
        report.say(f"{len(found.rows)} of {found.n_kept:,} motifs are shown, those with the largest effects")
    if maps is not None and maps.n > len(maps.maps):
        report.say(f"maps of {len(maps.maps)} of {maps.n:,} sequences are shown, those with the highest scores")
    run = run if given["title"] is None else replace(run, name=given["title"])
    return render_report(run, found, maps, [read_evaluation(path, run.task) for path in evaluations])


def _folder(said: str | None, usual: Path, file: str) -> Path | None:
    """Return the folder that was said, or the usual one if it holds the file."""
    from pathlib import Path

    if said is not None:
        return Path(said)
    return usual if (usual / file).is_file() else None

"""Draw sequence logos of motifs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from seqcnn.cli.console import Reporter
    from seqcnn.formats.motif import Motif
    from seqcnn.report.logos import LogoStyle


@click.command(
    epilog="""\b
Examples:
  seqcnn logo motifs.meme -o logos/
  seqcnn logo motifs.meme --motif filter_3 -o figure_2b.pdf --width 60 --height 25
  seqcnn logo JASPAR2024_CORE.jaspar -o all.pdf --scale probability"""
)
@options.inputs("motifs", "MOTIFS...")
@options.output("The picture (.png, .svg, .pdf), or the folder, to write.")
@options.option(
    "--scale",
    type=click.Choice(["information", "probability"]),
    default="information",
    help="What the height of a letter is: its share of the position's information, in bits, or its probability.",
)
@options.option("--motif", multiple=True, metavar="NAME", help="Draw this motif only; may be given again.")
@options.option("--reverse-complement", is_flag=True, help="Draw the other strand (one motif into one picture).")
@options.option(
    "--format",
    "formats",
    default="png",
    metavar="png,svg,pdf",
    callback=options.csv,
    help="Pictures to write into a folder.",
)
@options.option(
    "--width",
    type=click.FloatRange(min=25, max=1000),
    metavar="MM",
    help="Width of the picture of a motif, in mm.",
    show_default="5 mm a position, and the axis",
)
@options.option(
    "--height",
    type=click.FloatRange(min=18, max=500),
    default=30.0,
    metavar="MM",
    help="Height of the picture of a motif, in mm.",
)
@options.option("--dpi", type=click.IntRange(30, 1200), default=300, metavar="N", help="Dots per inch of PNG.")
@options.option("--alphabet", type=click.Choice(["dna", "rna"]), help="Write T or U.", show_default="as the files say")
@options.messages()
def command(motifs: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Draw the motifs of MEME, JASPAR, TRANSFAC or HOMER files, A green, C blue, G orange, T and U red.

    A picture file gets one motif or, of several, a sheet with each beside its reverse complement (RNA without). A
    folder gets NAME.png and NAME_rc.png of each motif, sheet.png and run.json. A PDF sheet has A4 pages.
    """
    from dataclasses import replace
    from pathlib import Path

    from seqcnn.cli import given as options_given
    from seqcnn.cli.record import Record, write_json
    from seqcnn.formats.motif_files import read_motifs
    from seqcnn.formats.output import check_output
    from seqcnn.report.logos import PICTURE_FORMATS, LogoStyle, save_logos

    report = options_given.reporter(given)
    is_picture = Path(output).suffix[1:].lower() in PICTURE_FORMATS and not Path(output).is_dir()
    formats = _formats(given["formats"], PICTURE_FORMATS)
    target = check_output(output, force=force, directory=not is_picture)
    record = Record("logo", {**given, "motifs": list(motifs)}, motifs)
    found = _chosen([motif for path in motifs for motif in read_motifs(path)], given["motif"], motifs[0])
    if given["alphabet"]:
        found = [replace(motif, alphabet=given["alphabet"]) for motif in found]
    style = LogoStyle(given["scale"], given["width"], given["height"], given["dpi"])
    if is_picture:
        _draw_picture(found, target, style, report, reverse=given["reverse_complement"])
        report.say(f"wrote {output}: {len(found):,} motif{'s' * (len(found) > 1)}")
        return
    if given["reverse_complement"]:
        raise click.UsageError("--reverse-complement is for a picture; a folder gets both strands")
    files = []
    with report.progress("drawing", unit="pictures") as progress:
        for path in save_logos(found, target, formats, style):
            files.append(path.name)
            progress.by(1)
    record.add(counts={"motifs": len(found), "pictures": len(files)})
    write_json(record.finish(), target / "run.json")
    report.say(f"wrote {output}: {len(files):,} pictures of {len(found):,} motifs; all together in {files[-1]}")


def _formats(wanted: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """Check the values of --format."""
    for name in wanted:
        if name not in known:
            raise click.UsageError(f"--format {name}: pictures are {', '.join(known)}")
    return tuple(dict.fromkeys(wanted))


def _chosen(found: list[Motif], names: tuple[str, ...], path: str) -> list[Motif]:
    """Return the motifs called so by name or alternate name, or all."""
    from seqcnn.errors import UsageError

    for name in names:
        if not any(name in (motif.name, motif.alternate) for motif in found):
            known = ", ".join(motif.shown_name() for motif in found[:3])
            raise UsageError(f"{path} has no motif {name!r}; it has {known}{', ...' * (len(found) > 3)}")
    return [motif for motif in found if not names or {motif.name, motif.alternate} & set(names)]


def _draw_picture(found: list[Motif], path: Path, style: LogoStyle, report: Reporter, *, reverse: bool) -> None:
    """Draw one motif, or a sheet of several."""
    from seqcnn.errors import UsageError
    from seqcnn.report.logos import MOST_ON_SHEET, save_logo, save_sheet

    if len(found) > 1:
        if reverse:
            raise UsageError("--reverse-complement is for one motif, and a sheet shows both strands; choose by --motif")
        if len(found) > MOST_ON_SHEET and path.suffix.lower() != ".pdf":
            raise UsageError(
                f"{len(found):,} motifs are too many for one picture ({MOST_ON_SHEET}); write a .pdf, which has pages"
            )
        n_logos = sum(2 if motif.alphabet == "dna" else 1 for motif in found)
        with report.progress("drawing", n_logos, "logos") as progress:
            save_sheet(found, path, style, after_each=progress.by)
    elif reverse:
        save_logo(found[0].reverse_complement(), path, style, note=" (reverse complement)")
    else:
        save_logo(found[0], path, style)

"""The folder that motifs are written to: table, motif files, sites, logos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.formats.motif_files import MOTIF_FORMATS, write_motifs
from seqcnn.formats.output import atomic_path, remove_former
from seqcnn.interpret.found_motifs import FoundMotif, PlacedSites, Sites
from seqcnn.report.motif_table import match_lines, motif_lines, structure_lines

PICTURE_FORMATS: Final = ("png", "svg", "pdf")


@dataclass(frozen=True, slots=True)
class MotifOutputs:
    """What is written beside motifs.tsv and sites.bed.

    Parameters
    ----------
    formats : sequence of str
        Motif files, of :data:`seqcnn.formats.motif_files.MOTIF_FORMATS`.
    logos : sequence of str
        Pictures, of :data:`PICTURE_FORMATS`; none for no logos.
    n_logos : int or None
        Motifs that are drawn, from the first on; None for all.
    """

    formats: Sequence[str] = MOTIF_FORMATS
    logos: Sequence[str] = ("png",)
    n_logos: int | None = 20

    def check(self) -> None:
        """Raise UsageError if there is no such format."""
        for kinds, known in ((self.formats, MOTIF_FORMATS), (self.logos, PICTURE_FORMATS)):
            for kind in kinds:
                if kind not in known:
                    raise UsageError(f"unknown format {kind!r}; there are: {', '.join(known)}")


def write_tables(found: Sequence[FoundMotif], folder: Path, outputs: MotifOutputs, *, matches: bool) -> list[str]:
    """Write the table of all motifs, matches, and the files of those that count; return the names of the files.

    Such files of an earlier run that are not written again go.
    """
    texts = {"motifs.tsv": motif_lines(found)}
    if matches:
        texts["matches.tsv"] = match_lines(found)
    if any(each.contexts is not None for each in found):
        texts["structures.tsv"] = structure_lines(found)
    for name, lines in texts.items():
        with atomic_path(folder / name) as path:
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    kept = [each.motif for each in found if each.kept]
    files = [f"motifs.{kind}" for kind in dict.fromkeys(outputs.formats)] if kept else []
    for name in files:
        write_motifs(kept, folder / name)
    former = ["matches.tsv", "structures.tsv", *(f"motifs.{kind}" for kind in MOTIF_FORMATS)]
    remove_former(folder, former, [*texts, *files])
    return [*texts, *files]


def draw_logos(found: Sequence[FoundMotif], folder: Path, outputs: MotifOutputs) -> Iterator[Path]:
    """Draw the motifs that count into logos/, both strands and a sheet; yield each file once it is there.

    Pictures of an earlier run go when all are drawn.
    """
    files = []
    chosen = [each for each in found if each.kept][: outputs.n_logos]
    drawn, contexts = [each.motif for each in chosen], [each.contexts for each in chosen]
    if drawn and outputs.logos:
        from seqcnn.report.logos import save_logos

        (folder / "logos").mkdir(exist_ok=True)
        for path in save_logos(drawn, folder / "logos", tuple(dict.fromkeys(outputs.logos)), contexts=contexts):
            files.append(path)
            yield path
    remove_former(folder / "logos", [f"*.{kind}" for kind in PICTURE_FORMATS], files)


POSITION_COLUMNS: Final = ("motif", "distance", "n_sites")


def write_sites(
    parts: Iterable[PlacedSites], found: Sequence[FoundMotif], path: Path, *, after_each: Callable[[int], object]
) -> int:
    """Write the sites of the motifs that count as BED6; return how many there are.

    Lines are in the order of the sequences, part by part, in a part motif by motif. They have chromosome and strand of
    the genome where a sequence's place is known, else the sequence's name and place in it. What hangs over a sequence's
    end is cut off. The score is that of the site: of a filter its activation. Beside it comes positions.tsv: for each
    motif how many sites lie at which distance from the centre of their sequence.
    """
    n = 0
    distances = [Counter[int]() for _ in found]
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for part in parts:
            for number, sites in part.sites:
                if found[number].kept and len(sites):
                    file.write(_bed_lines(found[number].name, sites, part))
                    distances[number].update(_distances(sites, part.lengths))
                    n += len(sites)
                    after_each(len(sites))
    with atomic_path(path.with_name("positions.tsv")) as temporary:
        lines = ["\t".join(POSITION_COLUMNS)]
        for each, counts in zip(found, distances, strict=True):
            lines += [f"{each.name}\t{distance}\t{count}" for distance, count in sorted(counts.items())]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return n


def _distances(sites: Sites, lengths: NDArray[np.int64]) -> dict[int, int]:
    """Count sites by the distance of their middle from that of their sequence, in bp, a half rounded down."""
    twice = 2 * sites.start + sites.width - lengths[sites.sequence]
    values, counts = np.unique(twice // 2, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _bed_lines(name: str, sites: Sites, part: PlacedSites) -> str:
    rows = sites.sequence
    start = np.maximum(sites.start, 0)
    end = np.minimum(sites.start + sites.width, part.lengths[rows])
    minus = sites.minus
    windows = part.windows
    chrom: Sequence[str]
    if windows is None:
        called = part.names.decode()
        chrom = [called[row] for row in rows.tolist()]
    else:
        called = part.names.decode()
        chrom = [str(windows.chrom[row]) or called[row] for row in rows.tolist()]
        known = windows.chrom[rows] != ""
        turned = np.zeros(len(rows), bool) if windows.strand is None else windows.strand[rows] == "-"
        first, last = windows.start[rows], windows.end[rows]
        start, end = (
            np.where(known, np.where(turned, last - end, first + start), start),
            np.where(known, np.where(turned, last - start, first + end), end),
        )
        start, end = np.maximum(start, 0), np.where(known, np.minimum(end, windows.last()[rows]), end)
        minus = minus != (turned & known)
    strand = np.where(minus, "-", "+").tolist()
    scores = [f"{score:.4g}" for score in sites.score.tolist()]
    rows_text = zip(chrom, start.tolist(), end.tolist(), scores, strand, strict=True)
    return "".join(f"{c}\t{a}\t{b}\t{name}\t{score}\t{s}\n" for c, a, b, score, s in rows_text)

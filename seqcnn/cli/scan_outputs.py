"""What a genome scan writes: a bigWig or bedGraph a track, or one BED of hits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np

from seqcnn.cli.streams import opened, write_text
from seqcnn.errors import UsageError
from seqcnn.formats.bigwig import BigWig, open_bigwig
from seqcnn.formats.genome import Genome
from seqcnn.formats.output import check_output
from seqcnn.formats.tracks import bed_lines, bedgraph_lines, known_runs
from seqcnn.interpret.genome_scan import Scanner, Scores, Track
from seqcnn.interpret.hits import HitFinder, Hits

RECORD: Final = "run.json"
KINDS: Final = {"bigwig": ".bw", "bedgraph": ".bedgraph", "bed": ".bed"}
_SUFFIXES: Final = {
    ".bw": "bigwig",
    ".bigwig": "bigwig",
    ".bedgraph": "bedgraph",
    ".bdg": "bedgraph",
    ".bg": "bedgraph",
}


class Output(Protocol):
    """Something that takes the scores as they come."""

    def add(self, scores: Scores) -> None: ...
    def finish(self) -> None: ...


def find_kind(output: str, kind: str | None) -> str:
    """Return what is written: as said, or by the name of the output.

    Raises
    ------
    UsageError
        If neither says it.
    """
    by_name = {**_SUFFIXES, ".bed": "bed"}.get(Path(output.lower().removesuffix(".gz")).suffix)
    found = kind or by_name
    if by_name is not None and found != by_name:
        raise UsageError(f"--output {output} is a name of {by_name}, but --to says {kind}")
    if found is None:
        raise UsageError(f"--output {output}: end it in .bw, .bedgraph or .bed, or say --to bigwig, bedgraph or bed")
    if output.lower().endswith(".gz") and found == "bigwig":
        raise UsageError(f"--output {output}: a bigWig file is not compressed as a whole; leave .gz out")
    if output == "-" and found == "bigwig":
        raise UsageError("--output -: a bigWig file cannot be written to a pipe; write bedGraph or BED")
    return found


def find_paths(output: str, kind: str, tracks: Sequence[Track], *, force: bool, inputs: Sequence[str]) -> list[Path]:
    """Return the file of each track, in a folder if there are several; or the one of all hits.

    Raises
    ------
    UsageError, OutputError
        If the output is a file, but several are needed; if it exists, or cannot be written.
    """
    if kind == "bed" or len(tracks) == 1 or output == "-":
        if output == "-" and kind != "bed" and len(tracks) > 1:
            raise UsageError(f"--output -: there are {len(tracks)} tracks; choose one with --targets, or name a folder")
        return [check_output(output, force=force, inputs=inputs) if output != "-" else Path("-")]
    if Path(output).suffix.lower() in _SUFFIXES:
        raise UsageError(
            f"--output {output}: there are {len(tracks)} tracks, a file each: name a folder and say --to {kind}, "
            "or choose one with --targets"
        )
    folder = check_output(output, force=force, directory=True)
    names = [re.sub(r"[^\w.+-]", "_", track.name) for track in tracks]
    if len(set(names)) < len(names):
        raise UsageError("two tracks would have a file of one name; choose targets with --targets")
    return [folder / f"{name}{KINDS[kind]}" for name in names]


def remove_former_tracks(folder: Path, paths: Sequence[Path]) -> None:
    """Remove the tracks that an earlier scan says it left in a folder, but for those just written."""
    try:
        before = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = [str(name) for name in before["files"]] if before["command"] == "scan" else []
    except (OSError, ValueError, KeyError, TypeError):
        return  # there was none
    for name in set(files) - {path.name for path in paths}:
        if Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


@contextmanager
def open_tracks(
    paths: Sequence[Path], kind: str, tracks: Sequence[Track], sizes: Mapping[str, int], step: int
) -> Iterator[Output]:
    """Open a bigWig or bedGraph for each track."""
    with ExitStack() as closing:
        if kind == "bigwig":
            writers = [closing.enter_context(open_bigwig(path, sizes, step)) for path in paths]
            yield _BigWigs(writers, tracks, step)
        else:
            files = [closing.enter_context(opened(str(path))) for path in paths]
            yield _BedGraphs(files, tracks, sizes, step)


class _BigWigs:
    def __init__(self, writers: Sequence[BigWig], tracks: Sequence[Track], step: int) -> None:
        self._writers, self._tracks, self._step = writers, tracks, step

    def add(self, scores: Scores) -> None:
        for writer, track, values in zip(self._writers, self._tracks, scores.values, strict=True):
            for a, b in known_runs(values):
                writer.add(scores.chrom, scores.start + a * self._step + track.centre, values[a:b])

    def finish(self) -> None:
        """Do nothing: a file is finished when it is closed."""


class _BedGraphs:
    def __init__(self, files: Sequence[BinaryIO], tracks: Sequence[Track], sizes: Mapping[str, int], step: int) -> None:
        self._files, self._tracks, self._sizes, self._step = files, tracks, sizes, step

    def add(self, scores: Scores) -> None:
        for file, track, values in zip(self._files, self._tracks, scores.values, strict=True):
            start, size = scores.start + track.centre, self._sizes[scores.chrom]
            write_text(file, bedgraph_lines(scores.chrom, start, values, self._step, size))

    def finish(self) -> None:
        """Do nothing: every line is written."""


@contextmanager
def open_hits(
    path: Path, scanner: Scanner, genome: Genome, thresholds: Sequence[float], *, overlaps: bool, most: int | None
) -> Iterator[HitsOutput]:
    """Open a BED file of the hits of all tracks; `most` keeps that many of each, the best."""
    with opened(str(path)) as file:
        yield HitsOutput(file, scanner, genome, thresholds, overlaps=overlaps, most=most)


class HitsOutput:
    """Writes hits in the order of their places: as they are found, or at the end the best of each track."""

    def __init__(
        self,
        file: BinaryIO,
        scanner: Scanner,
        genome: Genome,
        thresholds: Sequence[float],
        *,
        overlaps: bool,
        most: int | None,
    ) -> None:
        self._file, self._scanner, self._genome, self._most = file, scanner, genome, most
        self._finders = [
            HitFinder(track.length, scanner.step, threshold, overlaps=overlaps)
            for track, threshold in zip(scanner.tracks, thresholds, strict=True)
        ]
        self._waiting: list[tuple[int, Hits]] = []
        self._chrom = ""
        self.counts = [0] * len(self._finders)

    def add(self, scores: Scores) -> None:
        """Take scores; write the hits of the chromosomes before."""
        if scores.chrom != self._chrom and self._most is None:
            self._end_chromosome()
        self._chrom = scores.chrom
        for i, (finder, values) in enumerate(zip(self._finders, scores.values, strict=True)):
            self._waiting += [(i, hits) for hits in finder.add(scores.chrom, scores.start, values)]

    def finish(self) -> None:
        """Write the hits that are left."""
        self._end_chromosome()

    def _end_chromosome(self) -> None:
        for i, finder in enumerate(self._finders):
            self._waiting += [(i, hits) for hits in finder.finish()]
        waiting, self._waiting = self._waiting, []
        if self._most is not None:
            waiting = self._best(waiting, self._most)
        for chrom in dict.fromkeys(hits.chrom for _, hits in waiting):
            rows = []
            for i in sorted({i for i, hits in waiting if hits.chrom == chrom}):
                rows += self._lines(i, chrom, [hits for j, hits in waiting if j == i and hits.chrom == chrom])
            write_text(self._file, "".join(line for _, line in sorted(rows, key=lambda row: row[0])))

    def _best(self, found: Sequence[tuple[int, Hits]], n: int) -> list[tuple[int, Hits]]:
        kept = []
        for i in range(len(self._finders)):
            own = [hits for j, hits in found if j == i]
            if not own:
                continue
            order = np.argsort(-np.concatenate([hits.score for hits in own]), kind="stable")[:n]
            best = np.zeros(sum(len(hits.score) for hits in own), dtype=np.bool_)
            best[order] = True
            at = 0
            for hits in own:
                rows = np.flatnonzero(best[at : at + len(hits.score)])
                at += len(hits.score)
                if len(rows):
                    kept.append((i, Hits(hits.chrom, hits.start[rows], hits.score[rows])))
        order_of = {chrom: k for k, chrom in enumerate(self._genome.chroms)}
        return sorted(kept, key=lambda item: order_of[item[1].chrom])

    def _lines(self, track: int, chrom: str, found: Sequence[Hits]) -> list[tuple[int, str]]:
        """Return the hits of a track on a chromosome, with their strands, as starts and lines."""
        start, score = np.concatenate([h.start for h in found]), np.concatenate([h.score for h in found])
        about = self._scanner.tracks[track]
        names = np.full(len(start), chrom, dtype=object)
        windows = self._genome.extract(names, start, start + about.length)
        text = bed_lines(chrom, start, about.length, about.name, score, self._scanner.strands(track, windows))
        self.counts[track] += len(start)
        return list(zip(start.tolist(), text.splitlines(keepends=True), strict=True))

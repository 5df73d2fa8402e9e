"""Score every position of a genome: bigWig, bedGraph, or BED of hits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.cli.scan_outputs import Output
    from seqcnn.formats.genome import Genome
    from seqcnn.interpret.base_scan import BaseScanner
    from seqcnn.interpret.genome_scan import Range, Scanner
    from seqcnn.interpret.thresholds import Threshold
    from seqcnn.models.modelfile import Model


@click.command(
    epilog="""\b
Examples:
  seqcnn scan run/ hg38.fa -o scores.bw
  seqcnn scan run/ hg38.fa --chroms chr21,chr22 --step 10 -o scores.bedgraph
  seqcnn scan ctcf.safetensors hg38.fa --threshold top=10000 -o hits.bed
  seqcnn scan deepbind.safetensors sacCer3.fa --to bigwig -o tracks/
  seqcnn scan run/ hg38.fa --shard 3/20 -o part3.bw"""
)
@click.argument("arguments", nargs=-1, required=True, metavar="MODEL... GENOME")
@options.output("File to write: .bw, .bedgraph or .bed; a folder for the tracks of several targets; - with --to.")
@options.option(
    "--to",
    "kind",
    type=click.Choice(["bigwig", "bedgraph", "bed"]),
    help="What to write: scores (bigwig, bedgraph), or hits (bed).",
    show_default="by the output's name",
)
@options.option(
    "--length",
    type=click.IntRange(min=1),
    metavar="BP",
    help="Length of the windows in bp, for models that score sequences whole.",
    show_default="as in training",
)
@options.rule("Score windows of --length whole, or windows of the detectors' length.")
@options.option("--targets", metavar="NAME,...", callback=options.csv, help="Targets to scan for.", show_default="all")
@options.option(
    "--step",
    type=click.IntRange(1, 10**9),
    default=1,
    metavar="BP",
    help="Distance from one window to the next, in bp.",
)
@options.option(
    "--per-base",
    is_flag=True,
    help="Score every base by itself, with models that do (unet): a track of the probability that it is bound.",
)
@options.option("--chroms", metavar="CHROM,...", callback=options.csv, help="Chromosomes to scan.", show_default="all")
@options.option("--soft-mask", is_flag=True, help="Read lower case as N.")
@options.option(
    "--shard", metavar="I/N", callback=options.shard, help="Scan the I-th of N equal parts.", show_default="all of it"
)
@options.option(
    "--threshold",
    metavar="T",
    help="Hits: a score; p=P, what the share P of null windows reaches; or top=N, the N best of each target.",
    show_default="p=1e-4",
)
@options.option(
    "--null",
    type=click.Choice(["dinucleotide", "genome"]),
    help="Null windows of p=P: of shuffled stretches, or all of the genome, which is scanned twice.",
    show_default="dinucleotide",
)
@options.option("--overlaps", is_flag=True, help="Report overlapping hits too, not only the best of them.")
@options.seed()
@options.machine()
@options.messages()
def command(arguments: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Score every window of GENOME (FASTA) with one MODEL or several, in one pass and constant memory.

    A track has a window's score at its middle base (with --step, on the bases from there on). Windows are of the
    detectors' length for models that score so (predict --rule), else as long as in training, or --length; both strands
    count where the model reads both. Windows of N alone have no score. Several targets or models give a file each.

    With --per-base a track has each base's own value, which its surroundings decide as far as the network sees; N has
    none.

    Hits are BED6 lines of windows: name of the target, score as it is, and the strand that scores better. Of
    overlapping hits the best is kept.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli import scan_outputs
    from seqcnn.cli.idle import refuse_idle
    from seqcnn.errors import UsageError
    from seqcnn.formats.genome import Genome
    from seqcnn.interpret.genome_scan import Scanner, find_ranges
    from seqcnn.models import device as devices

    report = options_given.reporter(given)
    if len(arguments) < 2:
        raise UsageError("name a model and a genome FASTA: seqcnn scan MODEL GENOME -o OUT.bw")
    *models, genome_path = arguments
    kind = scan_outputs.find_kind(output, given["kind"])
    threshold = _threshold(kind, given)
    shuffles = kind == "bed" and threshold.kind == "p" and given["null"] != "genome"
    refuse_idle({"seed": (shuffles, "it draws the shuffled stretches of --threshold p=P")})
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    device = devices.find(given["device"])
    scanner = _scanner(options_given.load_all(models, str(device), given["rule"]), kind, given)
    paths = scan_outputs.find_paths(output, kind, scanner.tracks, force=force, inputs=arguments)
    with Genome(genome_path, soft_mask=given["soft_mask"]) as genome:
        for note in genome.notes:
            report.say(note)
        sizes = _choose(report, genome, given["chroms"], scanner.shortest)
        ranges = find_ranges(sizes, scanner.shortest, given["step"], given["shard"])
        _announce(report, scanner, sizes, devices.describe(device))
        if kind == "bed" and isinstance(scanner, Scanner):
            least = _least(report, scanner, genome, sizes, ranges, threshold, given)
            most = int(threshold.value) if threshold.kind == "top" else None
            with scan_outputs.open_hits(
                paths[0], scanner, genome, least, overlaps=given["overlaps"], most=most
            ) as hits:
                counts = _run(report, scanner, genome, ranges, hits)
            for track, n in zip(scanner.tracks, hits.counts, strict=True):
                report.say(f"{n:,} hits of {track.name}")
            counts["hits"] = sum(hits.counts)
        else:
            with scan_outputs.open_tracks(paths, kind, scanner.tracks, genome.chroms, given["step"]) as tracks:
                counts = _run(report, scanner, genome, ranges, tracks)
        if genome.ambiguous_places:
            report.say(f"{len(genome.ambiguous_places):,} ambiguous letters read as N")
    _finish(report, counts, output, paths, models, genome_path, given, thresholds=threshold)


def _scanner(models: Mapping[str, Model], kind: str, given: Mapping[str, Any]) -> Scanner | BaseScanner:
    """Return what scores windows, or every base."""
    from seqcnn.errors import UsageError
    from seqcnn.interpret.base_scan import BaseScanner
    from seqcnn.interpret.genome_scan import Scanner

    if not given["per_base"]:
        return Scanner(models, length=given["length"], targets=given["targets"], step=given["step"])
    if kind == "bed":
        raise UsageError("--per-base makes a track: write bigWig or bedGraph")
    idle = "length" if given["length"] is not None else "step" if given["step"] != 1 else None
    if idle is not None:
        raise UsageError(f"--{idle} has no use with --per-base, which scores every base")
    return BaseScanner(models, targets=given["targets"])


def _threshold(kind: str, given: Mapping[str, Any]) -> Threshold:
    """Return what makes a hit, or refuse options that have no use."""
    from seqcnn.errors import UsageError
    from seqcnn.interpret.thresholds import parse

    if kind != "bed":
        idle = next((name for name in ("threshold", "null", "overlaps") if given[name] not in (None, False)), None)
        if idle is not None:
            raise UsageError(f"--{idle} is for hits: write a .bed file")
    threshold = parse("p=1e-4" if given["threshold"] is None else given["threshold"])
    if given["null"] is not None and threshold.kind != "p":
        raise UsageError("--null is for --threshold p=P")
    if given["shard"][1] > 1 and (threshold.kind == "top" or given["null"] == "genome"):
        raise UsageError("--shard: top=N and --null genome need the whole genome; say a score, or p=P by shuffles")
    return threshold


def _choose(report: Reporter, genome: Genome, chroms: Sequence[str] | None, shortest: int) -> dict[str, int]:
    """Return the lengths of the chromosomes that are wanted, in the order of the genome; a window fits into one."""
    from seqcnn.dataset.chromosomes import reconcile
    from seqcnn.errors import InputError

    names, message = ({name: name for name in genome.chroms}, None)
    if chroms is not None:
        names, message = reconcile(chroms, genome.chroms)
    if message:
        report.say(message.replace("in the peaks", "in the options"))
    missing = [chrom for chrom in chroms or () if chrom not in names]
    if missing:
        some = ", ".join(list(genome.chroms)[:5])
        raise InputError(f"has no chromosome {missing[0]}", genome.path, hint=f"it has {some} and so on; see --chroms")
    wanted = set(names.values())
    sizes = {chrom: size for chrom, size in genome.chroms.items() if chrom in wanted}
    if max(sizes.values()) < shortest:
        raise InputError(f"all sequences are shorter than a window, {shortest} bp", genome.path)
    return sizes


def _announce(report: Reporter, scanner: Scanner | BaseScanner, sizes: Mapping[str, int], device: str) -> None:
    lengths = sorted({track.length for track in scanner.tracks})
    shown = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
    n = len(scanner.tracks)
    what = scanner.tracks[0].name if n == 1 else f"{n} targets"
    windows = "every base" if scanner.longest == 1 else f"windows of {shown} bp, every {scanner.step} bp"
    report.say(f"{what}: {windows} of {sum(sizes.values()):,}")
    short = sum(size < scanner.shortest for size in sizes.values())
    if short:
        report.say(f"{short:,} sequences are shorter than a window: no scores")
    report.detail(f"device {device}")


def _least(
    report: Reporter,
    scanner: Scanner,
    genome: Genome,
    sizes: Mapping[str, int],
    ranges: Sequence[Range],
    threshold: Threshold,
    given: Mapping[str, Any],
) -> list[float]:
    """Return the least score of a hit of each track."""
    from seqcnn.interpret import thresholds

    if threshold.kind == "score":
        return [threshold.value] * len(scanner.tracks)
    if threshold.kind == "top":
        return thresholds.for_top(scanner, genome, ranges, int(threshold.value))
    if given["null"] == "genome":
        least, n = thresholds.from_genome(scanner, genome, ranges, threshold.value)
    else:
        least, n = thresholds.from_shuffles(scanner, genome, sizes, threshold.value, given["seed"])
    for track, score in zip(scanner.tracks, least, strict=True):
        report.say(f"{track.name}: score {score:.4g} at p = {threshold.value:g}, of {n:,} null windows")
    if n * threshold.value < thresholds.TAIL / 4:
        report.say("so few null windows know the threshold badly: say a larger p, a score, or top=N")
    return least


def _run(
    report: Reporter, scanner: Scanner | BaseScanner, genome: Genome, ranges: Sequence[Range], output: Output
) -> Counter[str]:
    """Scan; return the counts."""
    import numpy as np

    total = sum(-(-(stop - start) // scanner.step) for _, start, stop in ranges)
    counts = Counter[str]()
    began = time.perf_counter()
    with report.progress("scanning", total) as progress:
        for scores in scanner.scan(genome, ranges):
            output.add(scores)
            counts["windows"] += scores.values.shape[1]
            counts["windows of N alone left out"] += scores.n_silent
            counts["scores"] += int(np.count_nonzero(~np.isnan(scores.values)))
            progress.to(counts["windows"], f"scanning {scores.chrom}")
    output.finish()
    seconds = time.perf_counter() - began
    if counts["windows of N alone left out"]:
        what = "bases that are N" if scanner.longest == 1 else "windows of N alone"
        of_all = f", of {len(scanner.tracks)} targets together" if len(scanner.tracks) > 1 else ""
        report.say(f"{counts['windows of N alone left out']:,} {what} left out{of_all}")
    bases = counts["windows"] * scanner.step
    report.detail(f"{bases / seconds / 1e6:.3g} Mb/s, with writing")
    return counts


def _finish(
    report: Reporter,
    counts: Counter[str],
    output: str,
    paths: Sequence[Path],
    models: Sequence[str],
    genome: str,
    given: Mapping[str, Any],
    *,
    thresholds: Threshold,
) -> None:
    """Write the record beside several files, and say what was written."""
    from seqcnn.cli import scan_outputs
    from seqcnn.cli.record import Record, write_json

    if len(paths) > 1:
        scan_outputs.remove_former_tracks(Path(output), paths)
        record = Record("scan", given, [*models, genome])
        record.add(counts=dict(counts), files=[path.name for path in paths])
        write_json(record.finish(), Path(output) / scan_outputs.RECORD)
    if output != "-":
        many = f"{len(paths):,} files, " if len(paths) > 1 else ""
        what = "hits" if "hits" in counts else "scores"
        report.say(f"wrote {output}: {many}{counts[what]:,} {what}")

"""Score variants of a VCF: what each changes, and how unusual that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.cli.console import Reporter
    from seqcnn.formats.vcf import Vcf
    from seqcnn.interpret.allele_scores import VariantOptions
    from seqcnn.interpret.haplotypes import HaplotypeScorer
    from seqcnn.interpret.variants import VariantScorer


@click.command(
    epilog="""\b
Examples:
  seqcnn variants run/ calls.vcf.gz --genome hg38.fa -o scored.vcf.gz
  seqcnn variants ctcf/ gata1/ calls.bcf --genome hg38.fa --region chr22 -o scored.tsv
  seqcnn variants deepbind.safetensors calls.vcf.gz --genome hg38.fa --shard 3/20 -o part03.vcf.gz
  bcftools view -f PASS calls.bcf | seqcnn variants run/ - --genome hg38.fa -o - | bgzip > scored.vcf.gz"""
)
@click.argument("arguments", nargs=-1, required=True, metavar="MODEL... VCF")
@options.option("--genome", required=True, metavar="FASTA", help="Genome that the variants were called on.")
@options.output("File to write: .vcf.gz (with its index), .vcf or .tsv; - for VCF on standard output.")
@options.option(
    "--length",
    type=click.IntRange(min=1),
    metavar="BP",
    help="Bases that a substitution is in the middle of.",
    show_default="as in training; with --rule window, all windows over the variant",
)
@options.rule()
@options.option(
    "--summary",
    type=click.Choice(["mean", "median", "min", "max"]),
    default="mean",
    help="Of the members of an ensemble: of each of the numbers by itself.",
)
@options.option(
    "--ref-mismatch",
    type=click.Choice(["skip", "warn", "error"]),
    default="skip",
    help="Where REF is not what the genome has: leave the allele without scores, put REF in the genome's place, or "
    "stop. Lower case is no difference, and IUPAC letters and N differ from nothing.",
)
@options.option(
    "--max-allele",
    type=click.IntRange(min=1),
    default=10_000,
    metavar="BP",
    help="Longest REF or ALT that is scored.",
)
@options.option(
    "--null-size",
    type=click.IntRange(min=0),
    default=2000,
    metavar="N",
    help="Random variants of each kind that p and z are found from; 0 for no p and z.",
)
@options.option("--prefix", default="SEQCNN", metavar="NAME", help="What the names of the new fields begin with.")
@options.option(
    "--region",
    "regions",
    multiple=True,
    metavar="CHROM[:FIRST-LAST]",
    help="Only records with a base here, positions from 1; may be given several times.",
    show_default="all",
)
@options.option(
    "--shard",
    metavar="I/N",
    callback=options.shard,
    help="The I-th of N equal parts of the records.",
    show_default="all of them",
)
@options.option(
    "--haplotypes",
    is_flag=True,
    help="Score the sequences of the samples' haplotypes too, with all their phased variants put in; for sorted VCFs.",
)
@options.option("--debug-sequences", metavar="FASTA", help="File for the sequences that were scored, of both alleles.")
@options.seed()
@options.machine()
@options.messages()
def command(arguments: tuple[str, ...], output: str, force: bool, **given: Any) -> None:
    """Score every alternate allele of VCF (also .gz, BCF, or - for standard input) with one MODEL or several.

    Both alleles are scored in the genome around them, with equal flanks: half of --length on either side of the letters
    that change, so that sequences differ in length where letters come or go. New INFO fields, a number for each ALT:
    SEQCNN_REF and SEQCNN_ALT (scores), SEQCNN_DELTA (ALT less REF), SEQCNN_LOGODDS (change of the log-odds), SEQCNN_SD
    (of DELTA over members), SEQCNN_P and SEQCNN_Z of DELTA among random variants of the same kind in shuffled sequence
    of the genome: p = min(1, 2 (1 + min(#{null <= delta}, #{null >= delta})) / (1 + n)). All else in the file stays as
    it is, in its order. With several models or targets their names follow: SEQCNN_DELTA_ctcf.

    With --haplotypes every sample gets SEQCNN_HAP in each record: the score of each of its haplotypes in the record's
    window; a dot where a genotype there is unphased or missing.

    Alleles that cannot be scored (*, <DEL>, breakends, other letters than A C G T) get a dot and are counted.
    """
    from seqcnn.cli import given as options_given
    from seqcnn.cli import variant_outputs
    from seqcnn.cli.given import load_all
    from seqcnn.cli.record import Record, write_json
    from seqcnn.cli.variant_run import VariantRun, choose
    from seqcnn.errors import UsageError
    from seqcnn.formats.genome import Genome
    from seqcnn.formats.output import check_output
    from seqcnn.formats.vcf import Vcf
    from seqcnn.formats.vcf_records import parse_region
    from seqcnn.interpret.haplotypes import HaplotypeScorer
    from seqcnn.interpret.variants import VariantScorer
    from seqcnn.models import device as devices

    report = options_given.reporter(given)
    if len(arguments) < 2:
        raise UsageError("name a model and a VCF: seqcnn variants MODEL VCF --genome FA -o OUT.vcf.gz")
    *models, path = arguments
    as_table, packed = variant_outputs.find_kind(output)
    for each in (output, given["debug_sequences"]):
        if each not in (None, "-"):
            check_output(each, force=force, inputs=[*arguments, given["genome"]])
    if given["debug_sequences"] == "-":
        raise UsageError("--debug-sequences: name a file")
    if as_table and given["haplotypes"]:
        raise UsageError("--haplotypes gives the samples of a VCF a field: write a .vcf.gz or .vcf")
    if given["shard"][1] > 1 and path == "-":
        raise UsageError("--shard needs a file, to count its records")
    regions = [parse_region(text) for text in given["regions"]]
    devices.set_threads(given["threads"])
    devices.keep_freed_memory()
    device = devices.find(given["device"])
    loaded = load_all(models, str(device), given["rule"])
    record = Record("variants", given, [*models, path, given["genome"]])
    with Vcf(path) as vcf, Genome(given["genome"]) as genome:
        scorer = VariantScorer(
            loaded,
            genome,
            vcf.contigs,
            _wanted(given),
            vcf.shown,
            regions=regions,
            keep_sequences=given["debug_sequences"] is not None,
        )
        by_sample = HaplotypeScorer(scorer.alleles, genome, vcf.shown) if given["haplotypes"] else None
        _refuse_taken(vcf, scorer, by_sample)
        around = scorer.alleles.around if by_sample is not None else None
        blocks = choose(vcf, given["shard"], around)
        for note in (*genome.notes, *filter(None, [scorer.note])):
            report.say(note)
        report.detail(f"device {devices.describe(device)}")
        record.read_inputs()
        _announce(report, scorer)
        renderer = variant_outputs.Renderer(
            scorer.fields, as_table=as_table, packed=packed, indexed=packed and not as_table
        )
        header = (
            renderer.table_header()
            if as_table
            else vcf.header_with(renderer.header_lines(by_sample.names if by_sample is not None else ()))
        )
        run = VariantRun(scorer, by_sample, renderer)
        with variant_outputs.Writer(output, renderer, header, given["debug_sequences"]) as written:
            run.write(report, written, blocks, device)
    counts = run.counts()
    run.say_what_is_missing(report)
    if written.index is not None and written.index.problem is not None:
        report.say(f"no index: {written.index.problem}")
    if output != "-":
        record.add(counts=counts, fields=[each.name for each in scorer.fields], notes=genome.notes)
        write_json(record.finish(), f"{output}.run.json")
        report.say(f"wrote {output}: {written.n:,} records, {counts['alleles scored']:,} alleles scored")


def _wanted(given: Mapping[str, Any]) -> VariantOptions:
    """Return how variants are scored."""
    from seqcnn.interpret.allele_scores import VariantOptions

    return VariantOptions(
        length=given["length"],
        summary=given["summary"],
        ref_mismatch=given["ref_mismatch"],
        longest=given["max_allele"],
        null_size=given["null_size"],
        prefix=given["prefix"],
        seed=given["seed"],
    )


def _refuse_taken(vcf: Vcf, scorer: VariantScorer, by_sample: HaplotypeScorer | None) -> None:
    """Raise InputError where the VCF has one of the new fields already, or no samples though haplotypes are wanted."""
    from seqcnn.errors import InputError

    taken = {each.name for each in scorer.fields} & set(vcf.info)
    if by_sample is not None:
        taken |= set(by_sample.names) & set(vcf.format)
        if not vcf.samples:
            raise InputError("has no samples, so no haplotypes", vcf.shown)
    if taken:
        raise InputError(f"has a field {min(taken)} already", vcf.shown, hint="say another --prefix for the new ones")


def _announce(report: Reporter, scorer: VariantScorer) -> None:
    """Say what is done."""
    n, around = len(scorer.alleles.targets), scorer.alleles.around
    what = scorer.alleles.targets[0][1].target_names[0] if n == 1 else f"{n} targets"
    report.say(f"{what}: {around[0]} bases before the letters that change, {around[1]} after")
    if scorer.options.null_size:
        smallest = scorer.prepare()
        if smallest:
            report.detail(f"p and z by {smallest:,} random variants of each kind of substitution")
        else:
            report.say("no p and z: the genome has no stretch without N that is long enough to shuffle")

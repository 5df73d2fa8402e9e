"""Work with Snakemake: make a project, check it, put parts together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from seqcnn.cli import options

if TYPE_CHECKING:
    from seqcnn.workflow.settings import GivenOptions

OF_THE_WORKFLOW: Final = {
    "output": "its outputs have names of their own",
    "force": "it says so itself",
    "resume": "it says so itself",
    "threads": "set-threads in a profile changes it",
    "genome": "the column genome of the samples says it",
    "shard": "--set-scatter of snakemake changes it",
}
"""Options that a project cannot be given, and why."""


@click.group(
    epilog="""\b
Examples:
  seqcnn workflow init project/
  seqcnn workflow check"""
)
def command() -> None:
    """Many samples, on one machine, a Slurm cluster or Kubernetes, with Snakemake."""


@command.command(
    epilog="""\b
Examples:
  seqcnn workflow init project/
  cd project/ && snakemake --cores 2"""
)
@click.argument("folder", metavar="DIR")
@options.option("--force", is_flag=True, help="Write into a folder that is not empty, over what has the same name.")
@options.messages()
def init(folder: str, force: bool, quiet: bool, verbose: bool) -> None:
    """Make a Snakemake project in DIR that runs at once on example data.

    config/config.yaml and config/samples.tsv say what is done; workflow/ holds the rules, profiles/ what they need to
    run on a cluster, data/ the simulated example.
    """
    from seqcnn.cli.console import Reporter
    from seqcnn.workflow import project

    report = Reporter(quiet, verbose)
    for path in project.make(folder, force=force):
        report.detail(str(path))
    report.say(f"wrote {folder}: a project with example data; to run it: cd {folder} && snakemake --cores 2")


@command.command(
    epilog="""\b
Examples:
  seqcnn workflow check
  seqcnn workflow check config/config.yaml --samples config/more_samples.tsv"""
)
@click.argument("config", default="config/config.yaml", metavar="[CONFIG]")
@options.option("--samples", metavar="TSV", help="Table of samples.", show_default="the one that CONFIG names")
@options.messages()
def check(config: str, samples: str | None, quiet: bool, verbose: bool) -> None:
    """Look for mistakes in CONFIG (config/config.yaml) and the samples of a project, before any job is run.

    Names, files and the options of each command are looked at; a mistake is said with its file and line. Stand in the
    folder of the project. Snakemake calls it too.
    """
    from seqcnn.cli.console import Reporter
    from seqcnn.workflow import settings

    report = Reporter(quiet, verbose)
    found = settings.read(config, samples)
    _check_structures([(given, _check_options(given)) for given in found.options])
    report.say(
        f"{config}: no mistake found; samples: {len(found.samples):,}, genomes: {len(found.genomes):,}, "
        f"variants: {len(found.variants):,}"
    )


def _check_options(given: GivenOptions) -> dict[str, Any]:
    """Return the values of options; raise InputError where a command has no such, or none of such values."""
    import shlex
    from importlib import import_module

    from seqcnn.errors import InputError, UsageError

    def wrong(message: str, hint: str | None = None) -> InputError:
        return InputError(f"options of {given.command}: {message.rstrip('.')}", given.path, given.line, hint)

    try:
        words = shlex.split(given.text)
    except ValueError as error:
        raise wrong(f"{given.text!r}: {str(error).lower()}") from error
    of: click.Command = import_module(f"seqcnn.cli.commands.{given.command}").command
    context = click.Context(of, info_name=given.command)
    try:
        values, _, said = of.make_parser(context).parse_args(words)
        for parameter in said:
            value = values.get(str(parameter.name))
            if isinstance(parameter, click.Argument):
                if isinstance(value, str | tuple | list) and value:
                    raise wrong(f"{value if isinstance(value, str) else value[0]!r} is no option")
            elif parameter.name in OF_THE_WORKFLOW:
                raise wrong(f"{parameter.opts[-1]} cannot be said", OF_THE_WORKFLOW[parameter.name])
            else:
                parameter.type_cast_value(context, value)
        _check_names(values)
    except click.UsageError as error:
        raise wrong(error.format_message()) from error
    except UsageError as error:
        raise wrong(str(error)) from error
    return values


def _check_names(values: dict[str, Any]) -> None:
    """Raise UsageError for a device or an architecture that there is nowhere."""
    if "device" in values:
        from seqcnn.models.device import check_name

        check_name(values["device"])
    if "architecture" in values:
        from seqcnn.models import architectures

        architectures.check(values["architecture"])


def _check_structures(parsed: Sequence[tuple[GivenOptions, dict[str, Any]]]) -> None:
    """Raise InputError where a model with structures would be asked for what it cannot do."""
    from seqcnn.errors import InputError

    # What is said of a sample comes after what is said of all, and training after encoding: the last word counts.
    said = [(given, values) for given, values in parsed if "structure" in values]
    last = {
        row["sample"]: (row, given, values["structure"])
        for encodes in (True, False)
        for given, values in said
        for row in given.samples
        if (given.command == "encode") is encodes
    }
    structured = {name: (row, given) for name, (row, given, method) in last.items() if method != "none"}
    for name, (row, given) in structured.items():
        if step := next((step for step in ("variants", "scan") if row[step]), None):
            message = f"options of {given.command}: --structure: {step} reads no models with structures"
            raise InputError(message, given.path, given.line, f"leave the column {step} of sample {name} empty")
    for given, values in parsed:
        changes = next((name for name in ("deletions", "insertions") if values.get(name)), None)
        if structured and given.command == "mutate" and changes:
            message = f"options of mutate: --{changes} is not for models with structures, as of {min(structured)}"
            raise InputError(message, given.path, given.line, "remove it: substitutions leave structures as they are")


@command.command(
    epilog="""\b
Examples:
  seqcnn workflow gather part1.vcf.gz part2.vcf.gz part3.vcf.gz -o scored.vcf.gz
  seqcnn workflow gather part1.bw part2.bw -o scores.bw"""
)
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@options.output("File to write, of the kind of the parts: .vcf.gz (with its index), .vcf, .tsv, .bw, .bedgraph, .bed.")
@options.option("--overlaps", is_flag=True, help="Keep overlapping hits (.bed) where parts meet, as scan --overlaps.")
@options.messages()
def gather(parts: tuple[str, ...], output: str, force: bool, overlaps: bool, quiet: bool, verbose: bool) -> None:
    """Put the PARTs that `variants --shard` or `scan --shard` wrote together, in the order of their numbers.

    The result is what one job would have written. Where two parts of hits meet, of two hits that overlap the better one
    is kept.
    """
    from seqcnn.cli.console import Reporter
    from seqcnn.formats.output import check_output
    from seqcnn.workflow.gather import put_together

    report = Reporter(quiet, verbose)
    check_output(output, force=force)
    n, what = put_together(parts, output, overlaps=overlaps)
    report.say(f"wrote {output}: {n:,} {what}, of {len(parts):,} parts")


@command.command(
    epilog="""\b
Examples:
  seqcnn workflow wrappers
  snakemake --cores 2 --wrapper-prefix "file://$(seqcnn workflow wrappers)/\""""
)
def wrappers() -> None:
    """Print the folder of the Snakemake wrappers, one for each command, for rules of your own."""
    from seqcnn.workflow.project import WRAPPERS

    click.echo(WRAPPERS)

# The samples, and what the rules ask of them. Rules are in the files beside this one.

import csv
import re
import shutil
import subprocess

from snakemake.exceptions import WorkflowError

# A mistake in the configuration is said with its file and line, before any job runs: by the process that starts the
# jobs, where that has seqcnn beside it and not only in the jobs' environments.
if workflow.is_main_process and shutil.which("seqcnn"):
    checked = subprocess.run(
        ["seqcnn", "workflow", "check", "--quiet", "--samples", config["samples"]],
        stderr=subprocess.PIPE,
        text=True,
    )
    if checked.returncode:
        raise WorkflowError(checked.stderr.strip())

with open(config["samples"], newline="", encoding="utf-8") as table:
    rows = (line for line in table if line.strip() and not line.startswith("#"))
    samples = {row["sample"]: row for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)}


def any_of(names):
    """Return a regular expression for a wildcard that is one of some names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def names_in(sample, column):
    """Return the names, with commas between, in a cell of a sample."""
    return [name.strip() for name in (samples[sample].get(column) or "").split(",") if name.strip()]


def made_by(method):
    """Return the samples whose models are made by `train` or by `calibrate`."""
    return [sample for sample, row in samples.items() if (row.get("method") or "train") == method]


def is_tested(sample):
    """Say whether a sample has data that its model never sees."""
    return bool(samples[sample].get("test_chroms") or samples[sample].get("test_data"))


def options_for_all(command):
    """Return the options of a command that all samples share."""
    return (config.get("options") or {}).get(command) or ""


def options(command, column=None):
    """Return a function that gives a job the options of a command: those for all samples, then the sample's own."""

    def chosen(wildcards):
        own = samples[wildcards.sample].get(column) or ""
        return f"{options_for_all(command)} {own}".strip()

    return chosen


def given(option, column):
    """Return a function that gives a job an option whose value is in a column of the samples, if it is there."""
    return lambda wildcards: f"{option} {value}" if (value := samples[wildcards.sample].get(column)) else ""


def genome_of(wildcards):
    """Return the genome that a sample's regions are cut from: one file, or none."""
    genome = samples[wildcards.sample].get("genome")
    return [config["genomes"][genome]] if genome else []


def reports():
    return [f"results/{sample}/report.html" for sample in samples]


def scored_variants():
    return [
        f"results/variants/{calls}/{sample}.vcf.gz" for sample in samples for calls in names_in(sample, "variants")
    ]


def genome_scans():
    return [
        f"results/scans/{genome}/{sample}.{kind}"
        for sample in samples
        for genome in names_in(sample, "scan")
        for kind in config.get("scan", ["bw"])
    ]


wildcard_constraints:
    sample=any_of(samples),
    genome=any_of(config.get("genomes") or {}),
    calls=any_of(config.get("variants") or {}),
    kind="bw|bed",

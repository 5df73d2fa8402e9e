"""Snakemake wrapper of `seqcnn scan`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "scan", arguments=["model", "genome"])

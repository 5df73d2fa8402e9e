"""Snakemake wrapper of `seqcnn evaluate`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "evaluate", arguments=["model", "data"])

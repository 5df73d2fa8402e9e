"""Snakemake wrapper of `seqcnn design`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "design", arguments=["model"])

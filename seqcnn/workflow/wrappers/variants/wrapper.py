"""Snakemake wrapper of `seqcnn variants`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "variants", arguments=["model", "calls"])

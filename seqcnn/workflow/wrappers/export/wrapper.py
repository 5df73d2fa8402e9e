"""Snakemake wrapper of `seqcnn export`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "export", arguments=["model"], threads=False)

"""Snakemake wrapper of `seqcnn embed`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "embed", arguments=["model", "sequences"])

"""Snakemake wrapper of `seqcnn encode`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "encode", arguments=["data"], threads=False)

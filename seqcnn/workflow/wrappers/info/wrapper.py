"""Snakemake wrapper of `seqcnn info`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "info", arguments=["file"], threads=False, results=True)

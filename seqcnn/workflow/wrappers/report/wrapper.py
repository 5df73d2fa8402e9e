"""Snakemake wrapper of `seqcnn report`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "report", arguments=["run"], folders=["run", "motifs", "mutations"], threads=False)

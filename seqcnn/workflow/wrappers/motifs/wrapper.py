"""Snakemake wrapper of `seqcnn motifs`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "motifs", arguments=["model", "sequences"], folder=True)

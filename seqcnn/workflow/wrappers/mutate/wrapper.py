"""Snakemake wrapper of `seqcnn mutate`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "mutate", arguments=["model", "sequences"], folder=True)

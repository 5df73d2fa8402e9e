"""Snakemake wrapper of `seqcnn predict`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "predict", arguments=["model", "sequences"])

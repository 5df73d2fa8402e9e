"""Snakemake wrapper of `seqcnn calibrate`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "calibrate", arguments=["data"], folder=True, again="--resume")

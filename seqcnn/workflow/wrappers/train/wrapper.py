"""Snakemake wrapper of `seqcnn train`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "train", arguments=["data"], folder=True, again="--resume")

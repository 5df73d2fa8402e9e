"""Snakemake wrapper of `seqcnn compare`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "compare", arguments=["query", "targets"], threads=False)

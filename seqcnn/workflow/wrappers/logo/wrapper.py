"""Snakemake wrapper of `seqcnn logo`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "logo", arguments=["motifs"], threads=False)

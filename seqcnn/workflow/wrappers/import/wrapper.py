"""Snakemake wrapper of `seqcnn import deepbind`."""

from seqcnn.workflow.wrapper import run

run(snakemake, "import deepbind", arguments=["files"], threads=False)

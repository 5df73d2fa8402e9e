"""Many samples at once: a Snakemake project, its check, wrappers, and parts of a run put together."""

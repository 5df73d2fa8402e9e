"""The shell: one file per command; the only place that knows click and rich."""

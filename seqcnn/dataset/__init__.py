"""Encoded examples: reading any input, negatives, splits, the HDF5 file."""

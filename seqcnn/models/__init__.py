"""The motif scan, the architectures (one file each, found by file name), the model file."""

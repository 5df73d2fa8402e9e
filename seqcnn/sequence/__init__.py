"""Alphabet and codes, ragged arrays, one-hot, reverse complement, shuffles. No files."""

"""Design of sequences that score as wanted, under rules of what may change."""

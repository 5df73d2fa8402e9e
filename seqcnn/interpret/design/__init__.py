"""Design of sequences that score as they are wanted to, under rules of what may change."""

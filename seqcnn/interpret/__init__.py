"""What a model learned: motifs, comparison with databases."""

"""Plots, logos and pages."""

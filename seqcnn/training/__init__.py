"""Objectives, metrics, the fit."""

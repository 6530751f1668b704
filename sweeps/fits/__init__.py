"""Fits: inputs from measured rows, and the errors of predictions."""

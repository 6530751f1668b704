"""Uncertainties: quantities of inputs that are known as distributions."""

"""Gradients: slopes of the models, derivatives of sweeps, and what they answer."""

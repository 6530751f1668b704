"""Searches: the best points and the frontiers of sweeps, gathered while blocks pass."""

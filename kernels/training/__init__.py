"""A training step, and a run of many."""

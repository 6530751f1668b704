"""Post-training by reinforcement: generating, scoring and training, one after the other or side by side."""

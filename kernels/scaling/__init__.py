"""Scaling laws: the loss that parameters and tokens buy, and the best split of a budget."""

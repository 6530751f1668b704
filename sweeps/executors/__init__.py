"""Executors: where the blocks of a sweep are computed, whatever is done with them."""

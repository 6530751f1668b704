"""Benchmarks: ratios measured in one run, since absolute times of a shared machine mean little."""

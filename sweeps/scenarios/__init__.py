"""Scenarios: what differs between two sweeps, and what each difference contributes."""

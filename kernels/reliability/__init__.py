"""Reliability of long runs: failures, checkpoints, restarts and stragglers."""

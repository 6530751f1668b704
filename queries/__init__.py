"""Queries: what a differentiable engine can be asked beyond values, as functions of specs, stores and keywords."""

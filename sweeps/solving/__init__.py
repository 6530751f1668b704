"""Solving: the value of an input at which a quantity has a given value."""

"""Optima: continuous inputs chosen within ranges, under conditions, in every cell of a sweep."""

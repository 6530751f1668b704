"""Prices, costs and energy."""

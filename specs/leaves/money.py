"""Prices. None has a default: a price that nobody stated is not a price."""

from ..vocabulary import Group, Kind, Leaf

LEAVES = (Leaf("gpu_hour_price", "$/h", Kind.CONTINUOUS, "Price of one GPU-hour", Group.MONEY),)

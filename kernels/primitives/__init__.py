"""Pure functions that cost models share; not quantities themselves."""

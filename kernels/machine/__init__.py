"""The machine by itself: its rates, its network, and single products and collectives on it."""

"""The model by itself: its parameters and its FLOPs."""

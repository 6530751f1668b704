"""The physics: cost models, each declared once, and the graph that connects them."""

"""Rules of thumb of a notebook on large-scale training, serving and reinforcement learning, exactly as printed."""

"""The engine: from bound inputs to labelled blocks, and what is asked of them."""

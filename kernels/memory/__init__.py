"""Memory of training on one GPU."""

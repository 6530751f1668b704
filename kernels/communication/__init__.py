"""What GPUs exchange, by the kind of parallelism."""

"""A fleet that serves requests: batching, arrivals and queues, goals, prefill on replicas of its own."""

"""A fleet that serves requests: mixed steps, queues, goals, replicas."""

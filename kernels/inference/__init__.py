"""A serving replica: prefill, decode, memory, and what a request takes."""

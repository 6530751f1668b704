"""Document 002: llm-analysis on LLaMA 7B to 65B, as printed: the tool at revision b7827c5, which made every figure of it.

Later revisions give other numbers. Model dimensions, batch and lengths are the main models' inputs, so that one sweep
evaluates both; everything the tool treats in its own way is an input or a quantity of this namespace.
"""

"""Document 001: the hop-typed communication model, as printed, and the same traffic put right."""

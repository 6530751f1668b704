"""Published models: the formulas of the source documents exactly as printed, in a namespace per document.

`agents` (000), `hop_typed` (001), `llm_analysis` (002) and `rules` (004). Each formula carries its known errata; what is
right stands beside it, in the same namespace or among the main models, and no main model reads a published one.
"""

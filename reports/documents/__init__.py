"""The source documents, one module each: their tables, figures and checklist from labelled datasets."""

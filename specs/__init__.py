"""What may be said: vocabulary, units, the schema and loader of sweep specs, catalogs, and shipped examples."""

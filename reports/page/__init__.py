"""A store as one page that works offline."""

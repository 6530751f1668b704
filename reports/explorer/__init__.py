"""The explorer: a page on which pictures of a source answer to selects, sliders and clicks."""

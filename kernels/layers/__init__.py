"""One layer on one GPU: what its operators take."""

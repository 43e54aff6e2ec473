"""Search of each method's own space, every method with as many trials and as much training."""

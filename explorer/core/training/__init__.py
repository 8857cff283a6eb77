"""Training in memory: the loop, its state, several processes."""

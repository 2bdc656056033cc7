"""What the commands do with a run: train, extend, evaluate, sample."""

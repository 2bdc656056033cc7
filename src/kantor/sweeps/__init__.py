"""Sweeps: many runs as one plan on the disk, which any number of processes work on until nothing of it is missing."""

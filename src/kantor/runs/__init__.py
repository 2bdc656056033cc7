"""Run directories: what of a run lies on disk."""

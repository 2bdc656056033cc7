"""Tracking: what a tracker shows of a run is a fold over the run's files, while it is trained and at any time after."""

"""Searches: sweeps whose next run is asked of those before. This package alone knows Optuna."""

"""Gaussian noising and its undoing, as value objects in float64: paths, parametrisations, weights, times."""

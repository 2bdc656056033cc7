"""Samplers: how samples are drawn from trained networks, chosen after training."""

"""Samples as files and as sheets of pictures."""

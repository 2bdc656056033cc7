"""A package as somebody writes it who has read docs/extending.md once."""

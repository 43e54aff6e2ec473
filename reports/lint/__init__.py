"""Checks of published tables by machine: what does not reproduce from what else is printed."""

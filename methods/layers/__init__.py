"""Modules that replace a linear layer."""

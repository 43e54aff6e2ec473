"""The one training loop of all methods, and what plugs into it."""

"""The kinds of work a compression pipeline is made of, each a frozen description that can run."""

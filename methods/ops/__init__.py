"""Pure tensor functions: no model, no disk."""

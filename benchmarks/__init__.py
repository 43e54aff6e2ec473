"""How methods are compared: tasks, backbones, the store, the runner, records."""

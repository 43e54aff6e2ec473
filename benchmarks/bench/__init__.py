"""Speed as ratios measured side by side in one run; numbers for people, never timed tests."""

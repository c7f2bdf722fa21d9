"""Images of scenarios: checked and decoded in a process of their own, never fetched."""

"""Scorers that compare meanings, by the suite's embedder."""

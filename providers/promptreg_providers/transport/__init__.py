"""Moves bytes over HTTP with limits on time and size; two implementations of one protocol."""

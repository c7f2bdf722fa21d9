"""Generators: who makes scenarios."""

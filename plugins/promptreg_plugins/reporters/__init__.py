"""Reporters: a comparison written for people and for machines, one format per module.

Each is a small class with `extensions` and `write`; libraries are imported when writing.
"""

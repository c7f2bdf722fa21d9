"""Built-in scorers of promptreg, registered through the same entry points as a stranger's."""

"""Built-in providers of promptreg, registered through the same entry points as a stranger's."""

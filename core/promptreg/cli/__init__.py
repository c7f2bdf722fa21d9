"""The command line of promptreg: one file per command."""

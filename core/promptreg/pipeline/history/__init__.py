"""What the history is told, and what it tells.

`keep` puts finished comparisons and runs into the outbox, `sync` records them, `trend` follows a
metric. Import what you need from the submodules.
"""

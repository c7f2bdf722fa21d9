"""The template journal: which texts were registered, and where each alias went, and why.

An append-only file beside the suite, meant to be committed to git: one event a line. What is true
now is folded from all events, in whatever order lines stand, so that two branches' journals merge
by keeping the lines of both.
"""

from promptreg.journal.events import Decision, Event, Labelled, Moved, Registered
from promptreg.journal.file import Journal
from promptreg.journal.names import MAX_TEXT, check_alias, check_name
from promptreg.journal.state import AliasState, State, Version

__all__ = [
    "MAX_TEXT",
    "AliasState",
    "Decision",
    "Event",
    "Journal",
    "Labelled",
    "Moved",
    "Registered",
    "State",
    "Version",
    "check_alias",
    "check_name",
]

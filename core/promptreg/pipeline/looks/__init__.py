"""Looking at the data while they come: what is asked before each look, and when to stop."""

from promptreg.pipeline.looks.agenda import Agenda, make_agenda
from promptreg.pipeline.looks.ledger import Ledger
from promptreg.pipeline.looks.watch import Member, Watch, watch_for

__all__ = ["Agenda", "Ledger", "Member", "Watch", "make_agenda", "watch_for"]

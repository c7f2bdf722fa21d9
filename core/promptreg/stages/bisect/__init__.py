"""Finding what in an edit did it: pieces of an edit, and the search through subsets of them."""

from promptreg.stages.bisect.bench import Outcome
from promptreg.stages.bisect.commits import CommitFinding, commit_tests, search_commits
from promptreg.stages.bisect.parts import Parts, find_parts
from promptreg.stages.bisect.pieces import LEVELS, Edit, Piece, split_edit
from promptreg.stages.bisect.search import Finding, Kind, most_tests, search

__all__ = [
    "LEVELS",
    "CommitFinding",
    "Edit",
    "Finding",
    "Kind",
    "Outcome",
    "Parts",
    "Piece",
    "commit_tests",
    "find_parts",
    "most_tests",
    "search",
    "search_commits",
    "split_edit",
]

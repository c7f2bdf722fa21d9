"""A template along a line of commits: where its text changed, wherever its file was."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import PromptregError, TemplateError, UsageError
from promptreg.records import Template
from promptreg.stages.load.gitsource import Revision, run_git
from promptreg.stages.load.past import past_text
from promptreg.stages.load.sources import Source, parse_source, read_source
from promptreg.stages.load.templates import own_source
from promptreg.suite import Suite, parse_suite

__all__ = ["Commit", "GitVersion", "State", "git_version", "lineage"]

_MAX_COMMITS = 100_000
_MAX_RENAMES = 20
_MAX_SUITE_BYTES = 256_000


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; author's date and subject are as its author wrote them, not to be trusted."""

    hash: str
    date: str = ""
    author: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class GitVersion:
    """A version that a reference `template@git:REV` names: its file and its commit."""

    template: str
    source: Source
    revision: Revision


@dataclass(frozen=True, slots=True)
class State:
    """The template as one commit left it.

    Attributes:
        commit: the first of those that left it so.
        template: None where the file is missing or is no text.
        problem: why there is none.
        looked: names under which included files were looked for.
    """

    commit: Commit
    template: Template | None
    problem: str = ""
    looked: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """What two states have in common if they need one test."""
        return self.template.sha256 if self.template else f"none: {self.commit.hash}"


def git_version(ref: str, template: str, suite: Suite, base: Path) -> GitVersion | None:
    """Return what `template@git:REV`, `git:REV` or `...:REV:path` names; None for other words.

    Raises:
        TemplateError: no such revision, or nothing says whose file is meant.
    """
    name, mark, rest = ref.partition("@")
    text = rest if mark and name == template else ref
    if not text.startswith("git:"):
        return None
    source = parse_source(text, ref)
    revision = Revision.find(base, source.revision)
    if source.kind == "same":
        source = own_source(template, suite.templates[template])
    return GitVersion(template, Source(source.kind, source.path, source.selector), revision)


def lineage(
    good: GitVersion, bad: GitVersion, suite: Suite, suite_file: str, base: Path
) -> tuple[State, ...]:
    """Return every state of the template's text from GOOD to BAD, oldest first.

    The line follows first parents, as long as they descend from GOOD: a merge counts as one commit
    of the branch it was made on. Where the file had another name before, git's renames, GOOD's own
    path and the suite file of that commit say which.

    Args:
        good: where the line starts.
        bad: where it ends.
        suite: today's; its entry gives the engine.
        suite_file: the suite file's name, to be read in commits where the file is not found.
        base: the folder of the suite file.

    Raises:
        UsageError: GOOD is no ancestor of BAD.
        TemplateError: git cannot tell.
    """
    chain = _chain(good.revision, bad.revision)
    sources = _sources(good, bad, chain, base)
    included: set[str] = set()
    while True:  # once more for what turned out to be included: its commits count as well
        prints = _prints(chain, sources, {suite_file, *included}, bad.revision)
        found: list[State] = []
        looked: set[str] = set()
        last: tuple[str, ...] | None = None
        for commit, print_ in zip(chain, prints, strict=True):
            if print_ == last and commit != chain[-1]:
                continue
            last = print_
            state = _state(commit, sources, suite, suite_file, bad)
            looked |= set(state.looked)
            if not found or state.content != found[-1].content:
                found.append(state)
        if looked <= included:
            return _described(found, base)
        included |= looked


def _chain(good: Revision, bad: Revision) -> list[str]:
    """Return the commits from GOOD to BAD, both included."""
    listed = run_git(
        bad.base, "rev-list", "--ancestry-path", "--parents", f"{good.commit}..{bad.commit}"
    )
    lines = listed.stdout.decode("ascii", "replace").split("\n")
    if listed.returncode:
        raise TemplateError(f"git cannot list the commits from {good.name} to {bad.name}")
    if len(lines) > _MAX_COMMITS:
        raise TemplateError(
            f"there are more than {_MAX_COMMITS:,} commits between {good.name} and {bad.name}"
        )
    parents = {words[0]: words[1:] for line in lines if (words := line.split())}
    chain = [bad.commit]
    while chain[-1] != good.commit:
        above = [p for p in parents.get(chain[-1], ()) if p == good.commit or p in parents]
        if not above:
            raise UsageError(
                f"{good.name} ({good.commit[:10]}) is no ancestor of {bad.name} "
                f"({bad.commit[:10]}), so no line of commits leads from one to the other; --hunks "
                "looks into the difference of their texts"
            )
        chain.append(above[0])
    return chain[::-1]


def _sources(good: GitVersion, bad: GitVersion, chain: Sequence[str], base: Path) -> list[Source]:
    """Return where the text may be found, the likeliest place first."""
    found = list(dict.fromkeys((bad.source, good.source)))
    path = bad.source.path
    for _ in range(_MAX_RENAMES):
        full = _full(bad.revision.prefix, path)
        held = _blobs(bad.revision, [f"{commit}:{full}" for commit in chain])
        # Where the file came to be, going back from BAD.
        born = next((i for i in range(len(chain) - 1, 0, -1) if held[i] and not held[i - 1]), None)
        old = _renamed(base, chain[born - 1], chain[born], full) if born is not None else ""
        if not old:
            break
        path = posixpath.relpath(old, bad.revision.prefix or ".")
        source = Source(bad.source.kind, path, bad.source.selector)
        if source in found and source != good.source:
            break
        found = list(dict.fromkeys((*found, source)))
    return found


def _renamed(base: Path, before: str, after: str, path: str) -> str:
    """Return what a file was called in the commit before; empty where git sees no renaming."""
    options = ("-r", "-M", "-z", "--name-status", "--diff-filter=R")
    told = run_git(base, "diff-tree", *options, before, after)
    words = told.stdout.decode("utf-8", "replace").split("\0")
    triples = zip(words[::3], words[1::3], words[2::3], strict=False)
    return next((old for _, old, new in triples if new == path), "")


def _prints(
    chain: Sequence[str], sources: Sequence[Source], others: Set[str], at: Revision
) -> list[tuple[str, ...]]:
    """Return, per commit, the hashes of all files that may hold the text or say where it is."""
    files = others | {name for source in sources for name in _files(source)}
    spots = sorted({_full(start, name) for name in files for start in (at.prefix, "")} - {""})
    columns = [_blobs(at, [f"{commit}:{spot}" for commit in chain]) for spot in spots]
    return list(zip(*columns, strict=True))


def _files(source: Source) -> Iterator[str]:
    if source.kind == "constant" and not source.path.endswith(".py"):
        stem = source.path.replace(".", "/")
        yield from (f"{start}{stem}{end}" for start in ("", "src/") for end in _MODULE_FILES)
    else:
        yield source.path


_MODULE_FILES = (".py", "/__init__.py")


def _full(prefix: str, path: str) -> str:
    full = posixpath.normpath(posixpath.join(prefix, path.replace("\\", "/")))
    return "" if full.startswith(("../", "/")) or full in ("..", ".") else full


def _blobs(at: Revision, names: Sequence[str]) -> list[str]:
    """Return the object each `COMMIT:PATH` names; empty where there is none."""
    asked = "".join(f"{name}\n" for name in names).encode()
    told = run_git(at.base, "cat-file", "--batch-check=%(objectname)", stdin=asked)
    lines = told.stdout.decode("utf-8", "replace").splitlines()
    if told.returncode or len(lines) != len(names):
        raise TemplateError(f"{at.base}: git cannot look files up in {len(names):,} commits")
    return ["" if line.endswith((" missing", " ambiguous")) else line for line in lines]


def _state(
    commit: str, sources: Sequence[Source], suite: Suite, suite_file: str, bad: GitVersion
) -> State:
    at = Revision(bad.revision.base, commit[:10], commit, bad.revision.prefix)
    name = bad.template
    engine = suite.templates[name].engine
    problem = ""
    for source in (*sources, _of_that_time(name, at, suite_file)):
        if source is None:
            continue
        try:
            read = read_source(source, at.base, f"{name} at {commit[:10]}", engine, at)
        except TemplateError as e:
            problem = problem or str(e)
            continue
        made = Template(name, f"git:{commit[:10]}", engine, read.text, source=read.origin)
        return State(Commit(commit), made, looked=read.looked)
    return State(Commit(commit), None, problem)


def _of_that_time(name: str, at: Revision, suite_file: str) -> Source | None:
    """Return the source that the suite of a commit gives; None where there is no such suite."""
    try:
        text = past_text(at, suite_file, _MAX_SUITE_BYTES)
        if text is None:
            return None
        toml = suite_file.endswith(".toml")
        entry = parse_suite(text, suite_file, toml=toml).templates.get(name)
        return None if entry is None else own_source(name, entry)
    except PromptregError:  # a suite of another time may be of another shape
        return None


def _described(states: Sequence[State], base: Path) -> tuple[State, ...]:
    """Return the states with what their commits say of themselves."""
    asked = "".join(f"{state.commit.hash}\n" for state in states).encode()
    shape = "--format=%H%x1f%aI%x1f%an%x1f%s"
    told = run_git(base, "log", "--no-walk=unsorted", "-z", shape, "--stdin", stdin=asked)
    known = {}
    for entry in told.stdout.decode("utf-8", "replace").split("\0"):
        words = entry.split("\x1f")
        if len(words) == 4:
            known[words[0]] = Commit(*words)
    return tuple(State(known.get(s.commit.hash, s.commit), s.template, s.problem) for s in states)

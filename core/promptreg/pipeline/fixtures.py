"""What `validate` says of frozen scenarios: are they what was generated, and still fresh?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from promptreg.discovery import Plugins, load_plugins
from promptreg.errors import PromptregError
from promptreg.pipeline.embed import Place
from promptreg.pipeline.embed.frozen import whole
from promptreg.pipeline.generate import SCENARIOS, make_generator
from promptreg.pipeline.keys import digest
from promptreg.pipeline.project import Project
from promptreg.stages.lint import Finding
from promptreg.store.fixture import (
    EMBEDDINGS,
    MANIFEST,
    FixtureManifest,
    changed_files,
    is_pointer,
    read_manifest,
    read_vectors,
)
from promptreg.suite import GenerateEntry, GenerationFile, find_suite, load_generation

__all__ = ["check_fixture", "check_generated"]


@dataclass(frozen=True, slots=True)
class _File:
    """What a file says of frozen scenarios: a suite's, or one with the section `generate` alone."""

    path: Path
    plugins: Plugins
    entry: GenerateEntry | None
    scenarios: Path | None
    embedding: Place | None

    @property
    def base(self) -> Path:
        return self.path.resolve().parent

    @property
    def output(self) -> Path | None:
        return None if self.entry is None else (self.base / self.entry.output).resolve()


def check_generated(config: str | None) -> tuple[Path, Sequence[Finding]] | None:
    """Return a file with the section `generate` alone and what is wrong with what it makes.

    None where the file is a suite, or none.

    Raises:
        SuiteError: there is no file, or it says something it may not.
    """
    path = find_suite(config)
    if path.suffix == ".toml":
        return None
    try:
        found = load_generation(path)
    except PromptregError:  # whoever reads it as a suite says more
        return None
    if not isinstance(found, GenerationFile):
        return None
    plugins = load_plugins()
    store = path.resolve().parent / found.store
    place = None if found.embedder is None else Place(path, found.embedder, plugins, store)
    return path, _check(_File(path, plugins, found.generate, None, place), None)


def check_fixture(project: Project, now: datetime | None = None) -> list[Finding]:
    """Return what is wrong with the fixture that a suite reads or says how to make.

    Errors: a file that is missing, was changed by hand, or is a pointer of git LFS. Warnings: the
    set is older than it may be, or the generator's settings would make another one.

    Args:
        project: the suite.
        now: the present; None: the clock's.
    """
    suite = project.suite
    place = None if suite.embedder is None else Place.of(project)
    file = _File(
        project.path, project.plugins, suite.generate, project.base / suite.scenarios, place
    )
    return _check(file, now)


def _check(file: _File, now: datetime | None) -> list[Finding]:
    folders = {p for p in (file.output, file.scenarios and file.scenarios.resolve().parent) if p}
    findings: list[Finding] = []
    for folder in sorted(folders):
        try:
            manifest = read_manifest(folder)
        except PromptregError as e:
            findings.append(_told("fixture", folder / MANIFEST, str(e)))
            continue
        if manifest is not None:
            findings += _files(folder, manifest)
            findings += _embeddings(file, folder, manifest)
            if file.entry is not None and folder == file.output:
                findings += _age(file.entry, folder, manifest, now or datetime.now(UTC))
                findings += _settings(file, folder, manifest)
    return findings + list(_place(file))


def _told(code: str, path: Path, problem: str) -> Finding:
    """Return an error about a file; most problems begin with the file's path."""
    where, sign, message = problem.partition(": ")
    if sign and where.startswith(str(path)):
        return Finding("error", code, where, message)
    return Finding("error", code, str(path), problem)


def _place(file: _File) -> Iterator[Finding]:
    """Find a suite that generates one set and reads another, or has generated none."""
    if file.entry is None:
        return
    folder = file.base / file.entry.output
    try:
        manifest = read_manifest(folder) if folder.is_dir() else None
    except PromptregError:  # a finding of its own
        manifest = None
    names = manifest.files if manifest is not None else {}
    tables = [n for n in names if n.endswith(".parquet") and n != EMBEDDINGS]
    made = folder / (tables[0] if len(tables) == 1 else SCENARIOS)
    where = f"{file.path}: generate"
    if not made.exists():
        message = f"{made} does not exist; 'promptreg generate' makes it"
        yield Finding("error", "no-fixture", where, message)
    elif file.scenarios is not None and made.resolve() != file.scenarios.resolve():
        message = f"makes {made}, but the suite reads {file.scenarios}"
        yield Finding("warning", "other-scenarios", where, message)
    elif manifest is None and not (folder / MANIFEST).exists():
        message = (
            f"has no {MANIFEST}, so nobody can tell whether the files are those that were made; it "
            "belongs into git with them"
        )
        yield Finding("warning", "no-manifest", str(folder), message)


def _files(folder: Path, manifest: FixtureManifest) -> Iterator[Finding]:
    for problem in changed_files(folder, manifest):
        yield _told("fixture-changed", folder, problem)


def _embeddings(file: _File, folder: Path, manifest: FixtureManifest) -> Iterator[Finding]:
    """Find vectors that are not what the manifest says, or that the suite would not use."""
    facts, place = manifest.embeddings, file.embedding
    path = folder / EMBEDDINGS
    if not facts:
        if place is not None and file.entry is not None:
            message = (
                f"has no {EMBEDDINGS}, but the suite names an embedder; vectors are computed when "
                "they are needed until the set is generated again"
            )
            yield Finding("info", "fixture-embeddings", str(folder), message)
        return
    rows, count = whole(facts.get("rows")), whole(manifest.scenarios.get("count"))
    if EMBEDDINGS not in manifest.files or rows != count:
        message = (
            f"{MANIFEST}: embeddings: {rows:,} rows for {count:,} scenarios, "
            f"{'with' if EMBEDDINGS in manifest.files else 'without'} {EMBEDDINGS} among the files"
        )
        yield Finding("error", "fixture-embeddings", str(folder), message)
    elif path.is_file() and not is_pointer(path):  # what is not there, `_files` says
        try:
            read_vectors(path, rows, whole(facts.get("dimensions")))
        except PromptregError as e:
            yield Finding("error", "fixture-embeddings", str(path), str(e))
    if place is None:
        return
    try:
        then: dict[str, Any] = {"use": facts.get("use"), "identity": facts.get("identity")}
        now: dict[str, Any] = {"use": place.entry.use, "identity": dict(place.make().identity())}
    except PromptregError as e:
        yield Finding("warning", "embedder", f"{file.path}: embedder", str(e))
        return
    if digest(now) != digest(then):
        message = (
            f"its {EMBEDDINGS} were made by another embedder ({facts.get('use')!s:.80}) than the "
            "suite's, or by another model; they are not used: generate the set again"
        )
        yield Finding("warning", "fixture-embeddings", str(folder), message)


def _age(
    entry: GenerateEntry, folder: Path, manifest: FixtureManifest, now: datetime
) -> Iterator[Finding]:
    if entry.max_age_days is None:
        return
    days = (now - manifest.created).total_seconds() / 86_400
    if days > entry.max_age_days:
        message = (
            f"was generated {days:.0f} days ago ({manifest.created_at}), more than the "
            f"{entry.max_age_days:g} of generate.max_age_days; generate it again"
        )
        yield Finding("warning", "fixture-old", str(folder), message)


def _settings(file: _File, folder: Path, manifest: FixtureManifest) -> Iterator[Finding]:
    entry = file.entry
    if entry is None:
        return
    try:
        generator = make_generator(file.plugins, entry, file.path)
        identity: Any = generator.identity()
    except PromptregError as e:
        yield Finding("error", "generator", f"{file.path}: generate", str(e))
        return
    then = manifest.generator
    now = {
        "use": entry.use,
        "seed": entry.seed,
        "size": entry.size,
        "prompts": entry.prompts,
        "identity": identity,
    }
    changed = [name for name in now if name != "identity" and now[name] != then.get(name)]
    before: Any = then.get("identity")
    changed += _differing(before if isinstance(before, Mapping) else {}, identity)
    if changed:
        message = (
            f"was generated with other settings ({', '.join(changed)}); generate it again, or take "
            "the change back"
        )
        yield Finding("warning", "fixture-stale", str(folder), message)


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]

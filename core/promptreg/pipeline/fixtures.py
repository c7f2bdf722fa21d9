"""What `validate` says of frozen scenarios: are they what was generated, and still fresh?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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

__all__ = ["check_fixture"]


def check_fixture(project: Project, now: datetime | None = None) -> list[Finding]:
    """Return what is wrong with the fixture that a suite reads or says how to make.

    Errors: a file that is missing, was changed by hand, or is a pointer of git LFS. Warnings: the
    set is older than it may be, or the generator's settings would make another one.

    Args:
        project: the suite.
        now: the present; None: the clock's.
    """
    entry = project.suite.generate
    scenarios = project.base / project.suite.scenarios
    folders = {scenarios.resolve().parent}
    if entry is not None:
        folders.add((project.base / entry.output).resolve())
    findings: list[Finding] = []
    for folder in sorted(folders):
        try:
            manifest = read_manifest(folder)
        except PromptregError as e:
            findings.append(Finding("error", "fixture", str(folder / MANIFEST), str(e)))
            continue
        if manifest is not None:
            findings += _files(folder, manifest)
            findings += _embeddings(project, folder, manifest)
            if entry is not None and folder == (project.base / entry.output).resolve():
                findings += _age(project, folder, manifest, now or datetime.now(UTC))
                findings += _settings(project, folder, manifest)
    return findings + list(_place(project, scenarios))


def _place(project: Project, scenarios: Path) -> Iterator[Finding]:
    """Find a suite that generates one set and reads another, or has generated none."""
    entry = project.suite.generate
    if entry is None:
        return
    folder = project.base / entry.output
    try:
        manifest = read_manifest(folder) if folder.is_dir() else None
    except PromptregError:  # a finding of its own
        manifest = None
    names = manifest.files if manifest is not None else {}
    tables = [n for n in names if n.endswith(".parquet") and n != EMBEDDINGS]
    made = folder / (tables[0] if len(tables) == 1 else SCENARIOS)
    where = f"{project.path}: generate"
    if not made.exists():
        message = f"{made} does not exist; 'promptreg generate' makes it"
        yield Finding("error", "no-fixture", where, message)
    elif made.resolve() != scenarios.resolve():
        message = f"makes {made}, but the suite reads {scenarios}"
        yield Finding("warning", "other-scenarios", where, message)


def _files(folder: Path, manifest: FixtureManifest) -> Iterator[Finding]:
    for problem in changed_files(folder, manifest):
        yield Finding("error", "fixture-changed", str(folder), problem)


def _embeddings(project: Project, folder: Path, manifest: FixtureManifest) -> Iterator[Finding]:
    """Find vectors that are not what the manifest says, or that the suite would not use."""
    facts, entry = manifest.embeddings, project.suite.embedder
    path = folder / EMBEDDINGS
    if not facts:
        if entry is not None and project.suite.generate is not None:
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
    if entry is None:
        return
    try:
        then: dict[str, Any] = {"use": facts.get("use"), "identity": facts.get("identity")}
        now: dict[str, Any] = {
            "use": entry.use,
            "identity": dict(Place.of(project).make().identity()),
        }
    except PromptregError as e:
        yield Finding("warning", "embedder", f"{project.path}: embedder", str(e))
        return
    if digest(now) != digest(then):
        message = (
            f"its {EMBEDDINGS} were made by another embedder ({facts.get('use')!s:.80}) than the "
            "suite's, or by another model; they are not used: generate the set again"
        )
        yield Finding("warning", "fixture-embeddings", str(folder), message)


def _age(
    project: Project, folder: Path, manifest: FixtureManifest, now: datetime
) -> Iterator[Finding]:
    entry = project.suite.generate
    if entry is None or entry.max_age_days is None:
        return
    days = (now - manifest.created).total_seconds() / 86_400
    if days > entry.max_age_days:
        message = (
            f"was generated {days:.0f} days ago ({manifest.created_at}), more than the "
            f"{entry.max_age_days:g} of generate.max_age_days; generate it again"
        )
        yield Finding("warning", "fixture-old", str(folder), message)


def _settings(project: Project, folder: Path, manifest: FixtureManifest) -> Iterator[Finding]:
    entry = project.suite.generate
    if entry is None:
        return
    try:
        generator = make_generator(project.plugins, entry, project.path)
        identity: Any = generator.identity()
    except PromptregError as e:
        yield Finding("error", "generator", f"{project.path}: generate", str(e))
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

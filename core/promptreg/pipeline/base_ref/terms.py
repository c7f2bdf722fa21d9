"""The terms of the comparison: policy and scenarios, of the base unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, PluginError, SuiteError
from promptreg.pipeline.base_ref.base import Base
from promptreg.pipeline.project import Options, Project
from promptreg.records import ScenarioSet
from promptreg.stages.load import (
    edited_files,
    is_tracked,
    past_bytes,
    past_scenarios,
    past_text,
)
from promptreg.suite import ProviderEntry, Suite

__all__ = ["Terms", "agree"]

_POLICY = (
    *("gate", "scorers", "answer", "repeats", "seed", "cluster", "attributes"),
    *("clock", "allow_role_tokens"),
)
"""Keys of a suite that decide how a template is judged; `select` besides."""
_MAX_FILE_BYTES = 256_000
_HOW_TO_REACH = frozenset(
    {"concurrency", "retries", "timeout", "warm_up", "requests_per_minute", "prices"}
    | {"api_key_env", "ready_timeout", "transport", "id_slot", "cache_prompt"}
)
"""Keys of a provider that say how it is asked, not what answers."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What both sides are held to.

    Attributes:
        project: the work tree's suite with the policy that applies.
        scenarios: every scenario, none left out yet.
        of_base: whether policy and scenarios are those of the base.
        changed: what the change edits of them.
        warnings: what a reader must know.
    """

    project: Project
    scenarios: ScenarioSet
    of_base: bool
    changed: tuple[str, ...]
    warnings: tuple[str, ...]

    @contextmanager
    def blame(self, base: Base) -> Iterator[None]:
        """Say in errors of the policy whose policy it is."""
        try:
            yield
        except (SuiteError, PluginError) as e:
            if not self.of_base:
                raise
            raise type(e)(f"{e} (the policy of {base.commit}, the {base.revision.name})") from e


def agree(
    project: Project, base: Base, renamed: Mapping[str, str], *, allow_policy_change: bool
) -> Terms:
    """Return the terms that both sides are held to.

    Args:
        project: the work tree's suite.
        base: the suite where the change started.
        renamed: what templates were called there that have another name now.
        allow_policy_change: whether the work tree's policy and scenarios decide.

    Raises:
        DataError: scenarios cannot be read, or are in git now and were not at the base.
    """
    now, then = project.suite, base.suite
    before, notes = _base_scenarios(project, base, allow_policy_change=allow_policy_change)
    after = _work_scenarios(project, then, before)
    changed = [*_policy_changes(now, then, renamed), *_file_changes(project, base)]
    if before is not None and (after is None or after.sha256 != before.sha256):
        count = "cannot be read" if after is None else f"{len(after.scenarios)}"
        changed.append(f"scenarios ({len(before.scenarios)} before, {count} now)")
    if changed:
        told = ", ".join(changed)
        notes.append(
            f"the change edits the policy: {told}; allowed by --allow-policy-change: the work "
            "tree's policy and scenarios decide"
            if allow_policy_change
            else f"the change edits the policy: {told}; not followed: the policy and the scenarios "
            f"of {base.commit} decide (--allow-policy-change takes the work tree's)"
        )
    if shaped := list(_providers_changes(now, then)):
        notes.append(
            f"the change edits the provider: {', '.join(shaped)}; both sides are asked as the work "
            "tree says, so what that changes is not part of the comparison"
        )
    used = before or after
    if edited := _edited_images(base, used):
        notes.append(
            f"the change edits {len(edited)} images that scenarios show: {', '.join(edited[:5])}"
            f"{' ...' if len(edited) > 5 else ''}; both sides are asked about them as they are now"
        )
    if now.store != then.store:
        notes.append(
            f"the change moves the run store from {then.store} to {now.store}: completions are "
            "read from the new one"
        )
    if allow_policy_change:
        scenarios = project.scenarios(Options())
        return Terms(project, scenarios, False, tuple(changed), tuple(notes))
    assert before is not None  # noqa: S101 - for the type checker; only an allowed edit may lack it
    select = {**then.select}
    for name in now.templates:
        if name not in then.templates:
            rule = (then if name in renamed else now).select.get(renamed.get(name, name))
            select |= {name: rule} if rule else {}
    policy = {key: getattr(then, key) for key in _POLICY} | {"select": select}
    judged = replace(
        project,
        suite=now.model_copy(update=policy),
        past=lambda name: past_text(base.revision, name, _MAX_FILE_BYTES),
        past_bytes=lambda name: past_bytes(base.revision, name),
    )
    return Terms(judged, before, True, tuple(changed), tuple(notes))


def _base_scenarios(
    project: Project, base: Base, *, allow_policy_change: bool
) -> tuple[ScenarioSet | None, list[str]]:
    """Return the scenarios at the base, None where git does not hold them, and what to say."""
    then = base.suite
    try:
        found = past_scenarios(
            base.revision, then.scenarios, cluster=then.cluster, attributes=then.attributes
        )
    except DataError:
        if allow_policy_change:  # an edit that mends them
            return None, [f"the scenarios at {base.commit} cannot be read"]
        raise
    if found is not None:
        return found, []
    if is_tracked(project.base, then.scenarios):
        if allow_policy_change:
            return None, []
        raise DataError(
            f"{then.scenarios}: the suite at {base.commit} names these scenarios, and git holds "
            "them only since this change, so nothing says whether it edits them; "
            "--allow-policy-change takes them as they are"
        )
    return _read_as(project, then, then.scenarios), [
        f"{then.scenarios}: not in git at {base.commit}: the file as it is now serves both sides, "
        "and nothing says whether it was edited"
    ]


def _work_scenarios(
    project: Project, then: Suite, before: ScenarioSet | None
) -> ScenarioSet | None:
    """Return the work tree's scenarios, read as the base reads them, so that content compares.

    None where they cannot be read so.
    """
    path = project.base / project.suite.scenarios
    if before is not None and Path(before.source).resolve() == path.resolve():
        return before  # the same bytes: read once
    try:
        return _read_as(project, then, project.suite.scenarios)
    except DataError:
        return None


def _edited_images(base: Base, scenarios: ScenarioSet | None) -> tuple[str, ...]:
    shown = {path for s in scenarios.scenarios for path in s.images} if scenarios else set()
    return edited_files(base.revision, sorted(shown))


def _read_as(project: Project, then: Suite, path: str) -> ScenarioSet:
    update = {"scenarios": path, "cluster": then.cluster, "attributes": then.attributes}
    suite = project.suite.model_copy(update=update)
    return replace(project, suite=suite).scenarios(Options())


def _policy_changes(now: Suite, then: Suite, renamed: Mapping[str, str]) -> Iterator[str]:
    for key in _POLICY:
        left, right = getattr(then, key), getattr(now, key)
        if left == right:
            continue
        if key in ("gate", "answer"):
            yield from (f"{key}.{k}" for k in _unequal(left.model_dump(), right.model_dump()))
        else:
            yield key
    for name in now.templates:
        old = renamed.get(name, name)
        if old in then.templates and now.select.get(name) != then.select.get(old):
            yield f"select.{name}"


def _file_changes(project: Project, base: Base) -> Iterator[str]:
    """Yield the files that the base's scorers name and the change edits: rubrics, labels."""
    for at, entry in enumerate(base.suite.scorers):
        for value in entry.settings.values():
            if not isinstance(value, str) or not _is_file(project.base / value):
                continue
            before = past_bytes(base.revision, value)
            if before is not None and _plain(before) != _plain((project.base / value).read_bytes()):
                yield f"{value} (scorers[{at}])"


def _plain(data: bytes) -> bytes:
    """Return a file without what a checkout may change of it."""
    return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with NUL: no path was meant
        return False


def _providers_changes(now: Suite, then: Suite) -> Iterator[str]:
    """Yield what differs of who answers: of `provider`, of `providers`, and of who names whom."""
    yield from _provider_changes(now.provider, then.provider)
    for name in _unequal(then.providers, now.providers):
        if name in then.providers and name in now.providers:
            changed = _provider_changes(now.providers[name], then.providers[name])
            yield from (f"providers.{name}.{key}" for key in changed)
        else:
            yield f"providers.{name}"
    for template, entry in now.templates.items():
        before = then.templates.get(template)
        for label in entry.versions:
            if before is None or label not in before.versions:
                continue
            if before.providers.get(label) != entry.providers.get(label):
                yield f"the provider of {template}@{label}"


def _provider_changes(now: ProviderEntry, then: ProviderEntry) -> Iterator[str]:
    """Yield the keys that differ, never their values: one of them may be a secret."""
    left, right = then.model_dump(), now.model_dump()
    for key in _unequal(left, right):
        if key in _HOW_TO_REACH:
            continue
        a, b = left.get(key), right.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from (f"{key}.{k}" for k in _unequal(a, b))
        else:
            yield key


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    absent = object()
    return [k for k in sorted({*a, *b}) if a.get(k, absent) != b.get(k, absent)]

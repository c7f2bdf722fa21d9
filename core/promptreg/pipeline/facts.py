"""Fingerprints: what, besides the template, shaped a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptreg.clock import utc_now
from promptreg.discovery import Plugins
from promptreg.pipeline.code import code_digest
from promptreg.pipeline.keys import digest
from promptreg.pipeline.project import Project
from promptreg.pipeline.work import Version, Work
from promptreg.records import RunFacts, ScenarioSet
from promptreg.suite import ScorerEntry

__all__ = ["provider_facts", "run_facts", "scorer_facts", "settled_facts"]


def run_facts(
    project: Project,
    work: Work,
    scenarios: ScenarioSet,
    answering: Sequence[tuple[str, Mapping[str, str], bool]],
    *,
    outside: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[RunFacts]:
    """Return what identifies the run of each version, in the order of the work.

    Args:
        project: the opened suite.
        work: what is run.
        scenarios: the set the versions' scenarios come from.
        answering: for each version its provider, for people; that provider's fingerprints;
            whether answers are made up.
        outside: what scorers say shapes their scores besides settings and code, by their number.
    """
    suite = project.suite
    now = utc_now()
    every = {
        "scorers": scorer_facts(suite.scorers, project.plugins, outside),
        "parser": digest(suite.answer.model_dump(mode="json")),
        "seed": str(work.seed),
        # It is no column, so no scenario tells of it; a suite without one has prompts without it.
        **({} if suite.clock is None else {"clock": suite.clock}),
    }
    return [
        settled_facts(
            RunFacts(
                suite=suite.suite,
                template=version.template.name,
                label=version.template.label,
                template_sha256=version.template.sha256,
                fingerprints={**prints, **every},
                partial=False,
                synthetic=synthetic,
                provider=line,
                created_at=now,
                source=version.template.source,
                provider_name=version.template.provider_name,
            ),
            version,
            scenarios,
            work.repeats,
        )
        for version, (line, prints, synthetic) in zip(work.versions, answering, strict=True)
    ]


def settled_facts(
    facts: RunFacts, version: Version, scenarios: ScenarioSet, repeats: int
) -> RunFacts:
    """Return the facts with what depends on how many trials are made."""
    kept = {s.id for s in scenarios.scenarios}
    ids = digest(sorted(s.id for s in version.scenarios if s.id in kept))
    prints = {"scenarios": digest([scenarios.sha256, ids]), "repeats": str(repeats)}
    return replace(facts, fingerprints={**facts.fingerprints, **prints}, partial=scenarios.partial)


def provider_facts(
    use: str, identity: Mapping[str, Any], server: Mapping[str, Any], model: str
) -> tuple[str, dict[str, str]]:
    """Return one line about the provider for people, and its fingerprints.

    Args:
        use: the provider's registered name.
        identity: what it says shapes its completions.
        server: what the server says of itself.
        model: the model's name; empty when unknown.
    """
    sampling = identity.get("sampling", {})
    rest = {k: v for k, v in identity.items() if k != "sampling"}
    where = str(identity.get("endpoint") or identity.get("url") or identity.get("path") or "")
    name = model or str(identity.get("model") or "")
    line = " ".join(part for part in (use, name, f"at {where}" if where else "") if part)
    return line, {
        "provider": digest({"use": use, **rest}),
        "sampling": digest(sampling),
        "model": digest(dict(server)),
    }


def scorer_facts(
    entries: Sequence[ScorerEntry],
    plugins: Plugins,
    outside: Mapping[int, Mapping[str, Any]] | None = None,
) -> str:
    """Return the fingerprint of the scorers: settings, owner and source code of each.

    And, by the scorer's number, what it says shapes its scores besides: a judge's model, a file.

    The code of the metric that every run has, `answered`, is promptreg's own, as its version is.
    """
    parts: list[Any] = []
    for entry in entries:
        found = plugins.scorers.get(entry.use)
        if callable(getattr(found.factory, "score_pairs", None)):
            continue  # asked by comparisons: what it says is no part of any run
        beside = getattr(found.factory, "beside_scores", ())
        settings = {k: v for k, v in entry.settings.items() if k not in beside}
        parts.append([entry.use, settings, found.owner, code_digest(found.factory)])
    if outside:
        parts.append({str(at): dict(said) for at, said in outside.items()})
    return digest(parts)

"""Opens what answers: the provider is asked what it is, and the caller is given its limits."""

from __future__ import annotations

from typing import Any

from promptreg.errors import PluginError, PromptregError, ProviderError
from promptreg.pipeline.keys import digest
from promptreg.pipeline.project import Project
from promptreg.protocols import Probe, Provider
from promptreg.stages.call import Budget, Caller, Spent
from promptreg.store.probes import recall_probe, remember_probe
from promptreg.suite import ProviderEntry

__all__ = ["make_caller", "probed", "probed_as"]


def make_caller(
    entry: ProviderEntry,
    provider: Provider,
    *,
    concurrency: int,
    budget: Budget | None = None,
    spent: Spent | None = None,
) -> Caller:
    """Return the caller of a suite's provider; to be made inside the event loop it works in."""
    return Caller(
        provider,
        concurrency=concurrency,
        retries=entry.retries,
        connect_s=entry.timeout.connect,
        read_s=entry.timeout.read,
        total_s=entry.timeout.total,
        requests_per_minute=entry.requests_per_minute,
        budget=budget,
        prices={str(k): v for k, v in (entry.prices or {}).items()},
        spent=spent,
    )


async def probed(project: Project, provider: Provider, name: str = "") -> Probe:
    """Ask the provider what it is; a silent one may still be served from the store.

    Raises:
        ProviderError: it is not ready, and the store does not know what it was.
    """
    use = project.suite.provider_of(name).use
    return await probed_as(
        project, use, provider, f"provider {name} ({use})" if name else f"provider {use}"
    )


async def probed_as(project: Project, use: str, provider: Provider, who: str) -> Probe:
    """Ask a provider what it is, as `probed` does; `who` names it in errors.

    Raises:
        ProviderError: it is not ready, and the store does not know what it was.
    """
    try:
        name = digest({"use": use, "identity": dict(provider.identity())})
        try:
            said: Any = await provider.probe()
        except PromptregError as e:
            said = Probe(ready=False, detail=str(e))
    except PromptregError:
        raise
    except (Exception, SystemExit) as e:  # a stranger's code may raise anything
        why = getattr(provider, "redact", str)(f"{type(e).__name__}: {e}")
        raise PluginError(f"{who} cannot say what it is: {why}") from e
    if not isinstance(said, Probe) or not isinstance(said.model, str):
        raise PluginError(f"{who}: probe() must return a Probe whose model is a text")
    probe: Probe = said
    if probe.ready:
        if provider.cacheable:
            remember_probe(project.store, name, probe.model, probe.fingerprint)
        return probe
    known = recall_probe(project.store, name) if provider.cacheable else None
    if known is None:
        raise ProviderError(f"{who}: not ready: {probe.detail}")
    return Probe(ready=False, detail=probe.detail, model=known[0], fingerprint=known[1])

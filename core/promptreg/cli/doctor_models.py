"""Are the models there that scorers ask, and the embedder: parts of `promptreg doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from promptreg.errors import ExitCode, PromptregError

if TYPE_CHECKING:
    from promptreg.pipeline.project import Project
    from promptreg.protocols import Probe, Provider

__all__ = ["Found", "embedder_found", "probe_of", "probe_words", "scorers_models"]

Found = tuple[str, bool, str, ExitCode]
"""What was looked at, whether it is well, what was found, and what to exit with if not."""


def scorers_models(project: Project) -> Iterator[Found]:
    """Yield each model that a scorer asks (judges), once for the same settings."""
    from promptreg.pipeline.keys import canonical
    from promptreg.pipeline.parts import make_scoring, model_parts

    try:
        scoring = make_scoring(project)
    except PromptregError as e:
        yield "scorers", False, str(e), e.exit_code
        return
    asking: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for plan in (*(scoring.plan(at) for at in scoring.batched), *scoring.pairwise):
        for settings in () if plan.effective else getattr(plan.scorer, "providers", ()):
            who = asking.setdefault(canonical(dict(settings)), (settings, []))[1]
            who += [] if plan.who in who else [plan.who]
    for settings, who in asking.values():
        names = ", ".join(who)
        try:
            entry, provider = model_parts(
                project, settings, where=f"{project.path}: {names}: provider"
            )
            probe = probe_of(provider)
        except PromptregError as e:
            yield names, False, str(e), e.exit_code
            continue
        yield names, probe.ready, f"{entry.use}: {probe_words(probe)}", ExitCode.EXECUTION


def probe_of(provider: Provider) -> Probe:
    """Return what a provider says of itself.

    Raises:
        PromptregError: it cannot be asked.
    """
    import asyncio

    async def ask() -> Probe:
        try:
            return await provider.probe()
        finally:
            await provider.aclose()

    return asyncio.run(ask())


def probe_words(probe: Probe) -> str:
    """Return a probe on one line."""
    detail = probe.detail or "ready"
    return detail if probe.model in detail else f"{detail}, model {probe.model}"


def embedder_found(project: Project) -> Found:
    """Return whether the embedder makes a vector; no name of a model alone tells that."""
    from promptreg.pipeline.embed import make_embedder

    use = project.suite.embedder.use if project.suite.embedder else ""
    try:
        made = make_embedder(project)
        name = str(made.identity().get("model") or "")
        shape = tuple(getattr(made.embed(["ready"]), "shape", ()))
    except PromptregError as e:
        return "embedder", False, str(e), e.exit_code
    except Exception as e:  # noqa: BLE001 - a stranger's code, or a library's, may raise anything
        return "embedder", False, f"{use}: {type(e).__name__}: {e}"[:300], ExitCode.EXECUTION
    if len(shape) != 2 or shape[0] != 1:
        told = f"{use}: one text gave vectors of shape {shape}"
        return "embedder", False, told, ExitCode.EXECUTION
    model = f", model {name}" if name else ""
    return "embedder", True, f"{use}: ready, {shape[1]} dimensions{model}", ExitCode.OK

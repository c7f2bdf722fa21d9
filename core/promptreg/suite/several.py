"""Several providers in one suite: versions that name theirs, and a default that is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg.errors import did_you_mean

__all__ = ["check_asked", "check_providers", "with_provider_by_name", "with_sources_apart"]


def with_sources_apart(entry: Any) -> Any:
    """Return a template's entry with `{file, provider}` taken apart into `versions`, `providers`.

    Raises:
        ValueError: a version is a mapping of other keys.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("versions"), dict):
        return entry
    asked = entry.get("providers") or {}
    if not isinstance(asked, dict):
        return entry
    asked = dict(asked)
    sources: dict[Any, Any] = {}
    for label, source in entry["versions"].items():
        sources[label] = source
        if isinstance(source, dict):
            if source.keys() != {"file", "provider"}:
                raise ValueError(
                    f"versions.{label} has the keys {', '.join(map(repr, source)) or 'none'}; "
                    "a version is a source, or {file: SOURCE, provider: NAME}"
                )
            sources[label], asked[label] = source["file"], source["provider"]
    return {**entry, "versions": sources, "providers": asked}


def with_provider_by_name(suite: Any) -> Any:
    """Return a suite's data with the provider that `provider` names in its place.

    Raises:
        ValueError: the name is nobody's, or is missing where there are several.
    """
    if not isinstance(suite, dict):
        return suite
    named, several = suite.get("provider"), suite.get("providers")
    if not several or not isinstance(several, dict):
        if not isinstance(named, str):
            return suite
        raise ValueError(
            f"provider is {named!r}, and there is no section 'providers' that says what it is; "
            "allowed: a mapping such as {use: llama_cpp, url: ...}"
        )
    known = ", ".join(map(str, several))
    if not isinstance(named, str):
        raise ValueError(  # noqa: TRY004 - pydantic tells users of a ValueError alone
            "with 'providers', 'provider' must be the name of the one that answers versions which "
            f"name none: one of {known}"
        )
    if named not in several:
        raise ValueError(
            f"provider {named!r} is none of providers{did_you_mean(named, map(str, several))}; "
            f"there are: {known}"
        )
    return {**suite, "provider": several[named]}


def check_providers(providers: Mapping[str, object]) -> None:
    """Refuse two names for the same settings.

    Raises:
        ValueError: names them.
    """
    names = list(providers)
    for at, name in enumerate(names):
        for other in names[:at]:
            if providers[name] == providers[other]:
                raise ValueError(
                    f"providers.{name} says the same as providers.{other}: one provider needs one "
                    "name"
                )


def check_asked(
    template: str,
    versions: Mapping[str, str],
    asked: Mapping[str, str],
    providers: Mapping[str, object],
) -> None:
    """Refuse versions that name a provider which is not there.

    Raises:
        ValueError: names the version.
    """
    for label, name in asked.items():
        if label not in versions:
            raise ValueError(f"templates.{template}.providers: no version {label!r}")
        if name not in providers:
            raise ValueError(
                f"templates.{template}.versions.{label} names the provider {name!r}"
                f"{did_you_mean(name, list(providers))}; there are: "
                f"{', '.join(providers) or 'none'} (section 'providers')"
            )
